// The instructions for dot products and for conversions of 16-bit floats are reached, and results stay what they are.

#include "compile.hpp"
#include "coulter/schedule/target.hpp"
#include "coulter/text.hpp"
#include "forked.hpp"

#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/core.h>
#include <fstream>
#include <unistd.h>

using namespace coulter;
using namespace coulter::test;

namespace {

ir::Kernel products(const std::string& left, const std::string& right, const std::string& k = "dim k") {
    const std::string text =
        fmt::format("coulter 1\nkernel products\n\ndim i\ndim j\n{}\n\ninput a: {}[i, k]\ninput b: {}[j, k] frozen\n\n"
                    "c: i32[i, j] =\n    sum {{k}} i32(a) * i32(b)\n\noutput c\n\nestimate i = 256, j = 256{}\n",
                    k, left, right, k == "dim k" ? ", k = 256" : "");
    const ParseResult parsed = parse(text, "k.coulter");
    REQUIRE_MESSAGE(parsed.kernel, parsed.diagnostics.front().message);
    return *parsed.kernel;
}

/// A tile of 2 rows by 2 vectors, with groups of `factor` neighbours of k in each lane.
std::string tiled(int lanes, int factor, bool packed = true, const std::string& more = "") {
    const std::string pack =
        packed ? fmt::format("stage b.packed = pack b by j {} k {} once\n", 2 * lanes, factor) : std::string();
    return fmt::format(
        "schedule products\n{0}stage c.acc = accumulate c\n"
        "stage c {{ split j by {1}; split i by 2; reorder j.i i.i j.o i.o; vectorize j.i; unroll i.i; parallel i.o }}\n"
        "stage c.acc {{\n    compute at c/j.o\n    store in registers\n    split j by {2}\n    split k by {3}\n"
        "    reorder j.i j.o i k.i k.o\n    vectorize j.i\n    unroll j.o i k.i\n{4}}}\n"
        "stage c.acc.init {{ split j by {2}; reorder j.i j.o i; vectorize j.i; unroll j.o i }}\n",
        pack, 2 * lanes, lanes, factor, more);
}

/// The assembly under a schedule; empty: the default one.
std::string assembly(const ir::Kernel& kernel, const std::string& schedule, const std::string& target) {
    const std::string given = schedule.empty() ? fmt::format("schedule {}\n", kernel.name) : schedule;
    const schedule::CheckResult checked =
        schedule::check_texts(kernel, {{"case.sched", given}}, host_options(true, target));
    REQUIRE_MESSAGE(checked.plan, schedule::render(checked.diagnostics, {{"case.sched", schedule}}));
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / fmt::format("coulter_instructions_{}.s", getpid());
    lower::Options lowering;
    lowering.target = target;
    lower::compile(*checked.plan, {}, lowering, {"", path.string(), "", ""});
    std::ifstream file(path);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    std::filesystem::remove(path);
    return text;
}

/// A sum of products in f32, and a map, of tensors of a narrow type.
ir::Kernel mixed(const std::string& type) {
    const std::string text = fmt::format(
        "coulter 1\nkernel mixed\n\ndim i\ndim k\n\ninput x: {0}[i, k]\ninput w: {0}[k]\n\n"
        "dot: f32[i] =\n    sum {{k}} f32(x) * f32(w)\n\ny: {0}[i, k] =\n    {0}(f32(x) * dot)\n\noutput y\n\n"
        "estimate i = 256, k = 1024\n",
        type);
    const ParseResult parsed = parse(text, "k.coulter");
    REQUIRE_MESSAGE(parsed.kernel, parsed.diagnostics.front().message);
    return *parsed.kernel;
}

bool has(const std::string& text, const std::string& word) {
    return text.find("\t" + word + "\t") != std::string::npos;
}

} // namespace

TEST_CASE("sums of products in groups give the interpreter's results, rests included") {
    std::vector<Case> cases;
    const std::vector<std::pair<std::string, std::string>> types{{"u8", "i8"}, {"i8", "u8"},   {"i8", "i8"},
                                                                 {"u8", "u8"}, {"i16", "i16"}, {"i16", "u8"}};
    for (const auto& [left, right] : types) {
        for (const int factor : {2, 4}) {
            for (const bool packed : {true, false}) {
                for (const std::int64_t k : {3, 4, 37}) {
                    if (!packed && (k != 37 || left != "u8")) {
                        continue;
                    }
                    Case test;
                    test.kernel = products(left, right);
                    test.schedule = tiled(8, factor, packed);
                    test.extents = {{"i", 5}, {"j", 19}, {"k", k}};
                    test.seed = static_cast<std::uint64_t>(k);
                    test.special = k == 37; // the extremes of each type
                    test.name = fmt::format("{}_{}_{}_{}_{}", left, right, factor, packed ? "packed" : "plain", k);
                    cases.push_back(std::move(test));
                }
            }
        }
    }
    for (const std::string& schedule :
         {std::string(), tiled(8, 4, true, "    split k.o by 3; unroll k.o.i\n"), tiled(4, 2)}) {
        Case test;
        test.kernel = products("u8", "i8", "dim k = 26");
        test.schedule = schedule;
        test.extents = {{"i", 9}, {"j", 33}};
        test.special = true;
        test.name = fmt::format("constant_{}", cases.size());
        cases.push_back(std::move(test));
    }
    const Summary summary = run_cases(cases);
    CHECK(summary.failures == "");
    CHECK(summary.refusals == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

TEST_CASE("products of narrow integers are added by the processor's instructions for it") {
    const std::string vnni = "x86-64-avx512_sapphirerapids";
    const std::string avx2 = "x86-64-avx2";
    CHECK(has(assembly(products("u8", "i8"), tiled(16, 4), vnni), "vpdpbusd"));
    CHECK(has(assembly(products("i8", "i8"), tiled(16, 2), vnni), "vpdpwssd"));
    CHECK(has(assembly(products("u8", "i8"), tiled(8, 2), avx2), "vpmaddwd"));
    CHECK(has(assembly(products("i16", "i16"), tiled(8, 2), avx2), "vpmaddwd"));
    // By default too.
    CHECK(has(assembly(products("u8", "i8"), "", vnni), "vpdpbusd"));
    CHECK(has(assembly(products("i8", "i8"), "", vnni), "vpdpwssd"));
    CHECK(has(assembly(products("u8", "i8"), "", avx2), "vpmaddwd"));
    CHECK(has(assembly(products("i8", "i8"), "", "x86-64-sse41"), "pmaddwd"));
    // Groups of another size are none.
    const std::string threes = assembly(products("u8", "i8"), tiled(16, 3), vnni);
    CHECK_FALSE(has(threes, "vpdpbusd"));
}

TEST_CASE("16-bit floats are converted in vectors, by instructions and not by calls") {
    for (const char* const mode : {"reassociate", "exact"}) {
        for (const char* const target : {"x86-64-avx2", "x86-64-avx512_sapphirerapids"}) {
            const std::string schedule = fmt::format("schedule mixed\nnumerics {}\n", mode);
            const std::string half = assembly(mixed("f16"), schedule, target);
            CAPTURE(mode);
            CAPTURE(target);
            CHECK((has(half, "vcvtph2ps") || has(half, "vcvtph2psx")));
            CHECK((has(half, "vcvtps2ph") || has(half, "vcvtps2phx")));
            const std::string bfloat = assembly(mixed("bf16"), schedule, target);
            CHECK(has(bfloat, "vpslld"));
            CHECK(has(bfloat, "vpsrld"));
            for (const char* call :
                 {"__extendhfsf2", "__truncsfhf2", "__gnu_h2f_ieee", "__gnu_f2h_ieee", "__truncsfbf2"}) {
                CHECK(half.find(call) == std::string::npos);
                CHECK(bfloat.find(call) == std::string::npos);
            }
        }
    }
}
