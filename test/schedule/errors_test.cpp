// Whole texts of what the schedule language tells, the page of every code, and the manual's examples.

#include "coulter/schedule/target.hpp"
#include "schedule_support.hpp"
#include "support/golden.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <regex>
#include <set>

using namespace coulter;
using namespace coulter::test;

namespace {

const std::filesystem::path root = std::filesystem::path(COULTER_TEST_DIR).parent_path();

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<std::filesystem::path> files(const std::filesystem::path& folder, const std::string& extension,
                                         const std::string& prefix = {}) {
    std::vector<std::filesystem::path> found;
    for (const auto& each : std::filesystem::directory_iterator(folder)) {
        if (each.path().extension() == extension && each.path().filename().string().starts_with(prefix)) {
            found.push_back(each.path());
        }
    }
    std::ranges::sort(found);
    return found;
}

/// The bodies of the fenced blocks of a language.
std::vector<std::string> blocks(const std::string& page, const std::string& language) {
    std::vector<std::string> found;
    const std::string open = "```" + language + "\n";
    for (std::size_t at = page.find(open); at != std::string::npos; at = page.find(open, at)) {
        at += open.size();
        const std::size_t end = page.find("```", at);
        found.push_back(page.substr(at, end - at));
        at = end + 3;
    }
    return found;
}

std::set<std::string> codes_in(const std::string& text) {
    static const std::regex code(R"("(S\d{3})\")");
    std::set<std::string> found;
    for (std::sregex_iterator at(text.begin(), text.end(), code), end; at != end; ++at) {
        found.insert((*at)[1]);
    }
    return found;
}

/// Without its last directive, or its last statement where that makes a stage.
std::string shortened(const std::string& text) {
    schedule::ScheduleFile file = schedule::parse_schedule(text, "k.sched").file;
    schedule::Statement& last = file.statements.back();
    if (last.kind == schedule::Statement::Kind::block) {
        last.directives.pop_back();
    } else {
        file.statements.pop_back();
    }
    return schedule::format(file);
}

std::string loops(const std::string& text) {
    schedule::CheckOptions options;
    options.complete = false;
    const std::vector<schedule::ScheduleText> texts{{"k.sched", text}};
    const schedule::CheckResult result = schedule::check_texts(kernel_of(text), texts, options);
    INFO(schedule::render(result.diagnostics, texts));
    REQUIRE(result.plan.has_value());
    return schedule::loops_text(*result.plan);
}

std::string render(const schedule::CheckResult& result, std::vector<schedule::ScheduleText> texts) {
    texts.insert(texts.end(), result.texts.begin(), result.texts.end());
    return schedule::render(result.diagnostics, texts);
}

/// AVX2, beside the device that the text is for.
schedule::CheckOptions avx2(const std::string& text) {
    schedule::CheckOptions options;
    options.target = "x86-64-avx2";
    for (const std::string& suffix : schedule::device_suffixes()) {
        options.target += text.find("target x86-64" + suffix + '\n') == std::string::npos ? "" : suffix;
    }
    return options;
}

} // namespace

TEST_CASE("every mistake under golden/schedule gets the text that stands beside it") {
    std::set<std::string> seen;
    std::size_t count = 0;
    for (const std::filesystem::path& path : files(root / "test/golden/schedule", ".sched")) {
        const std::string text = read(path);
        const std::vector<schedule::ScheduleText> texts{{path.filename().string(), text}};
        const schedule::CheckResult result = schedule::check_texts(kernel_of(text), texts, avx2(text));
        const std::string out = render(result, texts);
        CHECK_MESSAGE(!out.empty(), path.filename().string() << " is not refused");
        CHECK_MESSAGE(seen.insert(out).second, path.filename().string() << " repeats another case");
        const std::string difference = golden_difference("schedule/" + path.stem().string(), out);
        CHECK_MESSAGE(difference.empty(), difference);
        ++count;
    }
    CHECK(count >= 25);
}

TEST_CASE("the page of each code shows its example and exactly what is told about it") {
    const char* bless = std::getenv("COULTER_BLESS");
    std::size_t count = 0;
    for (const std::filesystem::path& path : files(root / "docs/errors", ".md", "S")) {
        const std::string page = read(path);
        const std::string code = path.stem().string();
        CAPTURE(code);
        CHECK(page.starts_with("# " + code + ": "));
        std::vector<schedule::ScheduleText> texts;
        for (const std::string& example : blocks(page, "sched")) {
            texts.push_back({texts.empty() ? "k.sched" : "k" + std::to_string(texts.size() + 1) + ".sched", example});
        }
        REQUIRE(!texts.empty());
        const schedule::CheckResult result =
            schedule::check_texts(kernel_of(texts.front().text), texts, avx2(texts.front().text));
        const std::string out = render(result, texts);
        CHECK(std::ranges::any_of(result.diagnostics, [&](const Diagnostic& each) { return each.code == code; }));
        const std::vector<std::string> shown = blocks(page, "text");
        REQUIRE(shown.size() == 1);
        if (bless != nullptr && std::string(bless) == "1") {
            const std::size_t at = page.find("```text\n") + 8;
            std::ofstream(path, std::ios::binary) << page.substr(0, at) << out << page.substr(page.find("```", at));
        } else {
            CHECK(shown.front() == out);
        }
        ++count;
    }
    CHECK(count >= 40);
}

TEST_CASE("every code that the sources use has a page, and every page a code") {
    std::set<std::string> used;
    for (const std::filesystem::path& path : files(root / "schedules", ".cpp")) {
        used.merge(codes_in(read(path)));
    }
    CHECK(used.size() >= 40);
    std::set<std::string> pages;
    for (const std::filesystem::path& path : files(root / "docs/errors", ".md", "S")) {
        pages.insert(path.stem().string());
    }
    CHECK(used == pages);
}

TEST_CASE("the manual's examples do what it says") {
    const std::filesystem::path path = root / "docs/schedule_language.md";
    const std::string page = read(path);
    std::string fresh;
    std::string example;
    std::size_t count = 0;
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) {
        fresh += line + '\n';
        const std::string kind = line.starts_with("```") ? line.substr(3) : "";
        if (kind.empty()) {
            continue;
        }
        std::string body;
        while (std::getline(lines, line) && line != "```") {
            body += line + '\n';
        }
        ++count;
        CAPTURE(body);
        if (kind == "sched") {
            example = body;
        } else if (kind == "loops") {
            CHECK(told(example) == "");
            body = loops(shortened(example)) + "-->\n" + loops(example);
        } else if (kind == "loops-after") {
            body = loops(example);
        } else if (kind == "rejected") {
            body = told(example);
            CHECK(!body.empty());
        }
        fresh += body + "```\n";
    }
    CHECK(count >= 25);
    const char* bless = std::getenv("COULTER_BLESS");
    if (bless != nullptr && std::string(bless) == "1") {
        std::ofstream(path, std::ios::binary) << fresh;
    } else {
        CHECK(page == fresh);
    }
}
