// Whole error texts: the cases below against test/golden/text/, and the examples of docs/errors/ against themselves.

#include "coulter/text.hpp"
#include "support/golden.hpp"
#include "text_support.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <set>

using namespace coulter;
using namespace coulter::test;

namespace {

namespace fs = std::filesystem;

const std::string head = "coulter 1\nkernel k\n\ndim batch\ndim row\ndim col\ndim tap = 3\n\n"
                         "input pose: f32[batch, row]\ninput weight: f32[row, col]\ninput ids: i32[batch]\n\n";

struct Case {
    const char* name;
    std::string text;
};

const Case cases[] = {
    {"empty", ""},
    {"version_missing", "kernel k\noutput t\n"},
    {"version_unknown", "coulter 2\nkernel k\n"},
    {"kernel_missing", "coulter 1\n\ndim i\nt: f32 = 1.0\noutput t\n"},
    {"statement_misspelled", head + "inptu x: f32\nt: f32[row] = sum {col} weight\noutput t\n"},
    {"bracket_missing", head + "t: f32[batch, col] = sum {row} (pose * weight\noutput t\n"},
    {"dim_unknown", head + "t: f32[batch, cool] = sum {row} pose * weight\noutput t\n"},
    {"tensor_unknown", head + "t: f32[batch, col] = sum {row} pose * wieght\noutput t\n"},
    {"function_unknown", head + "t: f32[batch, row] = sqrtt(pose)\noutput t\n"},
    {"reduction_unknown", head + "t: f32[batch] = summ {row} pose\noutput t\n"},
    {"reduction_inside", head + "t: f32[batch] = 1.0 + sum {row} pose\noutput t\n"},
    {"types_mixed", head + "t: f32[batch, row] = pose * 2\noutput t\n"},
    {"types_index", head + "t: f32[batch, row] = pose(batch = ids)\noutput t\n"},
    {"index_positional", head + "t: f32[batch, row] = pose(batch + 1, row)\noutput t\n"},
    {"index_of_other_dim", head + "t: f32[batch, row] = pose(col = row)\noutput t\n"},
    {"literal_range", head + "t: u8[batch] = u8(ids) + 256_u8\noutput t\n"},
    {"literal_malformed", head + "t: f32[batch] = f32(ids) * 1.5.2\noutput t\n"},
    {"arguments", head + "t: f32[batch, row] = select(pose > 0.0, pose)\noutput t\n"},
    {"twice", head + "dim row\ninput pose: f32\nt: f32[row, row] = sum {batch} pose\noutput t\n"},
    {"tuple_component", head + "m: (i32, f32)[batch] = argmax {row} pose\nt: f32[batch] = m + 1.0\noutput t\n"},
    {"tuple_output", head + "m: (i32, f32)[batch] = argmax {row} pose\noutput m\n"},
    {"let_unknown", head + "t: f32[batch, row] = let $0 = exp(pose); $0 + $1\noutput t\n"},
    {"const_count", head + "const c: f32[tap] = {1, 2}\nt: f32[tap] = c\noutput t\n"},
    {"const_dim", head + "const c: f32[row] = {1, 2}\nt: f32[row] = c\noutput t\n"},
    {"const_file", head + "const c: f32[tap] = file \"00\"\nt: f32[tap] = c\noutput t\n"},
    {"identity_missing", head + "t: f32[batch] = reduce {row} pose combine left.0 + right.0\noutput t\n"},
    {"state_steps",
     head + "t: f32[batch, row] = scan {batch} pose identity 0.0 combine left.0(batch = 2 * batch) + right.0\n"
            "u: f32[batch, row] = scan {batch} pose identity 0.0 combine left.0(row = row - 1) + right.0\n"
            "v: f32[batch, row] = scan {batch} pose identity 0.0 combine left.0 + right.0(batch = batch - 1)\n"
            "output t, u, v\n"},
    {"state_ahead", head +
                        "t: f32[batch, row] = scan {batch, row} pose identity 0.0\n    combine left.0(row = row - 1) + "
                        "left.0(batch = batch + 1, row = row - 1)\noutput t\n"},
    {"state_not_said",
     head + "t: f32[batch, row] = scan {batch, row} pose identity 0.0 combine left.0 + right.0\noutput t\n"},
    {"state_exclusive",
     head + "t: f32[batch, row] = scan {row} exclusive pose identity 0.0 combine left.0(row = row - 2)\n"
            "output t\n"},
    {"quote_open", head + "t: f32[batch] = `pose\noutput t\n"},
    {"type_unknown", head + "input x: float[row]\nt: f32[row] = x\noutput t\n"},
    {"reserved", head + "t: f32[batch] = exp + 1.0\noutput t\n"},
    {"loop_missing", head + "t: f32[batch] = pose * 2.0\noutput t\n"},
    {"value_type", head + "t: f64[batch, row] = pose\noutput t\n"},
    {"too_early", head + "t: f32[batch, row] = u\nu: f32[batch, row] = pose\noutput t\n"},
    {"extent_cycle", "coulter 1\nkernel k\ndim i = extent(j) + 1\ndim j = extent(i) - 1\nt: f32[i] = 1.0\noutput t\n"},
    {"output_missing", head + "t: f32[batch, row] = pose\n"},
    {"update_differs", head + "t: f32[row, batch] = pose\noutput t\nupdate pose -> t\n"},
    {"nesting", head + "t: f32[batch] = " + std::string(300, '(') + "1.0\noutput t\n"},
    {"several", head +
                    "t: f32[batch] = sum {rwo} pose\nu: f32[batch] = ids\nv: f32[col = 1.0\nw: f32[col] = foo + bar\n"
                    "output tt\n"},
};

std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream content;
    content << file.rdbuf();
    return content.str();
}

/// The part of `page` between the line "```<language>" and the closing fence.
struct Block {
    std::size_t begin = std::string::npos;
    std::size_t end = std::string::npos;
};

Block fenced(const std::string& page, const std::string& language) {
    const std::string open = "```" + language + "\n";
    const std::size_t at = page.find(open);
    if (at == std::string::npos) {
        return {};
    }
    return {at + open.size(), page.find("```", at + open.size())};
}

std::vector<fs::path> pages() {
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry :
         fs::directory_iterator(fs::path(COULTER_TEST_DIR) / ".." / "docs" / "errors")) {
        const std::string name = entry.path().filename().string();
        if (entry.path().extension() == ".md" && (name[0] == 'T' || name[0] == 'V')) {
            found.push_back(entry.path());
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

} // namespace

TEST_CASE("mistakes in a text are reported as the goldens say") {
    for (const Case& example : cases) {
        const std::string messages = rejection(example.text);
        CHECK_MESSAGE(!messages.empty(), example.name << " is accepted");
        const std::string difference = golden_difference(std::string("text/") + example.name, messages);
        CHECK_MESSAGE(difference.empty(), difference);
    }
}

TEST_CASE("every golden belongs to a case") {
    std::set<std::string> names;
    for (const Case& example : cases) {
        CHECK(names.insert(example.name).second);
    }
    for (const auto& entry : fs::directory_iterator(fs::path(COULTER_TEST_DIR) / "golden" / "text")) {
        CHECK_MESSAGE(names.contains(entry.path().stem().string()), entry.path().filename().string());
    }
}

TEST_CASE("the examples of the error pages give the output that the pages show") {
    int examples = 0;
    for (const fs::path& path : pages()) {
        const std::string code = path.stem().string();
        CAPTURE(code);
        std::string page = read(path);
        const Block example = fenced(page, "coulter");
        const Block output = fenced(page, "text");
        if (example.begin == std::string::npos) {
            continue;
        }
        ++examples;
        REQUIRE(output.end != std::string::npos);
        const std::string messages = rejection(page.substr(example.begin, example.end - example.begin));
        CHECK(messages.find("[" + code + "]") != std::string::npos);
        const char* bless = std::getenv("COULTER_BLESS");
        if (bless != nullptr && std::string(bless) == "1") {
            page.replace(output.begin, output.end - output.begin, messages);
            std::ofstream(path, std::ios::binary) << page;
        } else {
            CHECK(page.substr(output.begin, output.end - output.begin) == messages);
        }
    }
    CHECK(examples >= 20);
}

TEST_CASE("every code that the sources report has a page") {
    const fs::path root = fs::path(COULTER_TEST_DIR) / "..";
    std::set<std::string> documented;
    for (const fs::path& path : pages()) {
        documented.insert(path.stem().string());
        CHECK(read(path).find("# " + path.stem().string()) == 0);
    }
    std::set<std::string> reported;
    for (const auto& entry : fs::directory_iterator(root / "dsl")) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with("text_") && !name.starts_with("ir_validate")) {
            continue;
        }
        const std::string source = read(entry.path());
        for (std::size_t at = source.find('"'); at != std::string::npos; at = source.find('"', at + 1)) {
            const bool code = at + 5 < source.size() && (source[at + 1] == 'T' || source[at + 1] == 'V') &&
                              source[at + 5] == '"' && std::isdigit(static_cast<unsigned char>(source[at + 2])) != 0;
            if (code) {
                reported.insert(source.substr(at + 1, 4));
            }
        }
    }
    CHECK(reported.size() > 30);
    CHECK(reported == documented);
}

TEST_CASE("the kernel in docs/text_format.md is canonical") {
    const std::string page = read(fs::path(COULTER_TEST_DIR) / ".." / "docs" / "text_format.md");
    const Block example = fenced(page, "coulter");
    REQUIRE(example.end != std::string::npos);
    const std::string text = page.substr(example.begin, example.end - example.begin);
    CHECK(rejection(text).empty());
    CHECK(print(parsed(text)) == text);
}
