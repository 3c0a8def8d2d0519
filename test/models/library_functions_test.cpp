// Functions of the library with options and dims that none of its kernels uses, against loops and searches.

#include "coulter/interpreter.hpp"
#include "models/attention.hpp"
#include "models/contraction.hpp"
#include "models/random_numbers.hpp"
#include "models/sampling.hpp"
#include "support/array_compare.hpp"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <random>
#include <set>

using namespace coulter;
using namespace coulter::test;

namespace {

using Names = std::set<std::string>;

/// The cost of the best order of a contraction, by trying every pair at each step.
double least_cost(const std::vector<Names>& tensors, const Names& result, const std::map<std::string, double>& sizes) {
    if (tensors.size() == 1) {
        return 0;
    }
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t a = 0; a < tensors.size(); ++a) {
        for (std::size_t b = a + 1; b < tensors.size(); ++b) {
            Names needed = result;
            std::vector<Names> rest;
            for (std::size_t i = 0; i < tensors.size(); ++i) {
                if (i != a && i != b) {
                    rest.push_back(tensors[i]);
                    needed.insert(tensors[i].begin(), tensors[i].end());
                }
            }
            Names both = tensors[a];
            both.insert(tensors[b].begin(), tensors[b].end());
            double cost = 1;
            Names kept;
            for (const std::string& name : both) {
                cost *= sizes.at(name);
                if (needed.contains(name)) {
                    kept.insert(name);
                }
            }
            rest.push_back(kept);
            least = std::min(least, cost + least_cost(rest, result, sizes));
        }
    }
    return least;
}

struct RandomNetwork {
    std::vector<std::vector<Dim>> operands;
    std::vector<Names> names;
    std::vector<Dim> result;
    Names result_names;
    std::vector<Estimate> sizes;
    std::map<std::string, double> size_of;
};

RandomNetwork random_network(std::size_t operand_count, std::mt19937& random) {
    RandomNetwork network;
    std::vector<Dim> dims;
    for (int i = 0; i < 6; ++i) {
        dims.emplace_back(std::string(1, static_cast<char>('a' + i)) + "dim");
        const auto size = static_cast<std::int64_t>(1 + random() % 9);
        network.sizes.push_back({dims.back(), size});
        network.size_of[dims.back().name()] = static_cast<double>(size);
    }
    for (std::size_t i = 0; i < operand_count; ++i) {
        std::vector<Dim> own;
        Names names;
        for (const Dim& dim : dims) {
            if (random() % 2 == 0) {
                own.push_back(dim);
                names.insert(dim.name());
            }
        }
        network.operands.push_back(own);
        network.names.push_back(names);
    }
    for (const Dim& dim : dims) {
        const bool exists = std::any_of(network.names.begin(), network.names.end(),
                                        [&](const Names& names) { return names.contains(dim.name()); });
        if (exists && random() % 3 == 0) {
            network.result.push_back(dim);
            network.result_names.insert(dim.name());
        }
    }
    return network;
}

/// Dims of one operand alone are summed before everything else.
double sum_alone(std::vector<Names>& names, const Names& result, const std::map<std::string, double>& sizes) {
    double cost = 0;
    std::vector<Names> kept = names;
    for (std::size_t i = 0; i < names.size(); ++i) {
        double size = 1;
        for (const std::string& name : names[i]) {
            size *= sizes.at(name);
            const auto count =
                std::count_if(names.begin(), names.end(), [&](const Names& n) { return n.contains(name); });
            if (count == 1 && !result.contains(name)) {
                kept[i].erase(name);
            }
        }
        cost += kept[i] == names[i] ? 0 : size;
    }
    names = kept;
    return cost;
}

} // namespace

TEST_CASE("the order of a contraction costs no more than any other") {
    std::mt19937 random(1);
    for (int i = 0; i < 60; ++i) {
        RandomNetwork network = random_network(2 + random() % 4, random);
        CAPTURE(i);
        const models::ContractionOrder order =
            models::contraction_order(network.operands, network.result, network.sizes);
        CHECK(order.steps.size() + 1 == network.operands.size());
        std::vector<Names> names = network.names;
        const double sums = sum_alone(names, network.result_names, network.size_of);
        CHECK(order.cost == doctest::Approx(sums + least_cost(names, network.result_names, network.size_of)));
    }
}

TEST_CASE("thirteen and more operands are contracted greedily, each once") {
    std::vector<std::vector<Dim>> operands;
    std::vector<Estimate> sizes{{Dim("link0"), 2}};
    for (int i = 0; i < 20; ++i) {
        sizes.push_back({Dim("link" + std::to_string(i + 1)), 2 + i % 3});
        operands.push_back({sizes[static_cast<std::size_t>(i)].dim, sizes.back().dim});
    }
    const models::ContractionOrder order = models::contraction_order(operands, {sizes.front().dim}, sizes);
    REQUIRE(order.steps.size() == 19);
    std::set<std::size_t> used;
    for (const auto& [first, second] : order.steps) {
        CHECK(used.insert(first).second);
        CHECK(used.insert(second).second);
    }
    CHECK(used.size() == 38);
    CHECK(!used.contains(38)); // the result
}

TEST_CASE("a contraction of one operand sums it, and of five equals the sum over all dims") {
    Dim i("i", 2), j("j", 3), k("k", 2), l("l", 2);
    const std::vector<Estimate> sizes{{i, 2}, {j, 3}, {k, 2}, {l, 2}};
    Input a("a", f64, {i, j}), b("b", f64, {j, k}), c("c", f64, {k}), e("e", f64, {l, i}), g("g", f64, {l});
    std::map<std::string, Array> inputs{{"a", random_array(Type::f64, {2, 3}, 1)},
                                        {"b", random_array(Type::f64, {3, 2}, 2)},
                                        {"c", random_array(Type::f64, {2}, 3)},
                                        {"e", random_array(Type::f64, {2, 2}, 4)},
                                        {"g", random_array(Type::f64, {2}, 5)}};
    Tensor one("one"), five("five");
    one(j) = models::contraction({a}, {j}, sizes);
    five(l) = models::contraction({a, b, c, e, g}, {l}, sizes);
    const auto got = interpret(Kernel("contractions", {one, five}).ir(), inputs);
    std::vector<double> wanted_one(3), wanted_five(2);
    const auto at = [&](const char* name, std::int64_t n) { return inputs.at(name).real(n); };
    for (std::int64_t p = 0; p < 2; ++p) {
        for (std::int64_t q = 0; q < 3; ++q) {
            wanted_one[static_cast<std::size_t>(q)] += at("a", p * 3 + q);
            for (std::int64_t r = 0; r < 2; ++r) {
                for (std::int64_t s = 0; s < 2; ++s) {
                    wanted_five[static_cast<std::size_t>(s)] +=
                        at("a", p * 3 + q) * at("b", q * 2 + r) * at("c", r) * at("e", s * 2 + p) * at("g", s);
                }
            }
        }
    }
    CHECK(difference(got.at("one"), array_of(Type::f64, {3}, wanted_one)) == "");
    CHECK(difference(got.at("five"), array_of(Type::f64, {2}, wanted_five)) == "");
}

TEST_CASE("attention in one pass equals attention, for blocks of any size and in f64") {
    Dim i("i"), j("j"), d("d"), e("e");
    Input q("q", f64, {i, d}), k("k", f64, {j, d}), v("v", f64, {j, e});
    const std::map<std::string, Array> inputs{{"q", random_array(Type::f64, {5, 3}, 1)},
                                              {"k", random_array(Type::f64, {11, 3}, 2)},
                                              {"v", random_array(Type::f64, {11, 2}, 3)}};
    for (const models::Mask mask : {models::Mask::none, models::Mask::causal, models::Mask::causal_from_end}) {
        Tensor whole("whole");
        whole(i, e) = models::attention(q, k, v, {i, j, {d}}, {.mask = mask, .scale = 2.0, .bias = {}});
        const Array wanted = interpret(Kernel("whole", {whole}).ir(), inputs).at("whole");
        for (const std::int64_t size : {1, 2, 5, 11, 16}) {
            CAPTURE(size);
            const models::KeyBlocks blocks{size, Dim("block", models::key_blocks(j, size)), Dim("within", size)};
            Tensor parts("parts");
            parts(i, e) =
                models::attention_one_pass(q, k, v, {i, j, {d}}, blocks, {.mask = mask, .scale = 2.0, .bias = {}});
            CHECK(difference(interpret(Kernel("parts", {parts}).ir(), inputs).at("parts"), wanted, {1e-13, 0, 0}) ==
                  "");
        }
    }
}

TEST_CASE("uniform numbers lie in [0, 1), with the mean and variance of a uniform distribution") {
    Dim n("n", 20000);
    const models::RandomBlocks blocks{n, Dim("block", models::random_blocks(n))};
    Input seed("seed", u64);
    Tensor first("first"), second("second");
    first(n) = models::random_uniform(blocks, seed, u32(0));
    second(n) = models::random_uniform(blocks, seed, u32(1));
    const auto got = interpret(Kernel("uniform", {first, second}).ir(), {{"seed", array_of(Type::u64, {}, {7})}});
    double mean = 0;
    double square = 0;
    double product = 0;
    for (std::int64_t i = 0; i < 20000; ++i) {
        const double x = got.at("first").real(i);
        REQUIRE((x >= 0 && x < 1));
        mean += x / 20000;
        square += x * x / 20000;
        product += (x - 0.5) * (got.at("second").real(i) - 0.5) / 20000;
    }
    // Six standard deviations of the estimates.
    CHECK(std::fabs(mean - 0.5) < 6 * std::sqrt(1.0 / 12 / 20000));
    CHECK(std::fabs(square - 1.0 / 3) < 6 * std::sqrt(4.0 / 45 / 20000));
    CHECK(std::fabs(product) < 6 * std::sqrt(1.0 / 144 / 20000));
}

TEST_CASE("resizing to the same size gives the image, along one axis too") {
    Dim iy("iy"), ix("ix"), y("y", extent(iy));
    Input image("image", f32, {iy, ix});
    Tensor linear("linear"), nearest("nearest");
    linear(y, ix) = models::resize_linear(image, {{iy, y}});
    nearest(y, ix) = models::resize_nearest(image, {{iy, y}});
    const Array values = random_array(Type::f32, {7, 3}, 1);
    const auto got = interpret(Kernel("same", {linear, nearest}).ir(), {{"image", values}});
    CHECK(difference(got.at("linear"), values, {1e-6, 0, 0}) == "");
    CHECK(difference(got.at("nearest"), values, exactly) == "");
}
