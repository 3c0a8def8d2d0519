// How long the schedule of EM routing is, against what it would be for one iteration and without macros and wildcards.

#include "coulter/schedule/check.hpp"
#include "models/em_routing.hpp"
#include "support/shipped_schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

using namespace coulter;
using namespace coulter::test;
using schedule::CheckResult;
using schedule::Directive;
using schedule::ScheduleFile;
using schedule::Statement;

namespace {

constexpr int iterations = 3; // of the kernel that the schedule is shipped for

ir::Kernel routing(int passes) {
    using namespace coulter::models;
    Dim batch("batch"), y("y"), x("x"), iy("iy"), ix("ix"), in("in"), out("out");
    Dim ky("ky", 3), kx("kx", 3), row("row", 4), col("col", 4), k("k", 4);
    Dim py("py", most_parents(ky, 2)), px("px", most_parents(kx, 2));
    Input pose("pose", f32, {batch, iy, ix, in, row, k}), activation("activation", f32, {batch, iy, ix, in});
    Input weight("weight", f32, {ky, kx, in, out, k, col});
    Input beta_u("beta_u", f32, {out}), beta_a("beta_a", f32, {out});
    weight.frozen();
    Tensor votes("votes"), pose_out("pose_out"), activation_out("activation_out");
    votes(batch, y, x, ky, kx, in, out, row, col) = conv_capsule_votes(pose, weight, {iy, y, ky}, {ix, x, kx}, k, 2);
    const CapsuleLayer layer{{{{iy, y, ky}, py}, {{ix, x, kx}, px}}, 2, {in}, out, {row, col}};
    const Capsules parents = em_routing(votes, activation, beta_u, beta_a, layer, {.iterations = passes});
    pose_out(batch, y, x, out, row, col) = parents.pose;
    activation_out(batch, y, x, out) = parents.activation;
    return Kernel("em_routing", {pose_out, activation_out},
                  estimates({{batch, 8}, {iy, 14}, {ix, 14}, {in, 16}, {out, 16}}))
        .ir();
}

CheckResult checked(const ir::Kernel& kernel, const std::string& text) {
    const std::vector<schedule::ScheduleText> texts{{"em_routing.sched", text}};
    CheckResult result = schedule::check_texts(kernel, texts);
    INFO(schedule::render(result.diagnostics, texts));
    REQUIRE(result.ok());
    return result;
}

ScheduleFile parsed(const std::string& text) {
    schedule::SyntaxResult result = schedule::parse_schedule(text, "em_routing.sched");
    REQUIRE(result.ok());
    return result.file;
}

/// Lines that say something.
int lines(const std::string& text) {
    std::istringstream stream(text);
    int count = 0;
    for (std::string line; std::getline(stream, line);) {
        const std::size_t first = line.find_first_not_of(' ');
        count += first != std::string::npos && line[first] != '#' ? 1 : 0;
    }
    return count;
}

/// `X[t]` as the kernel of one iteration calls it, where it is one of a few that are numbered in the kernel of several.
std::string without_index(const std::string& name) {
    const std::size_t open = name.find('[');
    return open == std::string::npos ? name : name.substr(0, open) + name.substr(name.find(']') + 1);
}

/// The schedule of one iteration: what `text`, without macros and wildcards, says of the stages that the kernel `one`
/// has. Of several iterations the last counts whose stage has the same dims. It is written as briefly as people do.
std::string for_one_iteration(const std::string& text, const ir::Kernel& several, const ir::Kernel& one) {
    const auto dims_of = [](const ir::Kernel& kernel, const std::string& name) {
        const ir::Definition* found = kernel.find_definition(name);
        return found == nullptr ? std::vector<std::string>{} : found->dims;
    };
    std::vector<Statement> kept;
    for (Statement s : parsed(text).statements) {
        const std::string of = s.kind == Statement::Kind::accumulate ? s.source.text : s.stage.text;
        const std::string subject = of.ends_with(".acc") ? of.substr(0, of.size() - 4) : of;
        const std::string name = without_index(subject);
        if (several.find_definition(subject) != nullptr &&
            (one.find_definition(name) == nullptr || dims_of(one, name) != dims_of(several, subject))) {
            continue;
        }
        for (schedule::Name* each : {&s.stage, &s.source}) {
            each->text = without_index(each->text);
        }
        for (Directive& d : s.directives) {
            d.place.stage.text = without_index(d.place.stage.text);
            if (d.place.stage.text == "pose_out.em.logits") { // the parents take the place of the E-step
                d.place.stage.text = "pose_out.em.parents";
            }
        }
        s.one_line = s.directives.size() <= 3;
        std::erase_if(kept,
                      [&](const Statement& other) { return other.kind == s.kind && other.stage.text == s.stage.text; });
        kept.push_back(std::move(s));
    }
    ScheduleFile file;
    file.statements = kept;
    return schedule::format(file);
}

} // namespace

TEST_CASE("the schedule for three iterations is shorter than three of those for one") {
    const ir::Kernel three = routing(iterations);
    const ir::Kernel one = routing(1);
    const std::string shipped = shipped_schedule("em_routing");
    const CheckResult of_three = checked(three, shipped);
    const std::string single = for_one_iteration(of_three.plan->schedule_text, three, one);
    CHECK(checked(one, single).diagnostics.empty());
    const int all = lines(shipped) + lines(three.macro_files.at("em.sched"));
    const int flat = lines(of_three.plan->schedule_text);
    MESSAGE("lines for three iterations: "
            << all << ", with the macros that the kernel carries and a variant; for one: " << lines(single)
            << "; for three without macros and wildcards: " << flat);
    CHECK(all < 3 * lines(single));
    CHECK(flat > 3 * lines(single)); // an iteration but the last has an E-step besides
}

TEST_CASE("by default the types of parents lie in the lanes of every stage, and a search may decide otherwise") {
    const ir::Kernel three = routing(3);
    const auto written = [&](const schedule::Decided& decided) {
        schedule::DefaultOptions options;
        options.vector_bytes = 64;
        options.vector_registers = 32;
        options.threads = 2;
        options.decided = decided;
        return schedule::default_schedule(three, {}, options);
    };
    const std::string text = written({});
    CHECK(text == written({{"lanes of *", "out"}}));
    CHECK(text == written({{"lanes of *", "auto"}}));
    CHECK(text != written({{"lanes of *", "-"}}));
    CHECK(text != written({{"lanes of *", "batch"}}));
}
