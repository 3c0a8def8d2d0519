// Lesson 8: recurrences, and sums that the data sort.
//
// Where each element needs the one before, there is a scan; where the data say to which element something belongs, a
// scatter. Both run in an order, and this lesson is about what that costs and how to say that less order would do.
//
//     cmake --build build --target tutorial_08_scans && build/tutorials/tutorial_08_scans
//
// Read it from the top, beside what it prints. Nothing is compiled: the interpreter runs the kernels, and the checker
// says what it thinks of schedules.

#include "../lesson.hpp"

#include <coulter/coulter.h>
#include <coulter/interpreter.hpp>
#include <coulter/schedule/check.hpp>
#include <coulter/text.hpp>

#include <iostream>

using namespace coulter;

namespace {

// --- 1: a recurrence -------------------------------------------------------------------------------------------------

// An average that forgets: half of it is the newest value. `scan` keeps the dim `t`: element t is the function of
// element t - 1 and of value t, and element -1 is the identity.
Kernel forgetful() {
    Dim row("row"), t("t");
    Input x("x", f32, {row, t});
    Tensor average("average");
    average(row, t) = scan(t, {0}, {x}, [](const Tuple& before, const Tuple& value) {
        return Tuple{0.5 * before[0] + 0.5 * value[0]};
    })[0];
    return Kernel("forgetful", {average}, estimates({{row, 64}, {t, 4096}}));
}

// --- 2: the same, as a scan whose order is free
// -----------------------------------------------------------------------

// One step is the map h -> a * h + b with a = 0.5 and b = x / 2. Two steps one after the other are such a map again,
// and composing maps is associative. Element t of the scan over pairs (a, b) is then what all steps up to t do, and its
// b is what they make of 0. `associative` says so; nobody can check it for you.
Kernel composed() {
    Dim row("row"), t("t");
    Input x("x", f32, {row, t});
    Tensor steps("steps"), average("average");
    steps = scan(
        t, {1, 0}, {f32(0.5), 0.5 * x},
        [](const Tuple& first, const Tuple& second) {
            return Tuple{first[0] * second[0], second[0] * first[1] + second[1]};
        },
        associative);
    average(row, t) = steps[1];
    return Kernel("composed", {average}, estimates({{row, 64}, {t, 4096}}));
}

// --- 3: where the data say where -------------------------------------------------------------------------------------

// How often each label occurs, and the sum of what has it. An index has to be known to lie inside: 8 bits do in 256
// bins, others are clamped or left out by a `where`.
Kernel tallies() {
    Dim i("i"), bin("bin", 4);
    Input label("label", u8, {i});
    Input x("x", f32, {i});
    Tensor count("count"), total("total");
    count(bin) = sum({i}, i32(1), into(bin(index(label) % 4)));
    total(bin) = sum({i}, x, into(bin(index(label) % 4), atomic));
    return Kernel("tallies", {count, total}, estimates({{i, 1000000}}));
}

// --- what the sections share -----------------------------------------------------------------------------------------

Array row_of(Type type, std::vector<std::int64_t> shape, const std::vector<double>& values) {
    Array array(type, std::move(shape));
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (is_float(type)) {
            array.set_real(static_cast<std::int64_t>(i), values[i]);
        } else {
            array.set_integer(static_cast<std::int64_t>(i), static_cast<std::int64_t>(values[i]));
        }
    }
    return array;
}

void show(const std::string& name, const Array& array) {
    std::cout << "  " << name << ":";
    for (std::int64_t i = 0; i < array.size(); ++i) {
        std::cout << ' ' << array.real(i);
    }
    std::cout << '\n';
}

using Arrays = std::map<std::string, Array>;

/// What the checker makes of a schedule: its loops, or its mistakes. The kernel that the plan computes, interpreted,
/// gives the same as the algorithm: a schedule changes nothing else.
void judge(const Kernel& kernel, const std::string& text, const Arrays& inputs) {
    std::cout << "\n" << indented(text) << "\n";
    schedule::CheckOptions options;
    options.complete = false;
    const std::vector<schedule::ScheduleText> texts{{"lesson.sched", text}};
    const schedule::CheckResult checked = schedule::check_texts(kernel.ir(), texts, options);
    if (!checked.plan) {
        std::cout << indented(schedule::render(checked.diagnostics, texts));
        return;
    }
    std::cout << indented(schedule::loops_text(*checked.plan));
    const Arrays wanted = interpret(kernel.ir(), inputs);
    const Arrays got = interpret(checked.plan->kernel, inputs);
    for (const auto& [name, array] : wanted) {
        std::cout << "  " << name << (got.at(name).data == array.data ? " is the same\n" : " differs\n");
    }
}

} // namespace

int main() {
    const Arrays signal{{"x", row_of(f32, {1, 8}, {8, 8, 0, 0, 16, 0, 0, 4})}};
    std::cout << "1. An average that forgets\n\n" << indented(print(forgetful().ir())) << "\n";
    show("average", interpret(forgetful().ir(), signal).at("average"));
    std::cout << "\n  Rows are independent: they may be lanes and threads. The steps of a row are not.\n";
    judge(forgetful(), "schedule forgetful\nstage average { parallel row }\n", signal);
    judge(forgetful(), "schedule forgetful\nstage average { parallel t }\n", signal);
    std::cout << "\n  One long row has one thread then, unless it is cut in chunks:\n";
    judge(forgetful(), "schedule forgetful\nstage average.part = chunk average by t 4\n", signal);

    std::cout << "\n2. Steps that compose\n\n" << indented(print(composed().ir())) << "\n";
    show("average", interpret(composed().ir(), signal).at("average"));
    std::cout << "\n  The chunks are scanned at the same time, then their ends, and a map puts the two together.\n";
    judge(
        composed(),
        "schedule composed\nstage part = chunk steps by t 4\nstage part { parallel t.o }\nstage part.carry { parallel "
        "row }\nstage steps { compute inline }\nstage average { parallel row t }\n",
        signal);
    std::cout << "\n  Sums of floats meet in another order, so that `numerics exact` has no chunks of them.\n";
    judge(composed(), "schedule composed\nnumerics exact\nstage part = chunk steps by t 4\n", signal);

    const Arrays votes{{"label", row_of(u8, {6}, {2, 0, 2, 7, 255, 2})}, {"x", row_of(f32, {6}, {1, 2, 4, 8, 16, 32})}};
    std::cout << "\n3. Sums that the data sort\n\n" << indented(print(tallies().ir())) << "\n";
    const Arrays sums = interpret(tallies().ir(), votes);
    show("count", sums.at("count"));
    show("total", sums.at("total"));
    std::cout
        << "\n  A processor adds integers atomically, so that threads may share that loop. Of floats each thread gets\n"
           "  sums of its own, in an order that is the same in every call.\n";
    judge(tallies(), "schedule tallies\nstage count { split i by 4096; parallel i.o }\nstage total { compute root }\n",
          votes);
    judge(tallies(), "schedule tallies\nstage total { parallel i }\n", votes);
    judge(tallies(),
          "schedule tallies\nstage count { compute root }\nstage total { split i by 16 }\nrfactor total: i.i as "
          "total.part\nstage total.part { parallel i.i }\n",
          votes);
    return 0;
}
