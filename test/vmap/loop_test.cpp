// Lifted kernels against a loop over the kernel that was lifted, both by the interpreter.

#include "coulter/fingerprint.hpp"
#include "coulter/interpreter.hpp"
#include "coulter/text.hpp"
#include "coulter/vmap.hpp"
#include "support/random_kernel.hpp"
#include "support/run_options.hpp"
#include "vmap/lanes.hpp"

#include <doctest/doctest.h>
#include <random>

using namespace coulter;
using namespace coulter::test;

namespace {

/// What differs between `kernel` lifted over `dim` and a loop over it; empty: nothing, down to the bits.
std::string compare_with_loop(const ir::Kernel& kernel, const std::string& dim, const std::vector<std::string>& inputs,
                              const VmapOptions& options, Extents extents, std::uint64_t seed) {
    const ir::Kernel lifted = vmap(kernel, dim, inputs, options);
    const ParseResult parsed = parse(print(lifted), "lifted.coulter");
    if (!parsed.kernel || !ir::equal(*parsed.kernel, lifted)) {
        return "the text does not say the same:\n" + print(lifted);
    }
    const Extents before = extents;
    extents[dim] = options.size.value_or(3);
    const Arrays given = random_arguments(lifted, extents, seed);
    const Arrays all = interpret(lifted, given, extents);
    for (std::int64_t at = 0; at < extents.at(dim); ++at) {
        Arrays one = given;
        for (const std::string& input : inputs) {
            one[input] = slice(given.at(input), axis_of(lifted.find_input(input)->dims, dim), at);
        }
        for (const auto& [output, wanted] : interpret(kernel, one, before)) {
            const std::size_t axis = axis_of(lifted.dims_of(output), dim);
            const bool has_dim = axis < lifted.dims_of(output).size();
            const std::string wrong =
                difference(has_dim ? slice(all.at(output), axis, at) : all.at(output), wanted, exactly);
            if (!wrong.empty()) {
                return output + " at " + std::to_string(at) + ": " + wrong;
            }
        }
    }
    return {};
}

ir::Kernel parsed(const std::string& text) {
    const ParseResult result = parse(text, "k.coulter");
    REQUIRE_MESSAGE(result.kernel, result.diagnostics.front().message);
    return *result.kernel;
}

/// Equation 3 of Barham and Isard: a convolution without a batch and without channels of its result.
const char* const single = R"(coulter 1
kernel single

dim y
dim x
dim iy
dim ix
dim ky = 3
dim kx = 3
dim in

input image: f32[iy, ix, in]
input weight: f32[ky, kx, in]
input bias: f32

result: f32[y, x] =
    sum {ky, kx, in} image(iy = 2 * y + ky, ix = 2 * x + kx) * weight

active: f32[y, x] =
    max(result + bias, 0.0)

output active
)";

} // namespace

TEST_CASE("random kernels, lifted over any of their inputs, equal a loop") {
    const std::uint64_t first = first_seed();
    const int count = is_long_run() ? 2000 : 200;
    for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(count); ++seed) {
        RandomKernelOptions drawn;
        drawn.grids = seed % 3 == 0;
        const ir::Kernel kernel = random_kernel(seed, drawn);
        std::mt19937_64 random(seed);
        std::vector<std::string> inputs;
        VmapOptions options;
        for (const ir::Input& input : kernel.inputs) {
            if (random() % 2 == 0) {
                inputs.push_back(input.name);
                if (random() % 2 == 0) {
                    std::vector<std::string> layout = input.dims;
                    layout.insert(layout.begin() + static_cast<std::ptrdiff_t>(random() % (layout.size() + 1)), "lane");
                    options.layouts[input.name] = layout;
                }
            }
        }
        if (inputs.empty()) {
            inputs.push_back(kernel.inputs.front().name);
            options.layouts.clear();
        }
        if (random() % 3 == 0) {
            options.size = 2;
        }
        CAPTURE(seed);
        const std::string wrong = compare_with_loop(kernel, "lane", inputs, options,
                                                    {kernel.estimates.begin(), kernel.estimates.end()}, seed);
        CHECK_MESSAGE(wrong.empty(), wrong);
    }
}

TEST_CASE("a convolution of one image and one filter is lifted to a layer") {
    const ir::Kernel kernel = parsed(single);
    const Extents extents{{"iy", 9}, {"ix", 7}, {"in", 2}};
    CHECK(compare_with_loop(kernel, "batch", {"image"}, {}, extents, 1) == "");
    const ir::Kernel filters = vmap(kernel, "out", {"weight", "bias"},
                                    {.layouts = {{"weight", {"ky", "kx", "in", "out"}}, {"active", {"y", "x", "out"}}},
                                     .size = std::nullopt,
                                     .estimate = 32});
    CHECK(filters.find_input("bias")->dims == std::vector<std::string>{"out"});
    CHECK(filters.dims_of("active") == std::vector<std::string>{"y", "x", "out"});
    Extents with_out = extents;
    with_out["out"] = 5;
    CHECK(compare_with_loop(filters, "batch", {"image"}, {}, with_out, 2) == "");
    const ir::Kernel layer = vmap(filters, "batch", {"image"}, {.layouts = {}, .size = {}, .estimate = 8});
    CHECK(layer.name == "single.vmap.vmap");
    CHECK(layer.dims_of("active") == std::vector<std::string>{"batch", "y", "x", "out"});
    CHECK(layer.estimates.at("batch") == 8);
    CHECK(layer.estimates.at("out") == 32);
}

TEST_CASE("equation 3 lifted over filters and images is equation 1, to the letter") {
    // So whatever schedules, compiles and runs the one does the same with the other.
    ir::Kernel lifted = vmap(vmap(parsed(single), "out", {"weight", "bias"},
                                  {.layouts = {{"weight", {"ky", "kx", "in", "out"}}, {"active", {"y", "x", "out"}}},
                                   .size = {},
                                   .estimate = 32}),
                             "batch", {"image"}, {.layouts = {}, .size = {}, .estimate = 8});
    lifted.name = "layer";
    CHECK(print(lifted) == R"(coulter 1
kernel layer

dim batch
dim out
dim y
dim x
dim iy
dim ix
dim ky = 3
dim kx = 3
dim in

input image: f32[batch, iy, ix, in]
input weight: f32[ky, kx, in, out]
input bias: f32[out]

result: f32[batch, out, y, x] =
    sum {ky, kx, in} image(iy = 2 * y + ky, ix = 2 * x + kx) * weight

active: f32[batch, y, x, out] =
    max(result + bias, 0.0)

output active

estimate batch = 8, out = 32
)");
}

TEST_CASE("what no lifted input influences is the same for all indices") {
    const ir::Kernel kernel = parsed("coulter 1\nkernel two\n\ndim i\n\ninput a: f32[i]\ninput b: f32[i]\n\n"
                                     "x: f32[i] =\n    a * 2.0\n\ny: f32[i] =\n    x + b\n\noutput x, y\n");
    const ir::Kernel lifted = vmap(kernel, "n", {"b"});
    CHECK(lifted.dims_of("x") == std::vector<std::string>{"i"});
    CHECK(lifted.dims_of("y") == std::vector<std::string>{"n", "i"});
    CHECK(compare_with_loop(kernel, "n", {"b"}, {}, {{"i", 4}}, 3) == "");
}

TEST_CASE("an optimiser's step stays in place") {
    const ir::Kernel kernel = parsed("coulter 1\nkernel step\n\ndim i\n\ninput w: f32[i]\ninput g: f32[i]\n\n"
                                     "w_new: f32[i] =\n    w - g\n\noutput w_new\nupdate w -> w_new\n");
    const ir::Kernel lifted = vmap(kernel, "n", {"w", "g"});
    CHECK(lifted.updates == kernel.updates);
    CHECK(compare_with_loop(kernel, "n", {"w", "g"}, {}, {{"i", 4}}, 4) == "");
}

TEST_CASE("stages keep the fingerprints that schedules know them by") {
    const ir::Kernel kernel = parsed(single);
    const ir::Kernel lifted = vmap(vmap(kernel, "batch", {"image"}), "out", {"weight"});
    const ir::Kernel read_back = parsed(print(lifted));
    for (const ir::Definition& each : kernel.definitions) {
        CHECK(fingerprint(*lifted.find_definition(each.name)) == fingerprint(each));
        CHECK(fingerprint(*read_back.find_definition(each.name)) == fingerprint(each));
    }
}
