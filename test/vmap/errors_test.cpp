// Whole texts of the errors of vmap, against test/golden/vmap/.

#include "coulter/text.hpp"
#include "coulter/vmap.hpp"
#include "support/golden.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

const char* const text = R"(coulter 1
kernel step

dim i

input w: f32[i]
input g: f32[i]
input rate: f32

w_new: f32[i] =
    w - rate * g

norm: f32 =
    sum {i} w * w

output w_new, norm
update w -> w_new
)";

struct Case {
    const char* name;
    std::string dim;
    std::vector<std::string> inputs;
    VmapOptions options;
};

VmapOptions layout(const std::string& tensor, std::vector<std::string> dims) {
    VmapOptions options;
    options.layouts[tensor] = std::move(dims);
    return options;
}

const Case cases[] = {
    {"dim_known", "i", {"w", "g"}, {}},
    {"dim_is_tensor", "g", {"w"}, {}},
    {"dim_no_name", "2nd", {"w"}, {}},
    {"input_none", "n", {}, {}},
    {"input_unknown", "n", {"grd"}, {}},
    {"input_twice", "n", {"w", "g", "w"}, {}},
    {"layout_lacks_dim", "n", {"w", "g"}, layout("g", {"i"})},
    {"layout_other", "n", {"w", "g"}, layout("g", {"n", "j"})},
    {"layout_not_reached", "n", {"g", "w"}, layout("rate", {"n"})},
    {"update_half", "n", {"g"}, {}},
    {"update_layouts", "n", {"w"}, layout("w", {"i", "n"})},
};

} // namespace

TEST_CASE("the whole text of every error") {
    const ParseResult parsed = parse(text, "step.coulter");
    REQUIRE(parsed.kernel);
    for (const Case& each : cases) {
        CAPTURE(each.name);
        std::string got = "no error\n";
        try {
            (void)vmap(*parsed.kernel, each.dim, each.inputs, each.options);
        } catch (const LanguageError& error) {
            got = error.what();
        }
        const std::string wrong = golden_difference(std::string("vmap/") + each.name, got);
        CHECK_MESSAGE(wrong.empty(), wrong);
    }
}
