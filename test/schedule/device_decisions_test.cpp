// Decisions of the default schedule for a device: which come up, and what each of them changes.

#include "default_support.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::test;

namespace {

/// The same sums as an output.
const std::string sums_alone = R"(coulter 1
kernel sums_alone

dim i
dim j
dim k = 4

input a: f32[i, k]
input b: f32[k, j]

sums: f32[i, j] =
    sum {k} a * b

output sums

estimate i = 512, j = 512
)";

const std::string total = R"(coulter 1
kernel total

dim i

input x: f32[i]

all: f32 =
    sum {i} x

output all

estimate i = 100000
)";

/// The default schedule for a device, which the checker takes.
std::string on_device(const std::string& text, const Decided& decided = {}, DecisionLog* log = nullptr) {
    const ParseResult parsed = parse(text, "k.coulter");
    REQUIRE(parsed.kernel);
    DefaultOptions options;
    options.device = Device::opencl;
    options.decided = decided;
    const std::string written = default_schedule(*parsed.kernel, {}, options, log);
    CheckOptions check_options;
    check_options.target = "host-opencl";
    const CheckResult checked =
        check_texts(*parsed.kernel, {{"k.sched", "schedule " + parsed.kernel->name + "\n" + written}}, check_options);
    CHECK_MESSAGE(checked.ok(), written);
    return written;
}

std::vector<Decision> decisions_of(const std::string& text) {
    DecisionLog log;
    (void)on_device(text, {}, &log);
    return log.all();
}

std::vector<std::string> words_of(const std::vector<Decision>& decisions, const std::string& name) {
    const auto at = std::find_if(decisions.begin(), decisions.end(), [&](const Decision& d) { return d.name == name; });
    REQUIRE_MESSAGE(at != decisions.end(), name);
    return at->words;
}

using Words = std::vector<std::string>;

} // namespace

TEST_CASE("decisions carry the words that can be done, and a launch the weight of what is inside") {
    const std::vector<Decision> chains = decisions_of(chain);
    CHECK(words_of(chains, "keep of cheap") == Words{"inline", "stored"});
    CHECK(words_of(chains, "form of y") == Words{"element", "block i", "thread i"});
    CHECK(words_of(chains, "place of most") == Words{"root", "y"});
    CHECK(words_of(chains, "threads of most") == Words{"32", "64", "128", "256"});
    CHECK(words_of(chains, "first of y") == Words{"j", "i"});
    const std::vector<Decision> products = decisions_of(relu_product);
    CHECK(words_of(products, "tile i of sums") == Words{"1", "2", "4", "8"});
    CHECK(words_of(products, "unroll of sums") == Words{"0", "by 2", "by 4", "by 8"});
    CHECK(words_of(products, "neighbours of c").front() == "4");
    CHECK(words_of(decisions_of(sums_alone), "vector of sums") == Words{"-", "j"});
    CHECK(words_of(decisions_of(sums_alone), "unroll of sums") == Words{"0", "1", "by 2"});
    CHECK(words_of(decisions_of(total), "parts of all").front() == "-");
    for (const Decision& decision : products) {
        CHECK(decision.weight > 0);
        CHECK(decision.weight <= 1);
        CHECK(decision.ordered == (decision.name.starts_with("tile ") || decision.name.starts_with("threads ") ||
                                   decision.name.starts_with("neighbours ")));
    }
}

TEST_CASE("a decision that does not come up, cannot be done or is left open changes nothing on a device") {
    const std::string as_estimated = on_device(relu_product);
    CHECK(on_device(relu_product, {{"tile i of nothing", "4"}}) == as_estimated);
    CHECK(on_device(relu_product, {{"tile i of sums", "3"}}) == as_estimated);
    CHECK(on_device(relu_product, {{"tile i of sums", "auto"}}) == as_estimated);
    CHECK(on_device(relu_product, {{"form of sums", "block q"}}) == as_estimated);
    CHECK(on_device(relu_product, {{"place of sums", "nowhere"}}) == as_estimated);
    CHECK(on_device(relu_product, {{"rows of sums", "4"}}) == as_estimated);
    // A tile of 8 leaves 4 values for the other dim.
    const std::string large = on_device(relu_product, {{"tile i of sums", "8"}, {"tile j of sums", "4"}});
    CHECK(on_device(relu_product, {{"tile i of sums", "8"}, {"tile j of sums", "8"}}) !=
          on_device(relu_product, {{"tile j of sums", "8"}}));
    CHECK(contains(large, "split i by 8 "));
}

TEST_CASE("forms of a launch") {
    CHECK(contains(on_device(chain, {{"form of y", "block i"}}), "gpu_blocks i "));
    CHECK(contains(on_device(chain, {{"form of y", "block i"}}), "rfactor most"));
    CHECK(contains(on_device(chain, {{"form of y", "thread i"}}), "gpu_threads i.thread"));
    const std::string elements = on_device(chain, {{"form of y", "element"}});
    CHECK(contains(elements, "split j by"));
    CHECK(contains(elements, "stage most {\n  compute root"));
}

TEST_CASE("a stage that was decided to be a launch of its own says so") {
    const std::string text = on_device(chain, {{"place of most", "root"}});
    CHECK(contains(text, "compute root                                             # a launch: so decided"));
    CHECK(lacks(on_device(chain), "so decided"));
}

TEST_CASE("tiles of a thread") {
    const std::string text = on_device(relu_product, {{"tile i of sums", "2"}, {"tile j of sums", "4"}});
    CHECK(contains(text, "i.tile by 2 "));
    CHECK(contains(text, "j.tile by 4 "));
    CHECK(contains(on_device(sums_alone, {{"vector of sums", "j"}}), "vectorize j"));
    CHECK(lacks(on_device(sums_alone, {{"vector of sums", "-"}}), "vectorize"));
    CHECK(contains(on_device(chain, {{"form of y", "element"}, {"tile j of y", "4"}}), "unroll j.i"));
}

TEST_CASE("reduced loops of a thread") {
    CHECK(contains(on_device(relu_product, {{"unroll of sums", "by 4"}}), "split k by 4 "));
    CHECK(contains(on_device(relu_product, {{"unroll of sums", "by 4"}}), " k.i k.o "));
    CHECK(contains(on_device(sums_alone, {{"unroll of sums", "1"}}), "unroll i k "));
    CHECK(lacks(on_device(sums_alone, {{"unroll of sums", "0"}}), "unroll i k "));
}

TEST_CASE("threads of a block, and which of them are neighbours") {
    CHECK(contains(on_device(chain, {{"form of y", "element"}, {"threads of y", "64"}}), "64 threads of a block"));
    CHECK(contains(on_device(chain, {{"form of y", "element"}, {"first of y", "i"}}),
                   "neighbouring threads lie along it"));
    CHECK(contains(on_device(chain, {{"form of y", "element"}, {"neighbours of y", "16"}}), "split j by 16 "));
    CHECK(contains(on_device(chain, {{"form of y", "block i"}, {"threads of most", "128"}}), "split j by 128 "));
    CHECK(contains(on_device(chain, {{"form of y", "block i"}, {"threads of y", "256"}}), "split j by 256 "));
}

TEST_CASE("a large sum has as many parts as decided, or none") {
    CHECK(contains(on_device(total, {{"parts of all", "512"}}), "split i by 512 "));
    CHECK(lacks(on_device(total, {{"parts of all", "-"}}), "rfactor"));
}

TEST_CASE("neighbours of all stages at once") {
    CHECK(contains(on_device(chain, {{"lanes of *", "i"}, {"form of y", "element"}}), "split i by"));
    // What is decided of one stage counts more.
    CHECK(
        contains(on_device(chain, {{"lanes of *", "i"}, {"form of y", "element"}, {"first of y", "j"}}), "split j by"));
}

TEST_CASE("nothing is decided of what the processor does in order") {
    CHECK(decisions_of(R"(coulter 1
kernel running

dim i

input x: f32[i]

s: f32[i] =
    scan {i} x identity 0.0 combine left.0 + right.0

output s

estimate i = 64
)")
              .empty());
}
