// The grammar, and the canonical printer.

#include "coulter/schedule/syntax.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace coulter;
using namespace coulter::schedule;

namespace {

struct Row {
    const char* text;
    const char* bare; ///< format_bare of what was understood
};

SyntaxResult parsed(const std::string& text) {
    SyntaxResult result = parse_schedule(text, "k.sched");
    for (const Diagnostic& each : result.diagnostics) {
        FAIL_CHECK(render(each, text));
    }
    return result;
}

std::string in_block(const std::string& directives) {
    return "stage s {\n    " + directives + "\n}\n";
}

} // namespace

TEST_CASE("statements print as they were understood") {
    const std::array rows{
        Row{"schedule a", "schedule a\n"},
        Row{"schedule a , b.* ,c_*", "schedule a, b.*, c_*\n"},
        Row{"target x86-64-avx512", "target x86-64-avx512\n"},
        Row{"numerics fast", "numerics fast\n"},
        Row{"stage w.p = pack w by out 16 once", "stage w.p = pack w by out 16 once\n"},
        Row{"stage w.p = pack w by out 16 in 4", "stage w.p = pack w by out 16 in 4 per call\n"},
        Row{"stage w.p = pack w by once 4 per 2 per call", "stage w.p = pack w by once 4 per 2 per call\n"},
        Row{"stage p = copy pose for v.acc at v/x in stack", "stage p = copy pose for v.acc at v/x in stack\n"},
        Row{"stage p = copy pose for v.acc", "stage p = copy pose for v.acc\n"},
        Row{"stage p = copy pose for v at root in heap", "stage p = copy pose for v at root in heap\n"},
        Row{"stage v.acc = accumulate v at v/x.i in registers", "stage v.acc = accumulate v at v/x.i in registers\n"},
        Row{"stage a = accumulate root at root/root", "stage a = accumulate root at root/root\n"},
        Row{"rfactor v.acc: in.i as v.part", "rfactor v.acc: in.i as v.part\n"},
        Row{"require votes not stored", "require votes not stored\n"},
        Row{"require em.mu[*] not stored", "require em.mu[*] not stored\n"},
        Row{"require memory<=64 MB", "require memory <= 64 MB\n"},
        Row{"require memory not stored", "require memory not stored\n"},
        Row{"require shared <= 0 KiB", "require shared <= 0 KiB\n"},
        Row{"stage em.mu[12].acc @0123abcd {}", "stage em.mu[12].acc @0123abcd {}\n"},
        Row{"stage a {};;stage b{}", "stage a {}\nstage b {}\n"},
        Row{"\xef\xbb\xbfschedule a\r\n", "schedule a\n"},
        Row{"", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK(format_bare(parsed(row.text).file) == row.bare);
    }
}

TEST_CASE("directives print as they were understood") {
    const std::array rows{
        Row{"split x by 4", "split x by 4"},
        Row{"split in by 8 as in.o in.i tail predicate", "split in by 8 as in.o in.i tail predicate"},
        Row{"split by by 4 tail guard", "split by by 4 tail guard"},
        Row{"split as by 4 as as tail tail shift", "split as by 4 as as tail tail shift"},
        Row{"tile x y by 2 3", "tile x y by 2 3"},
        Row{"tile x y z by 2 3 4 as a b c d e f", "tile x y z by 2 3 4 as a b c d e f"},
        Row{"tile by by by 2 3", "tile by by by 2 3"},
        Row{"fuse x y as xy", "fuse x y as xy"},
        Row{"reorder x by in at", "reorder x by in at"},
        Row{"vectorize x", "vectorize x"},
        Row{"vectorize by by 16", "vectorize by by 16"},
        Row{"unroll x y by 4", "unroll x y by 4"},
        Row{"unroll by", "unroll by"},
        Row{"parallel x y", "parallel x y"},
        Row{"serial x", "serial x"},
        Row{"compute at s.acc/x.o", "compute at s.acc/x.o"},
        Row{"compute root", "compute root"},
        Row{"compute inline", "compute inline"},
        Row{"store at at/in", "store at at/in"},
        Row{"store root", "store root"},
        Row{"store in auto", "store in auto"},
        Row{"layout y x", "layout y x"},
        Row{"serial x;;serial y", "serial x\n    serial y"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK(format_bare(parsed("stage s { " + std::string(row.text) + " }").file) == in_block(row.bare));
    }
}

TEST_CASE("spans point at the words") {
    const ScheduleFile file = parsed("schedule k\n  stage s {\n\tsplit  out by 16 tail guard\n}").file;
    REQUIRE(file.statements.size() == 2);
    const Statement& block = file.statements[1];
    CHECK(block.span.line == 2);
    CHECK(block.span.column == 3);
    CHECK(block.span.length == 7);
    const Directive& split = block.directives.at(0);
    CHECK(split.loops.at(0).span.line == 3);
    CHECK(split.loops.at(0).span.column == 9);
    CHECK(split.loops.at(0).span.length == 3);
    CHECK(split.factors.at(0).span.column == 16);
    CHECK(split.tail_span.column == 24);
    CHECK(split.span.column == 2);
    CHECK(split.span.length == 27);
}

TEST_CASE("one mistake does not hide the next, and what is right around it is kept") {
    const std::string text = "schedule k\nstage s { split x; vectorize y; unrol z }\nfoo\nstage t { parallel x }\n";
    const SyntaxResult result = parse_schedule(text, "k.sched");
    REQUIRE(result.diagnostics.size() == 3);
    CHECK(result.diagnostics[0].code == "S001");
    CHECK(result.diagnostics[1].code == "S002");
    CHECK(result.diagnostics[2].code == "S002");
    CHECK(!result.ok());
    CHECK(format_bare(result.file) == "schedule k\nstage s {\n    vectorize y\n}\nstage t {\n    parallel x\n}\n");
}

TEST_CASE("a hostile file gets a limited number of messages") {
    std::string text;
    for (int i = 0; i < 100'000; ++i) {
        text += "} { ? \xff\n";
    }
    CHECK(parse_schedule(text, "k.sched").diagnostics.size() <= 66);
    const std::string deep = "stage s " + std::string(200'000, '{');
    CHECK(!parse_schedule(deep, "k.sched").ok());
    const std::string name = "stage " + std::string(100'000, 'a') + " {}";
    REQUIRE(parse_schedule(name, "k.sched").diagnostics.size() == 1);
    CHECK(parse_schedule(name, "k.sched").diagnostics.front().code == "S005");
}

TEST_CASE("the canonical form keeps comments and blank lines") {
    const std::string text = R"(

#head

# more
schedule   k # kernel


stage s  { # open

   split x   by 4   # tiles


   # before
   vectorize x.i;   unroll y
   # last

} # close
stage t { parallel x; unroll y }
stage u { parallel x # why
}
stage v {
  parallel x }

# the end

)";
    const std::string wanted = R"(#head

# more
schedule k  # kernel

stage s {  # open
    split x by 4  # tiles

    # before
    vectorize x.i
    unroll y
    # last
}  # close
stage t { parallel x; unroll y }
stage u {
    parallel x  # why
}
stage v {
    parallel x
}

# the end
)";
    const ScheduleFile file = parsed(text).file;
    CHECK(format(file) == wanted);
    CHECK(format(parsed(wanted).file) == wanted);
    CHECK(equal(file, parsed(wanted).file));
}

TEST_CASE("a block that is too long for a line is broken") {
    std::string directives;
    for (int i = 0; i < 12; ++i) {
        directives += "unroll loop_" + std::to_string(i) + "; ";
    }
    const std::string once = format(parsed("stage s { " + directives + "}").file);
    CHECK(once.find("unroll loop_0\n") != std::string::npos);
    CHECK(format(parsed(once).file) == once);
}

TEST_CASE("equality sees every part of a statement") {
    const std::array texts{
        "schedule a",
        "schedule b",
        "target a",
        "numerics exact",
        "numerics fast",
        "stage s {}",
        "stage t {}",
        "stage s @01234567 {}",
        "stage s { unroll x }",
        "stage s { unroll y }",
        "stage s { unroll x by 2 }",
        "stage s { unroll x by 3 }",
        "stage s { parallel x }",
        "stage s { split x by 2 }",
        "stage s { split x by 2 as a b }",
        "stage s { split x by 2 tail guard }",
        "stage s { split x by 2 tail shift }",
        "stage s { compute at a/b }",
        "stage s { compute at a/c }",
        "stage s { store at a/b }",
        "stage s { store in heap }",
        "stage s { store in stack }",
        "stage s = pack a by x 2",
        "stage s = pack a by x 2 once",
        "stage s = pack a by x 3",
        "stage s = pack a by y 2",
        "stage s = copy a for b",
        "stage s = copy a for c",
        "stage s = copy a for b at c/d",
        "stage s = copy a for b at root",
        "stage s = copy a for b in heap",
        "stage s = accumulate a",
        "rfactor s: a as b",
        "rfactor s: a as c",
        "require s not stored",
        "require t not stored",
        "require memory <= 1 B",
        "require memory <= 2 B",
        "require memory <= 1 KB",
        "require shared <= 1 B",
    };
    for (std::size_t i = 0; i < texts.size(); ++i) {
        for (std::size_t j = 0; j < texts.size(); ++j) {
            CAPTURE(texts[i]);
            CAPTURE(texts[j]);
            CHECK(equal(parsed(texts[i]).file, parsed(texts[j]).file) == (i == j));
        }
    }
}
