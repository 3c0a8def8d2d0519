// What library functions refuse: whole messages, with the line of the call first. They have lines of this file in them,
// so it holds nothing else.

#include "models/activations.hpp"
#include "models/convolution.hpp"
#include "models/dynamic_routing.hpp"
#include "models/em_routing.hpp"
#include "models/pooling.hpp"
#include "models/softmax.hpp"
#include "support/golden.hpp"
#include "support/patterns.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

/// What an author reads, without the folder of the sources and without the lines of library functions, which move.
template <class Make>
std::string refusal(const Make& make) {
    try {
        (void)make();
    } catch (const LanguageError& error) {
        std::string text = error.what();
        const std::string root = std::string(COULTER_TEST_DIR).substr(0, std::string(COULTER_TEST_DIR).rfind('/') + 1);
        for (std::size_t at = text.find(root); at != std::string::npos; at = text.find(root)) {
            text.erase(at, root.size());
        }
        return replace_matches(text, ":[0-9]+: note: in the library", ": note: in the library");
    }
    return "accepted";
}

Kernel padded_without_extent() {
    Dim iy("iy"), ix("ix"), in("in"), ky("ky", 3), kx("kx", 3), y("y"), x("x");
    Input image("image", f32, {iy, ix, in}), weight("weight", f32, {ky, kx, in});
    Tensor result("result");
    result = models::convolution(image, weight, {iy, y, ky}, {ix, x, kx}, {in}, {.padding = 1});
    return Kernel("conv", {result});
}

Kernel softmax_over_other_dim() {
    Dim row("row"), col("col"), coll("coll");
    Input t("t", f32, {row, col});
    Tensor result("result");
    result = models::softmax(t, coll);
    return Kernel("norm", {result});
}

Kernel pooling_of_expression() {
    Dim iy("iy"), ix("ix"), ky("ky", 2), kx("kx", 2), y("y"), x("x");
    Input image("image", f32, {iy, ix});
    Tensor result("result");
    result = models::max_pool(image * 2, {iy, y, ky}, {ix, x, kx}, {.stride = 2});
    return Kernel("pool", {result});
}

Kernel gelu_of_integers() {
    Dim n("n");
    Input t("t", i32, {n});
    Tensor result("result");
    result = models::gelu(t);
    return Kernel("activation", {result});
}

Kernel routing_of_expression() {
    Dim in("in"), out("out"), h("h", 4);
    Input votes("votes", f32, {in, out, h}), activation("activation", f32, {in}), beta("beta", f32, {out});
    Tensor result("result");
    result = models::em_routing(votes * 2, activation, beta, beta, {{}, 1, {in}, out, {h}}).pose;
    return Kernel("routing", {result});
}

Kernel mask_by_a_float() {
    Dim batch("batch"), digit("digit", 10), h("h", 16);
    Input v("v", f32, {batch, digit, h}), chosen("chosen", f32, {batch});
    Tensor result("result");
    result = models::masked_capsules(v, chosen, digit);
    return Kernel("mask", {result});
}

} // namespace

TEST_CASE("a padded convolution whose positions have no extent is refused") {
    CHECK(golden_difference("models/padded_without_extent", refusal(padded_without_extent)) == "");
}

TEST_CASE("a softmax over a dim that the tensor does not have is refused") {
    CHECK(golden_difference("models/softmax_over_other_dim", refusal(softmax_over_other_dim)) == "");
}

TEST_CASE("a pooling over an expression asks for a tensor") {
    CHECK(golden_difference("models/pooling_of_expression", refusal(pooling_of_expression)) == "");
}

TEST_CASE("a GELU of integers is refused") {
    CHECK(golden_difference("models/gelu_of_integers", refusal(gelu_of_integers)) == "");
}

TEST_CASE("routing of votes that are no tensor asks for one") {
    CHECK(golden_difference("models/routing_of_expression", refusal(routing_of_expression)) == "");
}

TEST_CASE("a class that is no integer chooses no capsule") {
    CHECK(golden_difference("models/mask_by_a_float", refusal(mask_by_a_float)) == "");
}
