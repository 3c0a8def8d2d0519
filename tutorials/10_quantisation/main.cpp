// Lesson 10: fewer bits.
//
// A number may be stored in one type, computed with in another and added up in a third. The types are in the algorithm,
// and casts lead from one to the next: nothing here is a mode of the compiler, and a schedule changes none of it.
//
//     cmake --build build --target tutorial_10_quantisation && build/tutorials/tutorial_10_quantisation
//
// Read it from the top, beside what it prints. The interpreter runs the kernels; at the end one is compiled, for a
// processor that need not be this one.

#include "../lesson.hpp"

#include <coulter/coulter.h>
#include <coulter/interpreter.hpp>
#include <coulter/text.hpp>

#include <iostream>

using namespace coulter;

namespace {

// --- 1: 16 bits to store ---------------------------------------------------------------------------------------------

// f16 has 11 bits of precision, bf16 the range of f32 and 8 bits. As storage both halve what has to be moved; added up
// in their own type they stop growing soon. So a sum over them has to say its type, and `sum({k}, x)` is an error
// [L019].
Kernel sums() {
    Dim k("k");
    Input x("x", bf16, {k});
    Tensor narrow("narrow"), wide("wide"), rounded("rounded");
    narrow() = sum({k}, x, bf16); // the sum is rounded to bf16 in every step
    wide() = sum({k}, x, f32);    // each value is widened, which is exact
    rounded() = bf16(wide());     // rounded once, at the end
    return Kernel("sums", {narrow, wide, rounded}, estimates({{k, 4096}}));
}

// --- 2: 8 bits with a scale ------------------------------------------------------------------------------------------

// The largest magnitude of a row becomes 127, all else is rounded to a multiple of a 127th of it. Such a function is
// written once and used like any other; models/quantised.hpp has it, and forms with zero points and groups.
struct Quantised {
    Tensor q, scale;
};
Quantised quantise(const Arg& x, const Dim& over) {
    Function f("quantise", {x});
    Tensor scale("scale"), q("q");
    scale = max({over}, abs(x)) / 127;
    q = i8(clamp(round(x / scale), -127, 127));
    return {q, scale};
}

Kernel rows() {
    Dim row("row"), k("k");
    Input x("x", f32, {row, k});
    const Quantised quantised = quantise(x, k);
    Tensor q("q"), scale("scale"), back("back");
    q(row, k) = quantised.q;
    scale(row) = quantised.scale;
    back(row, k) = scale * f32(q);
    return Kernel("rows", {q, scale, back}, estimates({{row, 256}, {k, 1024}}));
}

// --- 3: 4 bits, two in a byte ----------------------------------------------------------------------------------------

// There is no type of 4 bits, and none is needed: a byte holds two numbers, each plus 8, and bits take it apart.
Kernel nibbles() {
    Dim pair("pair");
    Input low("low", i8, {pair}), high("high", i8, {pair});
    Tensor packed("packed"), low_again("low_again"), high_again("high_again");
    packed(pair) = u8(low + 8) | (u8(high + 8) << 4);
    low_again(pair) = i8(packed & 15) - 8;
    high_again(pair) = i8(packed >> 4) - 8;
    return Kernel("nibbles", {packed, low_again, high_again}, estimates({{pair, 1024}}));
}

// --- 4: a product ----------------------------------------------------------------------------------------------------

// Scales and zero points are the same along k, so they stay outside of the sum, which is one of integers: exact, and in
// any order the same. Rows are u8 here, with 128 for 0, since a processor's instruction wants one factor with a sign
// and one without.
Kernel product() {
    Dim row("row"), col("col"), k("k");
    Input x("x", u8, {row, k}), weight("weight", i8, {col, k}), x_scale("x_scale", f32, {row}),
        scale("scale", f32, {col});
    weight.frozen();
    Tensor dot("dot"), offset("offset"), result("result");
    dot = sum({k}, i32(x) * i32(weight));
    offset = sum({k}, i32(weight));
    result(row, col) = x_scale * scale * f32(dot - 128 * offset);
    return Kernel("product", {result}, estimates({{row, 256}, {col, 256}, {k, 1024}}));
}

// --- what the sections share -----------------------------------------------------------------------------------------

using Arrays = std::map<std::string, Array>;

Array array_of(Type type, std::vector<std::int64_t> shape, const std::vector<double>& values) {
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

void show(const Kernel& kernel, const Arrays& inputs) {
    std::cout << indented(print(kernel.ir())) << '\n';
    const Arrays results = interpret(kernel.ir(), inputs);
    for (const std::string& name : kernel.ir().outputs) {
        const Array& array = results.at(name);
        std::cout << "  " << name << ":";
        for (std::int64_t i = 0; i < array.size(); ++i) {
            if (is_float(array.type)) {
                std::cout << ' ' << array.real(i);
            } else {
                std::cout << ' ' << array.integer(i);
            }
        }
        std::cout << '\n';
    }
}

void run(const std::string& command) {
    std::cout << "\n$ " << command << '\n'
              << indented(output_of("cd " + quoted(FOLDER) + " && PATH=" + quoted(PROGRAMS) + ":$PATH && { " + command +
                                    "; }"));
}

void lesson() {
    std::cout << "== 1: 16 bits to store ==\n\nThe sum of 1000 ones:\n\n";
    show(sums(), {{"x", array_of(Type::bf16, {1000}, std::vector<double>(1000, 1.0))}});
    std::cout << "\nFrom 256 on one more is less than half of bf16's last bit.\n";

    std::cout << "\n== 2: 8 bits with a scale ==\n\n";
    show(rows(), {{"x", array_of(Type::f32, {2, 4}, {1, -0.5, 0.25, 0.1, 254, 100, -7, 3})}});

    std::cout << "\n== 3: 4 bits, two in a byte ==\n\n";
    show(nibbles(),
         {{"low", array_of(Type::i8, {4}, {-8, -1, 0, 7})}, {"high", array_of(Type::i8, {4}, {7, 3, 0, -8})}});

    std::cout << "\n== 4: a product ==\n\n";
    show(product(), {{"x", array_of(Type::u8, {1, 4}, {255, 0, 128, 130})},
                     {"weight", array_of(Type::i8, {2, 4}, {1, 2, 3, 4, -127, 127, 5, 0})},
                     {"x_scale", array_of(Type::f32, {1}, {0.5})},
                     {"scale", array_of(Type::f32, {2}, {0.25, 2})}});

    std::cout << R"(
== 5: the instruction ==

Where both factors of such a sum lie side by side along k, in groups of two or four that are unrolled, the lowering takes
the processor's instruction for dot products in place of multiplications and additions. Frozen weights are packed so, once.
The default schedule does it by itself:
)";
    (void)output_of("mkdir -p " + quoted(FOLDER));
    write_kernel(product().ir(), FOLDER);
    run("coulter autoschedule product.coulter --target x86-64-avx512_sapphirerapids -o vnni.sched && grep -E "
        "'pack|split k' "
        "vnni.sched");
    run("coulter show product.coulter vnni.sched --target x86-64-avx512_sapphirerapids --as asm | grep -ow vpdpbusd | "
        "sort "
        "-u");
    std::cout << "\nA processor without it has one that adds two products of 16 bits:\n";
    run("coulter autoschedule product.coulter --target x86-64-avx2 -o avx2.sched && grep -E 'pack|split k' avx2.sched");
    run("coulter show product.coulter avx2.sched --target x86-64-avx2 --as asm | grep -ow vpmaddwd | sort -u");
    std::cout << "\nThe results are those of the algorithm, to the last bit, whatever k is:\n";
    run("coulter verify product.coulter avx2.sched --cases 4 > verify.txt && echo verified");
}

} // namespace

int main() {
    try {
        lesson();
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 4;
    }
    return 0;
}
