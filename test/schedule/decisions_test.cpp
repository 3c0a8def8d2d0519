// Decisions of the default schedule: which come up, and what each of them changes.

#include "coulter/schedule/check.hpp"
#include "coulter/schedule/defaults.hpp"
#include "coulter/text.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::schedule;

namespace {

const std::string product = R"(coulter 1
kernel product

dim i
dim j
dim k = 64

input a: f32[i, k]
input b: f32[k, j]

sums: f32[i, j] =
    sum {k} a * b

c: f32[i, j] =
    max(sums, 0.0)

output c

estimate i = 512, j = 512
)";

const std::string chain = R"(coulter 1
kernel chain

dim i
dim j

input x: f32[i, j]

cheap: f32[i, j] =
    x + 1.0

a: f32[i, j] =
    tanh(cheap) * exp(cheap)

most: f32[i] =
    max {j} a

y: f32[i, j] =
    a / most

output y

estimate i = 4096, j = 512
)";

struct Written {
    std::string text;
    std::vector<Decision> decisions;
};

/// The default schedule on two threads with AVX-512, which the checker takes.
Written scheduled(const std::string& text, const Decided& decided = {}) {
    const ParseResult parsed = parse(text, "k.coulter");
    REQUIRE_MESSAGE(parsed.kernel, parsed.diagnostics.front().message);
    DefaultOptions options;
    options.vector_bytes = 64;
    options.vector_registers = 32;
    options.threads = 2;
    options.decided = decided;
    DecisionLog log;
    Written written;
    written.text = default_schedule(*parsed.kernel, {}, options, &log);
    written.decisions = log.all();
    const CheckResult checked = check_texts(
        *parsed.kernel, {{"k.sched", "schedule " + parsed.kernel->name + "\n" + written.text}}, CheckOptions{});
    CHECK_MESSAGE(checked.ok(), written.text);
    return written;
}

const Decision& find(const std::vector<Decision>& decisions, const std::string& name) {
    const auto at = std::find_if(decisions.begin(), decisions.end(), [&](const Decision& d) { return d.name == name; });
    REQUIRE_MESSAGE(at != decisions.end(), name);
    return *at;
}

bool contains(const std::string& text, const std::string& part) {
    const bool found = text.find(part) != std::string::npos;
    if (!found) {
        MESSAGE(text);
    }
    return found;
}

bool lacks(const std::string& text, const std::string& part) {
    const bool found = text.find(part) != std::string::npos;
    if (found) {
        MESSAGE(text);
    }
    return !found;
}

} // namespace

TEST_CASE("decisions carry their words, and heavy stages the weight") {
    const std::vector<Decision> decisions = scheduled(chain).decisions;
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
    const std::string as_estimated = scheduled(product).text;
    CHECK(scheduled(product, {{"rows of nothing", "4"}}).text == as_estimated);
    CHECK(scheduled(product, {{"rows of sums", "11"}}).text == as_estimated);
    CHECK(scheduled(product, {{"rows of sums", "auto"}}).text == as_estimated);
    CHECK(scheduled(product, {{"vector of sums", "q"}}).text == as_estimated);
    // With so many vectors, so many rows have no registers.
    CHECK(contains(scheduled(product, {{"vectors of sums", "4"}, {"rows of sums", "16"}}).text, "split"));
}

TEST_CASE("tiles") {
    const std::string text = scheduled(product, {{"rows of sums", "3"}, {"vectors of sums", "2"}}).text;
    CHECK(contains(text, "split i by 3 "));
    CHECK(contains(text, "split j by 32 "));
    CHECK(contains(scheduled(product, {{"vector of sums", "-"}}).text, "stage sums"));
    CHECK(lacks(scheduled(product, {{"vector of sums", "-"}}).text, "vectorize j"));
    CHECK(contains(scheduled(chain, {{"vectors of y", "4"}}).text, "split j by 64 "));
}

TEST_CASE("reduced loops") {
    CHECK(contains(scheduled(product, {{"unroll of sums", "by 4"}}).text, "split k by 4 "));
    CHECK(contains(scheduled(product, {{"unroll of sums", "by 4"}}).text, " k.i k.o "));
    CHECK(contains(scheduled(chain, {{"sums of most", "8"}}).text, "split j by 128 "));
}

TEST_CASE("loops outside the tile") {
    const std::string first = scheduled(product, {{"first of c", "i"}}).text;
    CHECK(contains(first, " j.o i.o "));
    const std::string other = scheduled(product, {{"first of c", "j"}}).text;
    CHECK(contains(other, " i.o j.o "));
    const std::string last = scheduled(product, {{"first of c", "j"}, {"block of c", "4"}, {"last of c", "j"}}).text;
    CHECK(contains(last, " j.i.o i.o j.o "));
    CHECK(lacks(scheduled(product, {{"grain of c", "serial"}}).text, "parallel"));
    CHECK(contains(scheduled(product, {{"fuse of c", "2"}}).text, "fuse "));
}

TEST_CASE("where stages are computed, kept and how they are laid out") {
    CHECK(contains(scheduled(chain, {{"keep of cheap", "inline"}}).text, "stage cheap { compute inline }"));
    CHECK(lacks(scheduled(chain, {{"keep of cheap", "stored"}}).text, "stage cheap { compute inline }"));
    CHECK(contains(scheduled(chain, {{"place of a", "y/i"}}).text, "compute at y/i"));
    CHECK(lacks(scheduled(chain, {{"place of a", "root"}, {"place of most", "root"}}).text, "compute at y/i"));
    CHECK(contains(scheduled(chain, {{"innermost of a", "i"}, {"place of a", "root"}}).text, "layout j i"));
    CHECK(contains(scheduled(product, {{"written of sums", "apart"}}).text, "stage sums.acc = accumulate sums"));
    CHECK(lacks(scheduled(product).text, "stage sums.acc = accumulate sums"));
}

TEST_CASE("stages are computed again where it is decided so") {
    CHECK(contains(scheduled(chain, {{"clone of a", "yes"}}).text, "clone a for "));
    CHECK(lacks(scheduled(chain, {{"clone of a", "no"}}).text, "clone a for "));
}

TEST_CASE("every word of every decision is a schedule that the checker takes") {
    std::size_t changed = 0;
    std::size_t all = 0;
    for (const std::string& text : {product, chain}) {
        const Written plain = scheduled(text);
        for (const Decision& decision : plain.decisions) {
            for (const std::string& word : decision.words) {
                changed += scheduled(text, {{decision.name, word}}).text == plain.text ? 0 : 1;
                ++all;
            }
        }
    }
    CHECK(all > 80);
    CHECK(changed > all / 2); // the others are what the default schedule decides itself
}
