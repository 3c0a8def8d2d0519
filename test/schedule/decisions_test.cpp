// Decisions of the default schedule: which come up, and what each of them changes.

#include "default_support.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::test;

namespace {

std::vector<Decision> decisions_of(const std::string& text) {
    DecisionLog log;
    (void)scheduled(text, {}, &log);
    return log.all();
}

const Decision& find(const std::vector<Decision>& decisions, const std::string& name) {
    const auto at = std::find_if(decisions.begin(), decisions.end(), [&](const Decision& d) { return d.name == name; });
    REQUIRE_MESSAGE(at != decisions.end(), name);
    return *at;
}

} // namespace

TEST_CASE("decisions carry their words, and heavy stages the weight") {
    const std::vector<Decision> decisions = decisions_of(chain);
    CHECK(find(decisions, "keep of cheap").words == std::vector<std::string>{"inline", "stored"});
    CHECK(find(decisions, "place of a").words == std::vector<std::string>{"root", "y/i"});
    std::vector<std::string> vectors = find(decisions, "vector of most").words;
    std::sort(vectors.begin(), vectors.end());
    CHECK(vectors == std::vector<std::string>{"-", "i", "j"});
    CHECK(find(decisions, "sums of most").ordered);
    CHECK_FALSE(find(decisions, "vector of most").ordered);
    CHECK(find(decisions, "place of a").weight > 4 * find(decisions, "place of most").weight);
    for (const Decision& decision : decisions) {
        CHECK(decision.weight > 0);
        CHECK(decision.weight <= 1);
    }
}

TEST_CASE("a decision that does not come up, cannot be done or is left open changes nothing") {
    const std::string as_estimated = scheduled(relu_product);
    CHECK(scheduled(relu_product, {{"rows of nothing", "4"}}) == as_estimated);
    CHECK(scheduled(relu_product, {{"rows of sums", "11"}}) == as_estimated);
    CHECK(scheduled(relu_product, {{"rows of sums", "auto"}}) == as_estimated);
    CHECK(scheduled(relu_product, {{"vector of sums", "q"}}) == as_estimated);
    // With so many vectors, so many rows have no registers.
    CHECK(contains(scheduled(relu_product, {{"vectors of sums", "4"}, {"rows of sums", "16"}}), "split"));
}

TEST_CASE("the order of loops is written out where there is no tile") {
    // Every result is a sum in lanes along j.
    const std::string text = scheduled(R"(coulter 1
kernel dots

dim i
dim j
dim k

input a: f32[i, j]
input w: f32[k, j]

y: f32[k, i] =
    sum {j} a * w

output y

estimate i = 512, j = 512, k = 512
)",
                                       {{"first of y", "i"}, {"vector of y", "j"}});
    CHECK(contains(text, "reorder k i "));
    CHECK(contains(text, "parallel i "));
}

TEST_CASE("tiles") {
    const std::string text = scheduled(relu_product, {{"rows of sums", "3"}, {"vectors of sums", "2"}});
    CHECK(contains(text, "split i by 3 "));
    CHECK(contains(text, "split j by 32 "));
    CHECK(contains(scheduled(relu_product, {{"vector of sums", "-"}}), "stage sums"));
    CHECK(lacks(scheduled(relu_product, {{"vector of sums", "-"}}), "vectorize j"));
    CHECK(contains(scheduled(chain, {{"vectors of y", "4"}}), "split j by 64 "));
}

TEST_CASE("reduced loops") {
    CHECK(contains(scheduled(relu_product, {{"unroll of sums", "by 4"}}), "split k by 4 "));
    CHECK(contains(scheduled(relu_product, {{"unroll of sums", "by 4"}}), " k.i k.o "));
    CHECK(contains(scheduled(chain, {{"sums of most", "8"}}), "split j by 128 "));
}

TEST_CASE("loops outside the tile") {
    const std::string first = scheduled(relu_product, {{"first of c", "i"}});
    CHECK(contains(first, " j.o i.o "));
    const std::string other = scheduled(relu_product, {{"first of c", "j"}});
    CHECK(contains(other, " i.o j.o "));
    const std::string last = scheduled(relu_product, {{"first of c", "j"}, {"block of c", "4"}, {"last of c", "j"}});
    CHECK(contains(last, " j.i.o i.o j.o "));
    CHECK(lacks(scheduled(relu_product, {{"grain of c", "serial"}}), "parallel"));
    CHECK(contains(scheduled(relu_product, {{"fuse of c", "2"}}), "fuse "));
}

TEST_CASE("where stages are computed, kept and how they are laid out") {
    CHECK(contains(scheduled(chain, {{"keep of cheap", "inline"}}), "stage cheap { compute inline }"));
    CHECK(lacks(scheduled(chain, {{"keep of cheap", "stored"}}), "stage cheap { compute inline }"));
    CHECK(contains(scheduled(chain, {{"place of a", "y/i"}}), "compute at y/i"));
    CHECK(lacks(scheduled(chain, {{"place of a", "root"}, {"place of most", "root"}}), "compute at y/i"));
    CHECK(contains(scheduled(chain, {{"innermost of a", "i"}, {"place of a", "root"}}), "layout j i"));
    CHECK(contains(scheduled(relu_product, {{"written of sums", "apart"}}), "stage sums.acc = accumulate sums"));
    CHECK(lacks(scheduled(relu_product), "stage sums.acc = accumulate sums"));
}

TEST_CASE("lanes of all stages at once") {
    const std::string text = scheduled(chain, {{"lanes of *", "i"}});
    CHECK(lacks(text, "vectorize j"));
    CHECK(contains(text, "layout j i"));
    // A vector of rows is made where the rows of the output are written.
    CHECK(contains(text, "reorder i.i j i.o"));
    CHECK(contains(scheduled(chain, {{"lanes of *", "i"}, {"place of most", "y/i"}}), "compute at y/i.o"));
    // What is decided of one stage counts more.
    CHECK(contains(scheduled(chain, {{"lanes of *", "i"}, {"vector of a", "j"}}), "vectorize j"));
}

TEST_CASE("stages are computed again where it is decided so") {
    CHECK(contains(scheduled(chain, {{"clone of a", "yes"}}), "clone a for "));
    CHECK(lacks(scheduled(chain, {{"clone of a", "no"}}), "clone a for "));
}

TEST_CASE("every word of every decision is a schedule that the checker takes") {
    std::size_t changed = 0;
    std::size_t all = 0;
    for (const std::string& text : {std::string(relu_product), std::string(chain)}) {
        const std::string plain = scheduled(text);
        for (const Decision& decision : decisions_of(text)) {
            for (const std::string& word : decision.words) {
                changed += scheduled(text, {{decision.name, word}}) == plain ? 0 : 1;
                ++all;
            }
        }
    }
    CHECK(all > 80);
    CHECK(changed > all / 2); // the others are what the default schedule decides itself
}
