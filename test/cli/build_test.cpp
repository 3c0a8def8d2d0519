#include "run.hpp"
#include "support/golden.hpp"

#include <doctest/doctest.h>
#include <sstream>

using namespace coulter::test;

namespace {

void check_golden(const std::string& name, const std::string& text) {
    CHECK_MESSAGE(golden_difference("cli/" + name, text).empty(), golden_difference("cli/" + name, text));
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::vector<std::string> build(const std::vector<std::string>& more) {
    std::vector<std::string> all{"build", "tiny.coulter", "--schedule", "tiny.sched", "--name", "small", "-o", "out"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

void write_tiny(const Folder& folder) {
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", tiny_schedule);
}

std::string renamed(const std::string& name) {
    std::string text = tiny_kernel;
    return text.replace(text.find("kernel tiny"), 11, "kernel " + name);
}

int count_lines(const std::string& text, const std::string& part) {
    int count = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        count += contains(line, part) ? 1 : 0;
    }
    return count;
}

} // namespace

TEST_CASE("build makes a library and a header that C and C++ programs use") {
    const Folder folder;
    write_tiny(folder);
    const Ran ran = folder.coulter(build({}));
    CHECK(ran.code == 0);
    CHECK(ran.out + ran.err == "");
    CHECK(folder.list("out") == std::vector<std::string>{"include", "libsmall.a", "obj"});
    check_golden("header", folder.read("out/include/small/tiny.h"));
    folder.write("use.cpp", R"(#include <small/tiny.h>
#include <cstdio>
#include <string>
int main() {
    coulter::Context context;
    coulter::Tensor<float> left({2, 3}, {1, 2, 3, 4, 5, 6}), right({3, 1}, {1, 10, 100}), product{2, 1};
    coulter::tiny(context, left, right, product);
    std::printf("%g %g %s ", product(0, 0), product(1, 0), tiny_info()->name);
    std::printf("%lld\n", (long long)tiny_info()->build->flops);
    try {
        coulter::tiny(context, left, left, product);
    } catch (const coulter::Error& error) {
        std::printf("%s\n", error.what());
    }
}
)");
    folder.write("use.c", R"(#include <small/tiny.h>
#include <stdio.h>
int main(void) {
    coulter_context* context = 0;
    if (coulter_context_create(COULTER_ABI, &context) != 0) return 1;
    float left[] = {1, 2}, right[] = {3, 4}, product[1];
    int64_t row[] = {1, 2}, column[] = {2, 1}, one[] = {1, 1};
    DLTensor a = {left, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, row, 0, 0}, b = a, c = a;
    b.data = right, b.shape = column, c.data = product, c.shape = one;
    int code = tiny(context, &a, &b, &c);
    printf("%d %g\n", code, product[0]);
    return coulter_context_destroy(context);
}
)");
    const std::vector<std::string> libraries{
        "out/libsmall.a", COULTER_RUNTIME_LIBRARY, "-pthread", "-ldl", "-lstdc++", "-lm"};
    const auto compile = [&](std::vector<std::string> command) {
        command.insert(command.end(), {"-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-Iout/include",
                                       "-isystem", COULTER_INCLUDE_DIR});
        command.insert(command.end(), libraries.begin(), libraries.end());
        const Ran compiled = folder.command(command);
        CHECK_MESSAGE(compiled.code == 0, compiled.err);
    };
    compile({"c++", "-std=c++20", "use.cpp", "-o", "use_cpp"});
    compile({"cc", "-std=c99", "use.c", "-o", "use_c"});
    CHECK(folder.command({"./use_cpp"}).out ==
          "321 654 tiny 49152\n"
          "tiny: argument `right` has extent 2 in dim `k`, but argument `left` has 3\n");
    CHECK(folder.command({"./use_c"}).out == "0 11\n");
}

TEST_CASE("the same inputs give the same library, byte for byte") {
    const Folder folder;
    write_tiny(folder);
    folder.write("other.coulter", renamed("other"));
    for (const char* const out : {"one", "two/deeper"}) {
        CHECK(folder
                  .coulter({"build", "tiny.coulter", "other.coulter", "--schedule", "tiny.sched", "--name", "both",
                            "-o", out})
                  .code == 0);
    }
    CHECK(folder.read("one/libboth.a").size() > 1000);
    CHECK(folder.read("one/libboth.a") == folder.read("two/deeper/libboth.a"));
}

TEST_CASE("an edited schedule compiles no C, and nothing runs when nothing changed") {
    const Folder folder;
    write_tiny(folder);
    const Ran first = folder.coulter(build({"-v"}));
    CHECK(count_lines(first.err, "tiny.c -o") == 1);
    CHECK(count_lines(first.err, "coulter-lower") == 1);
    const Ran again = folder.coulter(build({"-v"}));
    CHECK(count_lines(again.err, ".c -o") == 0);
    CHECK(count_lines(again.err, "coulter-lower") == 0);
    const std::string header = folder.read("out/include/small/tiny.h");
    const std::string library = folder.read("out/libsmall.a");

    folder.write("tiny.sched", "schedule tiny\nstage product { reorder i j }\n");
    const Ran edited = folder.coulter(build({"-v"}));
    CHECK(edited.code == 0);
    CHECK(count_lines(edited.err, ".c -o") == 0);
    CHECK(count_lines(edited.err, "tiny.plan.s -o") == 1);
    CHECK(count_lines(edited.err, "coulter-lower") == 1);
    CHECK(folder.read("out/include/small/tiny.h") == header);
    CHECK(folder.read("out/libsmall.a") != library);

    std::string text = tiny_kernel;
    text.replace(text.find(" frozen"), 7, "");
    folder.write("tiny.coulter", text);
    CHECK(count_lines(folder.coulter(build({"-v"})).err, "tiny.c -o") == 1);
}

TEST_CASE("a shared library exports the interface and nothing else") {
    const Folder folder;
    write_tiny(folder);
    CHECK(folder.coulter(build({"--shared"})).code == 0);
    const Ran symbols = folder.command({"nm", "-D", "--defined-only", "--format=just-symbols", "out/libsmall.so"});
    std::istringstream lines(symbols.out);
    int count = 0;
    for (std::string name; std::getline(lines, name); ++count) {
        CAPTURE(name);
        CHECK((name == "tiny" || name == "tiny_info" || name.starts_with("coulter_")));
    }
    CHECK(count > 5);
    const Ran needed = folder.command({"ldd", "out/libsmall.so"});
    CHECK_FALSE(contains(needed.out, "Halide"));
    CHECK_FALSE(contains(needed.out, "LLVM"));
}

TEST_CASE("--emit writes what is asked for") {
    const Folder folder;
    write_tiny(folder);
    CHECK(folder.coulter(build({"--emit", "stub,header,object,asm,stmt"})).code == 0);
    for (const char* const name : {"tiny.c", "tiny.plan.s", "tiny.h", "tiny.o", "tiny.s", "tiny.stmt", "libsmall.a"}) {
        CAPTURE(name);
        CHECK(folder.has("out/" + std::string(name)));
    }
    check_golden("entry", folder.read("out/tiny.c"));
    const Ran unknown = folder.coulter(build({"--emit", "pictures"}));
    CHECK(unknown.code == 2);
    check_golden("emit_unknown", unknown.err);
    CHECK(folder.coulter({"build", "tiny.coulter", "--name", "not-a-name", "-o", "out"}).code == 2);
    CHECK(folder.coulter({"build", "tiny.coulter", "--name", "1st", "-o", "out"}).code == 2);
}

TEST_CASE("a refused build leaves what was there") {
    const Folder folder;
    write_tiny(folder);
    CHECK(folder.coulter(build({})).code == 0);
    const std::string library = folder.read("out/libsmall.a");
    folder.write("tiny.sched", "schedule tiny\nstage product { vectorize q }\n");
    const Ran ran = folder.coulter(build({}));
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "tiny.sched:2:27: error:"));
    CHECK(folder.read("out/libsmall.a") == library);
    CHECK(folder.list("out") == std::vector<std::string>{"include", "libsmall.a", "obj"});
}

TEST_CASE("a schedule goes to the kernels that it names") {
    const Folder folder;
    write_tiny(folder);
    folder.write("other.coulter", renamed("other"));
    folder.write("none.sched", "schedule nobody\nstage product { parallel i }\n");
    const Ran ran = folder.coulter({"build", "tiny.coulter", "other.coulter", "--schedule", "tiny.sched", "--schedule",
                                    "none.sched", "--name", "both", "-o", "out", "-v"});
    CHECK(ran.code == 0);
    CHECK(count_lines(ran.err, "coulter-lower tiny.coulter --schedule tiny.sched") == 1);
    CHECK(count_lines(ran.err, "coulter-lower other.coulter --target") == 1);
    check_golden("unused_schedule", ran.err.substr(0, ran.err.find("help:")));
}

TEST_CASE("names that C cannot have are refused") {
    const Folder folder;
    folder.write("a.coulter", renamed("a.b"));
    folder.write("b.coulter", renamed("a_b"));
    folder.write("exp.coulter", renamed("exp"));
    folder.write("again.coulter", renamed("exp"));
    const Ran meet = folder.coulter({"build", "a.coulter", "b.coulter", "--name", "x", "-o", "out"});
    CHECK(meet.code == 1);
    check_golden("names_meet", meet.err);
    const Ran taken = folder.coulter({"build", "exp.coulter", "--name", "x", "-o", "out"});
    CHECK(taken.code == 1);
    check_golden("name_taken", taken.err);
    const Ran twice = folder.coulter({"build", "exp.coulter", "again.coulter", "--name", "x", "-o", "out"});
    CHECK(twice.code == 1);
    check_golden("kernel_twice", twice.err);
}

TEST_CASE("what completes each kernel's schedule is written beside the library, and taken away when nothing does") {
    const Folder folder;
    write_tiny(folder);
    folder.write("other.coulter", renamed("other"));
    std::vector<std::string> arguments{
        "build", "tiny.coulter", "other.coulter", "--schedule",  "tiny.sched",     "--name",  "both",
        "-o",    "out",          "--target",      "x86-64-avx2", "--autoschedule", "written", "--threads",
        "2",     "--sizes",      "i=32,j=48,k=16"};
    const Ran ran = folder.coulter(arguments);
    CHECK(ran.code == 0);
    const std::string other = folder.read("written/other.sched");
    CHECK(other.find("schedule other\n") != std::string::npos);
    CHECK(other.find("i=32, j=48, k=16") != std::string::npos);
    CHECK(folder.read("written/tiny.sched").find("stage right.packed {") != std::string::npos);
    const Ran same = folder.coulter(
        {"autoschedule", "other.coulter", "--threads", "2", "--target", "x86-64-avx2", "--sizes", "i=32,j=48,k=16"});
    CHECK(same.out == other);
    folder.write("tiny.sched", std::string(tiny_schedule) + "stage right.packed { compute root }\n");
    CHECK(folder.coulter(arguments).code == 0);
    CHECK(!folder.has("written/tiny.sched"));

    arguments.back() = "i=32,jj=48";
    const Ran refused = folder.coulter(arguments);
    CHECK(refused.code == 2);
    CHECK(refused.err == "error: --sizes gives `jj`, whose extent no call of these kernels chooses\n"
                         "help: did you mean `j`? chosen are `i`, `j` and `k`\n");
}
