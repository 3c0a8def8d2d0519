#pragma once
/// Default schedules for the tests of what they say.

#include "coulter/schedule/check.hpp"
#include "coulter/schedule/defaults.hpp"
#include "coulter/text.hpp"

#include <doctest/doctest.h>

namespace coulter::test {

/// The default schedule of a text on two threads with AVX-512, which the checker takes.
inline std::string scheduled(const std::string& text, const schedule::Decided& decided = {},
                             schedule::DecisionLog* log = nullptr) {
    const ParseResult parsed = parse(text, "k.coulter");
    REQUIRE_MESSAGE(parsed.kernel, parsed.diagnostics.front().message);
    schedule::DefaultOptions options;
    options.vector_bytes = 64;
    options.vector_registers = 32;
    options.threads = 2;
    options.decided = decided;
    const std::string written = schedule::default_schedule(*parsed.kernel, {}, options, log);
    const schedule::CheckResult checked =
        schedule::check_texts(*parsed.kernel, {{"k.sched", "schedule " + parsed.kernel->name + "\n" + written}}, {});
    CHECK_MESSAGE(checked.ok(), written);
    return written;
}

/// Whether a text has a part; where it has not, the text is shown.
inline bool contains(const std::string& text, const std::string& part) {
    const bool found = text.find(part) != std::string::npos;
    if (!found) {
        MESSAGE(text);
    }
    return found;
}

/// Whether a text has not a part; where it has, the text is shown.
inline bool lacks(const std::string& text, const std::string& part) {
    const bool found = text.find(part) != std::string::npos;
    if (found) {
        MESSAGE(text);
    }
    return !found;
}

/// A map that others read, a sum over its rows, and what both make.
inline const char* const chain = R"(coulter 1
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

/// All of `a` is read for each i, by another dim.
inline const char* const turned = R"(coulter 1
kernel turned

dim i
dim j
dim k

input x: f32[i, k]
input w: f32[k, j] frozen

a: f32[i, j] =
    sum {k} x * w

y: f32[k, i] =
    sum {j} a * w

output y

estimate i = 512, j = 512, k = 512
)";

/// A matrix product that a map reads.
inline const char* const relu_product = R"(coulter 1
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

} // namespace coulter::test
