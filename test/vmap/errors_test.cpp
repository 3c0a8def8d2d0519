// Whole texts of the errors of vmap, against test/golden/vmap/.

#include "coulter/text.hpp"
#include "coulter/vmap.hpp"
#include "support/golden.hpp"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>

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

namespace {

std::string block(const std::string& page, const std::string& kind) {
    const std::string open = "```" + kind + "\n";
    const std::size_t from = page.find(open) + open.size();
    REQUIRE(from >= open.size());
    return page.substr(from, page.find("```", from) - from);
}

std::vector<std::string> parts(const std::string& list) {
    std::vector<std::string> all(1);
    for (const char c : list) {
        if (c == ',') {
            all.emplace_back();
        } else {
            all.back() += c;
        }
    }
    return all;
}

/// What stands behind `word` up to the next space or backquote.
std::string behind(const std::string& page, const std::string& word) {
    const std::size_t at = page.find(word);
    return at == std::string::npos
               ? ""
               : page.substr(at + word.size(), page.find_first_of(" `", at + word.size()) - at - word.size());
}

} // namespace

TEST_CASE("the examples of the pages give the texts that stand there") {
    for (const char* const code : {"G020", "G021", "G022", "G023"}) {
        CAPTURE(code);
        std::ifstream file(std::filesystem::path(COULTER_TEST_DIR) / ".." / "docs" / "errors" /
                           (std::string(code) + ".md"));
        std::stringstream content;
        content << file.rdbuf();
        const std::string page = content.str();
        const ParseResult parsed = parse(block(page, "coulter"), "k.coulter");
        REQUIRE(parsed.kernel);
        const std::string call = behind(page, "`--vmap ");
        const std::string given = behind(page, " --layout ");
        VmapOptions options;
        if (!given.empty()) {
            options.layouts[given.substr(0, given.find('='))] = parts(given.substr(given.find('=') + 1));
        }
        std::string got = "no error\n";
        try {
            (void)vmap(*parsed.kernel, call.substr(0, call.find(':')), parts(call.substr(call.find(':') + 1)), options);
        } catch (const LanguageError& error) {
            got = error.what();
        }
        CHECK(got == block(page, "text"));
        CHECK(got.find(code) != std::string::npos);
    }
}
