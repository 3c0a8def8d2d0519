// Requirements: what the default schedule does to keep to them, and that they say nothing where they are kept.

#include "coulter/schedule/footprint.hpp"
#include "default_support.hpp"
#include "schedule_support.hpp"

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::test;

namespace {

/// A map that is cheaper to store than to compute for each of its readers.
const std::string dear = R"(coulter 1
kernel dear

dim i
dim j
dim k

input x: f32[i, j]
input w: f32[j, k]

waves: f32[i, j] =
    exp(x) * tanh(x)

y: f32[i, k] =
    sum {j} waves * w

output y

estimate i = 512, j = 256, k = 64
)";

CheckResult checked(const std::string& kernel, const std::string& lines, const Decided& decided = {}) {
    const ParseResult parsed = parse(kernel, "k.coulter");
    REQUIRE(parsed.kernel);
    CheckOptions options;
    options.target = "x86-64-avx2";
    options.defaults.threads = 2;
    options.defaults.decided = decided;
    return check_texts(*parsed.kernel, {{"k.sched", "schedule " + parsed.kernel->name + "\n" + lines}}, options);
}

Plan plan_of(const std::string& kernel, const std::string& lines, const Decided& decided = {}) {
    const CheckResult result = checked(kernel, lines, decided);
    INFO(render(result.diagnostics, {}));
    REQUIRE(result.plan);
    CHECK(result.diagnostics.empty());
    return *result.plan;
}

const std::map<std::string, std::int64_t> sizes{{"i", 512}, {"j", 256}, {"k", 64}};

std::string codes_of(const CheckResult& result) {
    std::string all;
    for (const Diagnostic& each : result.diagnostics) {
        all += each.code;
    }
    return all;
}

std::int64_t held(const Plan& plan) {
    return memory_use(plan, sizes, 16).scratch_peak;
}

const Decided at_root{{"place of waves", "root"}, {"keep of waves", "stored"}};

} // namespace

TEST_CASE("what must not be stored is computed in a loop of its reader") {
    REQUIRE(stage(plan_of(turned, ""), "a").compute.is_root());
    const Plan kept = plan_of(turned, "require a not stored");
    CHECK(stage(kept, "a").compute.stage == "y");
    CHECK(kept.completion_text == plan_of(turned, "require * not stored").completion_text); // the output is not meant
}

TEST_CASE("what a search decides stays, and breaks the requirement") {
    CHECK(stage(plan_of(dear, "", at_root), "waves").compute.is_root());
    CHECK(codes_of(checked(dear, "require waves not stored", at_root)) == "S131");
    // What it leaves open is decided for it.
    const Plan kept = plan_of(turned, "require a not stored", {{"vector of y", "j"}, {"sums of y", "4"}});
    CHECK(stage(kept, "a").compute.stage == "y");
    CHECK(contains(kept.completion_text, "split j by 32"));
    CHECK(lacks(plan_of(turned, "require a not stored").completion_text, "split j by 32"));
}

TEST_CASE("a limit of the memory moves stages inwards, as far as it takes") {
    const Plan free = plan_of(dear, "");
    CHECK(free.completion_text == plan_of(dear, "require memory <= 1 GB").completion_text);
    REQUIRE(held(free) > 0);
    const Plan within = plan_of(dear, "require memory <= " + std::to_string(held(free) - 1) + " B");
    CHECK(held(within) < held(free));
    CHECK(plan_of(dear, "require memory <= 0 B").packs.empty());
    CHECK_FALSE(checked(dear, "require memory <= 1 KB", at_root).plan);
}

TEST_CASE("requirements of all layers count, and those of an included file") {
    const ParseResult parsed = parse(dear, "k.coulter");
    const std::vector<ScheduleText> texts{{"low.sched", "schedule dear\nrequire memory <= 1 B\ninclude all.sched\n"},
                                          {"high.sched", "schedule dear\nstage waves { compute root }\n"},
                                          {"all.sched", "require waves not stored\n"}};
    const CheckResult result = check_texts(*parsed.kernel, texts, {});
    const std::string told = render(result.diagnostics, texts);
    CHECK(contains(told, "low.sched:2:1: error: a call holds 524288 B of memory"));
    CHECK(contains(told, "all.sched:1:1: error: `waves` is stored as a whole, at root [S130]"));
}

TEST_CASE("a requirement that is kept says nothing, and stands in the text in force") {
    const Plan plan = planned("schedule em\nrequire votes not stored\nrequire memory <= 1 MB\nrequire shared <= 0 B\n"
                              "stage votes { compute inline }\n");
    CHECK(contains(plan.schedule_text, "require votes not stored\nrequire memory <= 1 MB\nrequire shared <= 0 B\n"));
    // Clones are votes too.
    CHECK(codes("schedule em\nrequire votes not stored\nclone votes for em.mu[1] as mine\nstage mine { compute root }\n"
                "stage votes { compute inline }\n") == "S130");
    CHECK(codes("schedule em\nrequire votes not stored\nclone votes for em.mu[1] as mine\nstage mine { compute at "
                "em.mu[1]/batch; store in registers; unroll in out }\nstage votes { compute inline }\n")
              .find("S130") == std::string::npos);
}

TEST_CASE("bytes are those at the estimates, whatever sizes a schedule is made for") {
    const ParseResult parsed = parse(dear, "k.coulter");
    CheckOptions options;
    const std::vector<ScheduleText> texts{
        {"k.sched", "schedule dear\nrequire memory <= 4 KiB\nstage waves { compute root }\n"}};
    options.defaults.sizes = {{"i", 4}, {"j", 4}};
    CHECK_FALSE(check_texts(*parsed.kernel, texts, options).plan);
    std::string small = dear;
    small.replace(small.find("i = 512, j = 256"), 16, "i = 4, j = 4");
    const ParseResult other = parse(small, "k.coulter");
    CHECK(check_texts(*other.kernel, texts, {}).plan);
}
