// Text that nobody wrote: every rejection has a position, nothing crashes, hangs or grows without bound.

#include "coulter/text.hpp"
#include "support/random_kernel.hpp"
#include "support/run_options.hpp"
#include "text_support.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <functional>

using namespace coulter;
using namespace coulter::test;

namespace {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
    std::size_t below(std::size_t limit) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return limit == 0 ? 0 : static_cast<std::size_t>((state_ >> 11) % limit);
    }

private:
    std::uint64_t state_;
};

/// Pieces of a text: words, numbers, single symbols, runs of spaces; or whole lines.
std::vector<std::string> split(const std::string& text, bool lines) {
    std::vector<std::string> pieces;
    const auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; };
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at + 1;
        if (lines) {
            end = std::min(text.find('\n', at), text.size() - 1) + 1;
        } else if (word(text[at])) {
            while (end < text.size() && word(text[end])) {
                ++end;
            }
        }
        pieces.push_back(text.substr(at, end - at));
        at = end;
    }
    return pieces;
}

std::string joined(const std::vector<std::string>& pieces) {
    std::string text;
    for (const std::string& piece : pieces) {
        text += piece;
    }
    return text;
}

void mutate_bytes(std::string& text, Random& random) {
    const std::size_t at = random.below(text.size());
    switch (random.below(4)) {
    case 0: text[at] = static_cast<char>(random.below(256)); break;
    case 1: text.erase(at, 1 + random.below(3)); break;
    case 2: text.insert(at, 1, "(){}[]=+-*/.,:;$`\"#<>!&|0a \n"[random.below(29)]); break;
    default: text[at] = static_cast<char>(text[at] ^ (1 << random.below(8))); break;
    }
}

bool is_number(const std::string& piece) {
    return piece[0] >= '0' && piece[0] <= '9';
}
bool is_word(const std::string& piece) {
    return std::isalpha(static_cast<unsigned char>(piece[0])) != 0;
}

void mutate_tokens(std::string& text, Random& random) {
    std::vector<std::string> pieces = split(text, false);
    const std::size_t at = random.below(pieces.size());
    const std::size_t other = random.below(pieces.size());
    const std::string operators = "+-*/%";
    switch (random.below(9)) {
    case 0: pieces[at] = pieces[other]; break;
    case 1: pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(at)); break;
    case 2: pieces.insert(pieces.begin() + static_cast<std::ptrdiff_t>(at), pieces[other]); break;
    case 3: // another number of the same form
        for (std::size_t i = at; i < pieces.size(); ++i) {
            if (is_number(pieces[i]) && !pieces[i].starts_with("0x")) {
                pieces[i][0] = static_cast<char>('0' + random.below(10));
                break;
            }
        }
        break;
    case 4: // another operator
    case 5:
        for (std::size_t i = at + 1; i + 1 < pieces.size(); ++i) {
            const bool infix =
                operators.find(pieces[i][0]) != std::string::npos && pieces[i + 1] == " " && pieces[i - 1] == " ";
            if (infix) {
                pieces[i] = operators[random.below(operators.size())];
                break;
            }
        }
        break;
    default: // space, in front of a word or a bracket
        for (std::size_t i = at + 1; i < pieces.size(); ++i) {
            const bool free = pieces[i - 1] == " " && (is_word(pieces[i]) || pieces[i] == "(");
            if (free) {
                pieces[i].insert(0, random.below(2) == 0 ? " \t  " : " # note\n   ");
                break;
            }
        }
        break;
    }
    text = joined(pieces);
}

void mutate_lines(std::string& text, Random& random) {
    std::vector<std::string> lines = split(text, true);
    const std::size_t at = 2 + random.below(lines.size() - 2);
    const std::size_t other = 2 + random.below(lines.size() - 2);
    const auto place = lines.begin() + static_cast<std::ptrdiff_t>(at);
    switch (random.below(8)) {
    case 0: lines.erase(place); break;
    case 1: lines.insert(place, lines[other]); break;
    case 2: std::swap(lines[at], lines[other]); break;
    case 3: lines.insert(place, "# a comment\n"); break;
    case 4: lines.insert(place, "\n"); break;
    case 5: lines.insert(place, "estimate y = 3\n"); break;
    case 6: // a line of the header to the end, where it means the same
        if (lines[at].starts_with("input ") || lines[at].starts_with("dim ") || lines[at].starts_with("output ")) {
            lines.push_back(lines[at]);
            lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at));
        }
        break;
    default: lines.insert(place, lines[other].starts_with(" ") ? "   \n" : "dim fresh\n"); break;
    }
    text = joined(lines);
}

/// What must hold of any text.
bool check_text(const std::string& text) {
    const ParseResult result = parse(text, "k.coulter");
    if (!result.kernel) {
        REQUIRE(!result.diagnostics.empty());
        for (const Diagnostic& diagnostic : result.diagnostics) {
            REQUIRE(diagnostic.span.line >= 1);
            REQUIRE(diagnostic.span.column >= 1);
            REQUIRE(diagnostic.span.file == "k.coulter");
            REQUIRE(!diagnostic.message.empty());
            REQUIRE(diagnostic.code.size() == 4);
        }
        return false;
    }
    REQUIRE(result.diagnostics.empty());
    const std::string printed = print(*result.kernel);
    const ParseResult again = parse(printed, "k.coulter");
    REQUIRE(again.kernel.has_value());
    REQUIRE(ir::equal(*again.kernel, *result.kernel));
    REQUIRE(print(*again.kernel) == printed);
    return true;
}

double seconds_of(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

const std::string head = "coulter 1\nkernel k\ndim i\ninput a: f32[i]\noutput t\n";

} // namespace

TEST_CASE("20,000 mutations are accepted or rejected with a position, at least half accepted") {
    std::vector<std::string> bases{sampler()};
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        RandomKernelOptions options;
        options.wild = seed % 2 == 0;
        options.stages = 4;
        bases.push_back(print(random_kernel(seed, options)));
    }
    const std::uint64_t total = mutations(20'000);
    std::uint64_t accepted = 0;
    for (std::uint64_t seed = first_seed(); seed < first_seed() + total; ++seed) {
        CAPTURE(seed);
        Random random(seed);
        std::string text = bases[random.below(bases.size())];
        const std::size_t level = random.below(10);
        for (std::size_t times = 1 + random.below(4) / 3; times > 0 && text.size() > 60; --times) {
            level < 2   ? mutate_bytes(text, random)
            : level < 6 ? mutate_tokens(text, random)
                        : mutate_lines(text, random);
        }
        accepted += check_text(text) ? 1 : 0;
    }
    MESSAGE(accepted << " of " << total << " accepted");
    CHECK(accepted >= total / 2);
    CHECK(accepted < total * 9 / 10);
}

TEST_CASE("a text cut off at any byte is rejected with a position, or complete up to a statement") {
    const std::string& text = sampler();
    int accepted = 0;
    for (std::size_t length = 0; length < text.size(); ++length) {
        CAPTURE(length);
        accepted += check_text(text.substr(0, length)) ? 1 : 0;
    }
    CHECK(accepted > 0);
    CHECK(accepted < 200);
}

TEST_CASE("one hundred megabytes of nesting are refused at once") {
    for (const char c : {'(', '-', '[', '`', '{', '\n'}) {
        CAPTURE(c);
        const std::string text = head + "t: f32[i] = " + std::string(100'000'000, c);
        CHECK(seconds_of([&] { CHECK(rejection(text).find("T002") != std::string::npos); }) < 5);
    }
}

TEST_CASE("what fits the limit of size is read in bounded time and memory") {
    const std::size_t size = 15'000'000;
    const auto repeated = [&](const std::string& piece) {
        std::string text;
        while (text.size() < size) {
            text += piece;
        }
        return text;
    };
    const std::string parts[] = {
        repeated("("),     repeated("-"),          repeated("!~"),    repeated("exp("), repeated("a+"),
        repeated("a(i="),  repeated("padded("),    repeated("9"),     repeated("0x1."), repeated("let $0 = "),
        repeated(" "),     repeated("#"),          repeated("zz + "), repeated("\n x"), repeated("\nx"),
        repeated("\ndim"), repeated("\noutput t"), repeated("sum {"), repeated("a.b."), repeated("a[1]"),
        repeated("\"\""),  repeated("\xc3\xa9"),   repeated("i, "),
    };
    for (const std::string& part : parts) {
        CAPTURE(part.substr(0, 12));
        for (const char* before : {"t: f32[i] = ", "const c: f32[i] = {", "input ", "group "}) {
            const std::string text = head + before + part;
            std::string messages;
            CHECK(seconds_of([&] { messages = rejection(text); }) < 20);
            CHECK(!messages.empty());
            CHECK(messages.size() < 200'000);
        }
    }
}

TEST_CASE("reads of a tensor whose declaration names a dim twice are refused with it") {
    const std::string declared = head + "dim j = 3\nt: f32[i, i] = 1.0\n";
    CHECK(rejection(declared + "u: f32[j] = t(i = j)\noutput u\n").find("k.coulter:") == 0);
    CHECK(rejection(declared + "u: f32[j] = padded(t(i = j), 0.0)\noutput u\n").find("k.coulter:") == 0);
}

TEST_CASE("bytes that are no text are refused with their place") {
    CHECK(rejection(head + std::string(1, '\0')).find("k.coulter:6:1: error: the byte 0x00") == 0);
    for (const char* bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"}) {
        CHECK(rejection(head + "t: f32[i] = a # " + bad).find("k.coulter:6:17: error: the byte 0x") == 0);
    }
    CHECK(rejection(head + "t: f32[i] = a # \xe2\x82\xac\n").empty());
    CHECK(rejection(head + "t: f32[i] = a \xe2\x82\xac\n").find("k.coulter:6:15: error: this character") == 0);
}

TEST_CASE("huge numbers and extents are refused or kept exactly") {
    const auto dim = [](const std::string& extent) {
        return "coulter 1\nkernel k\ndim n = " + extent + "\ndim m = " + extent +
               "\nconst c: f32[n, m] = {}\nt: f32 = 1.0\noutput t\n";
    };
    CHECK(rejection(dim("9223372036854775808")).find("[T006]") != std::string::npos);
    CHECK(rejection(dim(std::string(900, '9'))).find("[T006]") != std::string::npos);
    CHECK(rejection(dim(std::string(100'000, '9'))).find("more than 1000 bytes [T003]") != std::string::npos);
    CHECK(rejection(dim("9223372036854775807")).find("has 0 elements") != std::string::npos);
    CHECK(rejection(dim("4294967296")).find("has 0 elements") != std::string::npos); // whose product wraps to 0
    CHECK(rejection(dim("0")).empty());
    CHECK(rejection(head + "t: f32[i] = a(i = 9223372036854775807 * 9223372036854775807)\n").empty());
    CHECK(rejection(head + "t: f32[i] = 1e39\n").find("out of the range of f32") != std::string::npos);
    CHECK(rejection(head + "t: f32[i] = 0x1p+99999\n").find("[T006]") != std::string::npos);
    CHECK(rejection(head + "t: f32[i] = a.99999999999999999999\n").find("[T014]") != std::string::npos);
}

TEST_CASE("a doubling chain of lets stays linear") {
    std::string text = head + "t: f32[i] =\n    let $0 = sin(a);\n";
    for (int i = 1; i < 20'000; ++i) {
        text +=
            "    let $" + std::to_string(i) + " = $" + std::to_string(i - 1) + " * $" + std::to_string(i - 1) + ";\n";
    }
    text += "    $19999 + 1.0\n";
    CHECK(seconds_of([&] { CHECK(check_text(text)); }) < 10);
}
