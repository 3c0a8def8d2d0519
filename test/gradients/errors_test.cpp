// What has no gradient is an error with the author's line. The examples of docs/errors/G*.md are the cases.

#include "coulter/text.hpp"
#include "coulter/transform.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace coulter;

namespace {

std::string block(const std::string& page, const std::string& kind) {
    const std::string open = "```" + kind + "\n";
    const std::size_t start = page.find(open);
    REQUIRE(start != std::string::npos);
    const std::size_t from = start + open.size();
    return page.substr(from, page.find("```", from) - from);
}

/// Inputs that the page's `grad(kernel, {...})` names; all floats without one.
std::vector<std::string> wrt(const std::string& page, const ir::Kernel& kernel) {
    std::vector<std::string> names;
    const std::size_t call = page.find("`grad(kernel, {");
    if (call == std::string::npos) {
        for (const ir::Input& input : kernel.inputs) {
            names.push_back(input.name);
        }
        return names;
    }
    const std::string list = page.substr(call, page.find('}', call) - call);
    for (std::size_t at = list.find('"'); at != std::string::npos; at = list.find('"', at)) {
        const std::size_t end = list.find('"', at + 1);
        names.push_back(list.substr(at + 1, end - at - 1));
        at = end + 1;
    }
    return names;
}

} // namespace

TEST_CASE("the examples of the pages of gradient errors give the texts that stand there") {
    const std::filesystem::path pages = std::filesystem::path(COULTER_TEST_DIR).parent_path() / "docs" / "errors";
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(pages)) {
        const std::string code = entry.path().stem().string();
        if (!code.starts_with("G00")) { // G02x: test/vmap/errors_test.cpp
            continue;
        }
        CAPTURE(code);
        std::ifstream file(entry.path());
        std::ostringstream text;
        text << file.rdbuf();
        const std::string page = text.str();
        CHECK(page.starts_with("# " + code));
        const ParseResult parsed = parse(block(page, "coulter"), "k.coulter");
        REQUIRE(parsed.kernel);
        std::string got = "no error\n";
        try {
            static_cast<void>(grad(*parsed.kernel, wrt(page, *parsed.kernel)));
        } catch (const LanguageError& error) {
            got = error.what();
        }
        CHECK(got == block(page, "text"));
        CHECK(got.find("[" + code + "]") != std::string::npos);
        ++count;
    }
    CHECK(count == 4);
}

TEST_CASE("an operation that nobody gave a rule is an error, not a zero") {
    ir::Kernel kernel =
        *parse("coulter 1\nkernel k\ndim i\ninput x: f32[i]\ny: f32[i] = exp(x)\noutput y\n", "k").kernel;
    ir::Node planted = *kernel.definitions[0].values[0];
    planted.op = static_cast<ir::Op>(200);
    kernel.definitions[0].values[0] = ir::make_node(planted);
    std::string codes;
    try {
        static_cast<void>(grad(kernel, {"x"}));
    } catch (const LanguageError& error) {
        for (const Diagnostic& each : error.diagnostics()) {
            codes += each.code;
            CHECK(each.span.line == 5);
        }
    }
    CHECK(codes == "G001");
}

TEST_CASE("names that meet") {
    // A tensor whose adjoint is called as a helper.
    const ParseResult parsed = parse("coulter 1\nkernel k\ndim i\ndim j\ninput u: f32[i, j]\n"
                                     "u.from.z: f32[i, j] = exp(u)\nz: f32[i] = sum {j} u.from.z * u\noutput z\n",
                                     "k");
    REQUIRE(parsed.kernel);
    CHECK(grad(*parsed.kernel, {"u"}).find_definition("d.u") != nullptr);
    const ParseResult meeting =
        parse("coulter 1\nkernel k\ndim i\ninput d_z: f32[i]\nz: f32[i] = exp(d_z) * d_z\noutput z\n", "k");
    REQUIRE(meeting.kernel);
    CHECK_THROWS_WITH_AS(static_cast<void>(grad(*meeting.kernel, {"d_z"})),
                         doctest::Contains("`d_z` and `d.z` are both `d_z` in C [L028]"), LanguageError);
}

TEST_CASE("names of adjoints do not change under unrelated edits") {
    const auto names = [](const std::string& more, const std::string& outputs) {
        const std::string text =
            "coulter 1\nkernel k\ndim i\ndim j\ninput x: f32[i, j]\ninput w: f32[j]\ninput u: f32[j]\n" + more +
            "a: f32[i] = sum {j} x * w\nb: f32[i, j] = x * a\noutput b" + outputs + "\n";
        const ParseResult parsed = parse(text, "k");
        REQUIRE(parsed.kernel);
        const ir::Kernel gradient = grad(*parsed.kernel, {"x", "w"});
        std::vector<std::string> list;
        for (const ir::Definition& definition : gradient.definitions) {
            list.push_back(definition.name);
        }
        return list;
    };
    const std::vector<std::string> before = names("", "");
    CHECK(before == std::vector<std::string>{"a", "d.a", "d.x", "d.w"});
    std::vector<std::string> after = names("c: f32[j] = u * u\n", ", c");
    CHECK(after == before);
}
