// Scans, scatters and reductions over segments: every form, at the ends of extents and types, under schedules that
// split, vectorize, spread and chunk them.

#include "forked.hpp"
#include "run_case.hpp"

#include "coulter/text.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

using namespace coulter;
using namespace coulter::test;

namespace {

using Extents = std::map<std::string, std::int64_t>;

ir::Kernel kernel_of(const std::string& text) {
    ParseResult parsed = parse(text, "k.coulter");
    const std::string problem = parsed.diagnostics.empty() ? "" : parsed.diagnostics.front().message;
    REQUIRE_MESSAGE(parsed.kernel.has_value(), problem << "\n" << text);
    return *std::move(parsed.kernel);
}

/// A scan along `t` of every row, with the words, and what reads all of it and one element of it.
ir::Kernel scan_of(const std::string& type, const std::string& words, const std::string& rest,
                   const std::string& tuple = "") {
    const std::string out = tuple.empty() ? "total" : "total.0";
    const std::string types = tuple.empty() ? type : tuple;
    return kernel_of(fmt::format("coulter 1\nkernel prefixes\ndim row\ndim t\ndim col\n"
                                 "input x: {0}[row, t, col]\ninput w: {0}[t, col]\n"
                                 "doubled: {0}[row, t, col] =\n    x + w\n"
                                 "total: {1}[row, t, col] =\n    scan {{t}} {2}{3}\n"
                                 "state: {0}[row, t, col] =\n    {4}\n"
                                 "later: {0}[row, col] =\n    clamped({4}(t = 2)) + clamped({4}(t = -1))\n"
                                 "output state, later\n",
                                 type, types, words, rest, out));
}

const std::vector<std::string> words{"", "reversed ", "exclusive ", "reversed exclusive "};
const std::vector<Extents> sizes{{{"row", 1}, {"t", 1}, {"col", 1}},
                                 {{"row", 3}, {"t", 7}, {"col", 19}},
                                 {{"row", 2}, {"t", 33}, {"col", 8}},
                                 {{"row", 5}, {"t", 2}, {"col", 37}}};

Case make(const ir::Kernel& kernel, const std::string& body, const Extents& extents, std::uint64_t seed) {
    Case test;
    test.kernel = kernel;
    test.schedule = body.empty() ? "" : "schedule " + kernel.name + "\n" + body;
    test.extents = extents;
    test.seed = seed;
    test.name = fmt::format("{}_{}", kernel.name, seed);
    test.special = seed % 2 == 0;
    return test;
}

void expect_passed(const std::vector<Case>& cases) {
    const Summary summary = run_cases(cases);
    MESSAGE(cases.size() << " cases, " << summary.seconds << " s of processor time");
    CHECK(summary.failures == "");
    CHECK(summary.refusals == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

} // namespace

TEST_CASE("scans in every direction under schedules of their other dims") {
    const std::vector<std::string> bodies{
        "",
        "stage total { compute root; vectorize col by 8; parallel row }\n",
        "stage total { compute root; split col by 4; reorder col.i t col.o row; vectorize col.i }\n",
        "stage total { compute root; reorder row t col; split row by 2; unroll row.i }\n",
        "stage total { compute root; split t by 4; unroll t.i }\n",
        "stage total { compute root; fuse col row as p; parallel p }\n",
        "stage total { compute root; split col by 4 }\nstage doubled { compute at total/t; vectorize col by 2 }\n",
        "stage total { compute root; split t by 3; reorder col t.i t.o row }\nstage doubled { compute at total/t.o }\n",
        "stage total.part = chunk total by t 4\n",
        "stage total.part = chunk total by t 8\nstage total.part { compute root; parallel t.o; vectorize col by 8 }\n"
        "stage total.part.carry { compute root }\nstage total { compute root; vectorize col by 8 }\n"};
    std::vector<Case> cases;
    for (std::size_t b = 0; b < bodies.size(); ++b) {
        for (std::size_t w = 0; w < words.size(); ++w) {
            const bool wide = (b + w) % 2 == 1;
            const std::string sum = fmt::format("associative doubled\n    identity {}\n    combine left.0 + right.0",
                                                wide ? "0_f64" : "0.0");
            cases.push_back(make(scan_of(wide ? "f64" : "f32", words[w], sum), bodies[b], sizes[(b + w) % sizes.size()],
                                 cases.size()));
        }
    }
    expect_passed(cases);
}

TEST_CASE("scans of every type, of tuples, and in one order only") {
    std::vector<Case> cases;
    const auto add = [&](const ir::Kernel& kernel) {
        for (const char* const body : {"", "stage total { compute root; vectorize col by 4 }\n"}) {
            cases.push_back(make(kernel, body, sizes[cases.size() % sizes.size()], cases.size()));
        }
    };
    for (const std::string type : {"f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"}) {
        const std::string& word = words[cases.size() % words.size()];
        add(scan_of(
            type, word,
            fmt::format("doubled\n    identity 0_{}\n    combine min(left.0 + right.0, right.0 * left.0)", type)));
    }
    for (const std::string& word : words) {
        add(scan_of("f32", word,
                    "(tanh(x), doubled)\n    identity (1.0, 0.0)\n"
                    "    combine (left.0 * right.0, right.0 * left.1 + right.1)",
                    "(f32, f32)"));
        add(scan_of("f32", word,
                    "(doubled, i32(t))\n    identity (-inf, -1_i32)\n    combine (max(left.0, right.0), "
                    "select(right.0 > left.0, right.1, left.1))",
                    "(f32, i32)"));
        add(scan_of("f32", word, "x\n    identity 0.5\n    combine tanh(left.0 - right.0)"));
    }
    expect_passed(cases);
}

TEST_CASE("scans of values that are shifted by their lane") {
    std::vector<Case> cases;
    for (const char* const type : {"u32", "i32", "u8", "i64"}) {
        for (const char* const shift : {"<<", ">>"}) {
            const ir::Kernel kernel =
                kernel_of(fmt::format("coulter 1\nkernel shifted\ndim t\ndim col = 3\ninput x: {0}[t]\n"
                                      "total: {0}[t, col] =\n    scan {{t}} (x {1} {0}(col)) + ({0}(t) {1} {0}(col))\n"
                                      "    identity 2_{0}\n    combine left.0 * 3_{0} - right.0\noutput total\n",
                                      type, shift));
            for (const char* const body : {"", "stage total { reorder col t; vectorize col }\n"}) {
                cases.push_back(make(kernel, body, {{"t", 7}}, cases.size()));
            }
        }
    }
    expect_passed(cases);
}

TEST_CASE("scans over dims without elements") {
    std::vector<Case> cases;
    for (const std::string& word : words) {
        const ir::Kernel kernel = kernel_of("coulter 1\nkernel empty\ndim t\ndim col\ninput x: f32[t, col]\n"
                                            "input w: f32[col]\n"
                                            "total: f32[t, col] =\n    scan {t} " +
                                            word +
                                            "x\n    identity 0.0\n    combine left.0 + right.0\n"
                                            "last: f32[col] =\n    sum {t} total\n"
                                            "other: f32[col] =\n    w + last\n"
                                            "output total, other\n");
        for (const std::int64_t t : {0, 1, 2}) {
            cases.push_back(make(kernel, "", {{"t", t}, {"col", 5}}, cases.size()));
        }
    }
    expect_passed(cases);
}

namespace {

/// Rows added to rows that the data choose, and a count beside it in two dims.
ir::Kernel scatters(const std::string& type, const std::string& op, const std::string& atomic) {
    return kernel_of(
        fmt::format("coulter 1\nkernel scattered\ndim i\ndim col\ndim row\ndim bin = 4\ndim side = 3\n"
                    "input x: {0}[i, col]\ninput id: i32[i]\ninput table: f32[row]\n"
                    "rows: {0}[row, col] =\n    {1} {{i where x != {0}(3)}} into (row = "
                    "max(min(index(id), extent(row) - 1), 0)) {2}x\n"
                    "count: i32[bin, side] =\n    sum {{i, col}} into (bin = (i + index(id)) % 4, side = "
                    "col % 3) {2}select(x > {0}(0), 1_i32, 1000000000_i32)\n"
                    "last: (i32, {0})[bin, col] =\n    reduce {{i}} into (bin = i * i % 4) {2}(i32(i), x)\n"
                    "    identity (-1_i32, 1_{0})\n"
                    "    combine (max(left.0, right.0), min(left.1, right.1))\n"
                    "lasts: {0}[bin, col] =\n    last.1\n"
                    "table_of: f32[row] =\n    table\n"
                    "output rows, count, lasts, table_of\n",
                    type, op, atomic));
}

} // namespace

TEST_CASE("scatters with every reduction, into one dim and two") {
    std::vector<Case> cases;
    const std::vector<Extents> extents{{{"i", 1}, {"col", 1}, {"row", 1}},
                                       {{"i", 19}, {"col", 7}, {"row", 5}},
                                       {{"i", 40}, {"col", 16}, {"row", 3}},
                                       {{"i", 0}, {"col", 3}, {"row", 4}},
                                       {{"i", 33}, {"col", 9}, {"row", 17}}};
    const auto add = [&](const ir::Kernel& kernel, const std::string& body) {
        cases.push_back(make(kernel, body, extents[cases.size() % extents.size()], cases.size()));
    };
    for (const std::string op : {"sum", "product", "min", "max"}) {
        for (const std::string type : {"f32", "i32", "i8", "u64", "f64"}) {
            add(scatters(type, op, ""), "");
        }
    }
    for (const std::string type : {"f32", "i32"}) {
        for (const std::string body :
             {"stage rows { vectorize col by 8; parallel col.o }\n", "stage rows { reorder col i }\n",
              "stage count { split i by 4; parallel i.o }\n", "stage count { parallel i col }\n",
              "stage count { split i by 4 }\nrfactor count: i.i as count.part\nstage count.part { parallel i.i }\n",
              "stage rows { split i by 8 }\nrfactor rows: i.o as rows.part\n"
              "stage rows.part { compute root; reorder col i.i i.o; parallel i.o; vectorize col by 4 }\n",
              "rfactor count: col as count.part\nstage count.part { parallel col }\n",
              "stage count.init { vectorize side }\nstage rows.init { parallel row }\n"}) {
            add(scatters(type, "sum", "atomic "), body);
            add(scatters(type, "sum", ""), body);
        }
    }
    expect_passed(cases);
}

TEST_CASE("sums over segments that the data limit") {
    const ir::Kernel kernel = kernel_of("coulter 1\nkernel segments\ndim end\ndim j\ndim col\n"
                                        "input first: i32[end]\ninput x: f32[j, col]\ninput y: f32[j]\n"
                                        "dim begins = extent(end) - 1\n"
                                        "rows: f32[begins, col] =\n    sum {j where index(first(end = begins)) <= j && "
                                        "j < index(first(end = begins + 1))} x\n"
                                        "ends: f32[begins] =\n    max {j where index(first(end = begins)) <= j && "
                                        "j < index(first(end = begins + 1))} y\n"
                                        "output rows, ends\n");
    std::vector<Case> cases;
    for (const std::string body :
         {"", "stage rows { compute root; vectorize col by 8; parallel begins }\n",
          "stage ends { compute root; vectorize j by 8 }\n", "stage ends { compute root; vectorize begins by 4 }\n"}) {
        for (const std::int64_t end : {1, 2, 9}) {
            Case test = make(kernel, body, {{"end", end}, {"j", 21}, {"col", 11}}, 2 * cases.size() + 1);
            Array first(Type::i32, {end});
            for (std::int64_t i = 0; i < end; ++i) {
                first.set_integer(i, i * i * 21 / ((end - 1) * (end - 1) + (end == 1 ? 1 : 0)));
            }
            test.inputs.emplace("first", first);
            cases.push_back(std::move(test));
        }
    }
    expect_passed(cases);
}
