// Seeded mutations of valid schedules: no crash, no hang, and a place for everything that is refused.

#include "schedule_support.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <random>

using namespace coulter;
using namespace coulter::test;

namespace {

const std::array seeds{
    R"(schedule conv_capsules, conv_capsules.*
numerics reassociate
stage weight.packed = pack weight by out 16 once    # packed
stage pose.staged = copy pose for votes.acc at votes/x.o in stack
stage votes.acc = accumulate votes at votes/x.o in registers
stage votes.acc { vectorize out; unroll row col x }

stage votes.acc.init { vectorize out; unroll row col x }
stage votes {
    split out by 16; split x by 2 tail predicate
    reorder out.i row col x.i x.o y out.o batch
    fuse out.o batch as ob
    vectorize out.i; unroll row col x.i; parallel ob
}
)",
    R"(schedule softmax
stage y { parallel row; vectorize col by 16; compute root }
stage y.softmax.exp { compute at y/row; store in heap; layout row col }
stage y.softmax.sum { compute at y/row; vectorize col by 16 }
stage y.softmax.sum.lanes { unroll col.o by 2 }
stage y.softmax.max { compute at y/row; split col by 16 as co ci }
rfactor y.softmax.max: ci as y.softmax.max.part
stage y.softmax.max.part { compute at y/row; vectorize col.i }
)",
    R"(schedule em, em.*
tune n in {4, 8, 16} = 8
macro lanes(d, f) { split d by f; vectorize d.i }
macro iteration(i, at) {
    stage em.mu[i] { use lanes(out, ?n); parallel batch }
    stage em.gain[i] skip missing { compute at at }
}
use iteration(0, em.mu[1]/batch)
clone votes for em.sigma[*] as votes[*]
clone em.mu[0] for em.gain[0] as both
stage em.sigma[*] { use em.lanes(4); unroll in }
stage em.sigma[1].init { like em.sigma[1] skip missing }
extend stage em.sigma[0] { parallel batch }
variant small when extent(batch) < 4 and (extent(in) == 8 or not extent(out) % 8 != 0) and compact {
    stage votes[*] { compute at em.sigma[*]/batch; like em.mu[0] }
}
)",
    R"(schedule chain
target host
require a not stored; require b not stored
require memory <= 64 MB; require shared <= 16 KiB
stage a { compute at c/y.o; store at c/y.o; tile x y by 8 2 as xo yo xi yi; unroll yi }
stage b { compute inline }
stage c { tile x y by 16 5; vectorize x.i; serial y.i; parallel y.o }
)"};

const std::array words{
    "stage", "{", "}",   ";",    "split", "by",    "16",      "0",      "-1",   "as",  "votes",
    "x",     "/", "in",  "at",   "tail",  "shift", "compute", "root",   "fuse", "row", "unroll",
    "@",     "*", "acc", "copy", "pack",  "for",   "rfactor", "inline", "#",    "y",   "99999999999999999999",
    "k",     "*+1", "[*]", "?n", "macro", "use", "like", "variant", "when", "extend", "clone", "join", "tune", "(", ")",
    "require", "not", "stored", "<", "=", "memory", "MB"};

// What may stand for one another without breaking the grammar.
const std::vector<std::vector<std::string>> alike{
    {"batch", "y", "x", "out", "row", "col", "ky", "kx", "in", "k", "x.o", "x.i", "out.i", "out.o", "col.i", "ob",
     "ci"},
    {"2", "16", "1", "3", "5", "0", "64", "4097", "2147483647"},
    {"votes", "votes.acc", "pose.staged", "weight.packed", "y.softmax.exp", "y.softmax.sum", "a", "b", "c", "pose"},
    {"unroll", "parallel", "serial"},
    {"em.mu", "em.sigma", "em.gain", "votes", "both"},
    {"lanes", "iteration", "em.lanes", "em.fused"},
    {"and", "or"},
    {"shift", "predicate", "guard", "round_up"},
    {"heap", "stack", "registers", "auto"},
    {"root", "inline"},
    {"exact", "reassociate", "fast"}};

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t n) {
    return static_cast<std::size_t>(random() % n);
}

std::vector<std::string> pieces(const std::string& text, const char* separators) {
    std::vector<std::string> found(1);
    for (const char c : text) {
        found.back() += c;
        if (std::string_view(separators).find(c) != std::string_view::npos) {
            found.emplace_back();
        }
    }
    return found;
}

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& each : parts) {
        text += each;
    }
    return text;
}

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
}

/// Replaces a word by one that may stand in its place.
std::string exchange(const std::string& text, Random& random) {
    for (int trial = 0; trial < 20; ++trial) {
        std::size_t begin = below(random, text.size() + 1);
        std::size_t end = begin;
        while (begin > 0 && is_word(text[begin - 1])) {
            --begin;
        }
        while (end < text.size() && is_word(text[end])) {
            ++end;
        }
        const std::string word = text.substr(begin, end - begin);
        for (const std::vector<std::string>& each : alike) {
            if (std::find(each.begin(), each.end(), word) != each.end()) {
                return text.substr(0, begin) + each[below(random, each.size())] + text.substr(end);
            }
        }
    }
    return text;
}

/// One change: of a byte, of a word, or of whole lines.
std::string mutate(const std::string& text, Random& random) {
    const std::size_t kind = below(random, 20);
    if (kind >= 10) {
        return exchange(text, random);
    }
    if (kind == 0 && !text.empty()) {
        std::string changed = text;
        const std::size_t at = below(random, changed.size());
        switch (below(random, 3)) {
        case 0: changed[at] = static_cast<char>(below(random, 256)); break;
        case 1: changed.erase(at, 1 + below(random, 4)); break;
        default: changed.insert(at, 1, static_cast<char>(below(random, 256))); break;
        }
        return changed;
    }
    if (kind == 1) {
        return text.substr(0, below(random, text.size() + 1));
    }
    const bool line = kind >= 4;
    std::vector<std::string> parts = pieces(text, line ? "\n;" : " \n/;");
    const std::size_t at = below(random, parts.size());
    const std::size_t other = below(random, parts.size());
    switch (below(random, line ? 4 : 5)) {
    case 0: std::swap(parts[at], parts[other]); break;
    case 1: parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at)); break;
    case 2: parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(at), parts[other]); break;
    case 3: parts[at] = line ? parts[other] : parts[at]; break;
    default: {
        std::string& part = parts[at];
        const char end = part.empty() ? ' ' : part.back();
        part = std::string(words[below(random, words.size())]) + (end == '\n' || end == '/' || end == ';' ? end : ' ');
        break;
    }
    }
    return joined(parts);
}

} // namespace

TEST_CASE("the seeds themselves are accepted") {
    for (const char* seed : seeds) {
        CHECK(told(seed) == "");
    }
}

TEST_CASE("large files are refused with a limited number of messages") {
    const ir::Kernel kernel = schedule_kernel("chain");
    const auto many = [&](const std::string& head, const std::string& each, const std::string& tail) {
        std::string text = "schedule chain\n" + head;
        for (int i = 0; i < 100'000; ++i) {
            text += each;
        }
        return schedule::check_texts(kernel, {{"k.sched", text + tail}});
    };
    for (const schedule::CheckResult& result :
         {many("stage c { ", "serial x; ", "}"), many("stage c { ", "reorder y x; reorder x y; ", "}"),
          many("stage c { unroll ", "q ", "}"), many("", "stage q { unroll q }\n", ""), many("", "stage c {}\n", ""),
          many("stage c { ", "split x by 0\n", "}"), many("", "require a not stored\n", "stage a { compute root }"), many("", "stage p = copy image for q at q/q\n", "")}) {
        CHECK(!result.ok());
        CHECK(result.diagnostics.size() <= 600);
    }
}

TEST_CASE("20,000 mutations are parsed, printed and checked; what is refused has a place") {
    std::size_t parse = 0;
    std::size_t accepted = 0;
#if defined(__SANITIZE_ADDRESS__)
    const std::size_t count = mutations(4'000); // fifteen times as slow
#else
    const std::size_t count = mutations(20'000);
#endif
    std::vector<ir::Kernel> kernels;
    for (const char* const seed : seeds) {
        kernels.push_back(kernel_of(seed));
    }
    for (std::uint64_t seed = first_seed(); seed < first_seed() + count; ++seed) {
        CAPTURE(seed);
        Random random(seed);
        const std::size_t which = below(random, seeds.size());
        std::string text = seeds[which];
        for (std::size_t i = 1 + below(random, 2); i > 0; --i) {
            text = mutate(text, random);
        }
        const schedule::SyntaxResult syntax = schedule::parse_schedule(text, "k.sched");
        const schedule::CheckResult result = schedule::check_texts(kernels[which], {{"k.sched", text}});
        for (const Diagnostic& each : result.diagnostics) {
            const bool placed = (each.span.file == "k.sched" || each.span.file == "em.sched") && each.span.line > 0 && each.span.column > 0;
            REQUIRE_MESSAGE(placed, render(each, text) << "\n" << text);
            REQUIRE(!render(each, text).empty());
        }
        if (!result.plan) {
            REQUIRE(!result.diagnostics.empty());
        } else {
            REQUIRE_MESSAGE(inconsistency(*result.plan) == "", text);
        }
        if (syntax.ok()) {
            ++parse;
            accepted += result.plan ? 1 : 0;
            const std::string once = schedule::format(syntax.file);
            const schedule::SyntaxResult again = schedule::parse_schedule(once, "k.sched");
            REQUIRE_MESSAGE(again.ok(), once);
            REQUIRE_MESSAGE(schedule::equal(syntax.file, again.file), text);
            REQUIRE_MESSAGE(schedule::format(again.file) == once, text);
        }
    }
    MESSAGE(parse << " of " << count << " parsed, " << accepted << " were accepted");
    CHECK(parse * 2 >= count);
    CHECK(accepted >= 200);
}
