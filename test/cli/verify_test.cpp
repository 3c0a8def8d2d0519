#include "run.hpp"
#include "support/golden.hpp"
#include "support/json.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter::test;

namespace {

void check_golden(const std::string& name, const std::string& text) {
    CHECK_MESSAGE(golden_difference("cli/" + name, text).empty(), golden_difference("cli/" + name, text));
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

void write_tiny(const Folder& folder) {
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", tiny_schedule);
}

} // namespace

TEST_CASE("a right kernel is verified at many sizes") {
    const Folder folder;
    write_tiny(folder);
    const Ran ran = folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--cases", "12", "--json"});
    CHECK_MESSAGE(ran.code == 0, (ran.out + ran.err));
    const auto all = parse_json(ran.out);
    CHECK(all.size() == 24);
    int nonzero = 0;
    for (const auto& each : all) {
        CHECK(each["status"] == "ok");
        nonzero += each["error"].get<double>() > 0 ? 1 : 0;
    }
    CHECK(nonzero > 4); // something was computed
    const Ran text = folder.coulter({"verify", "tiny.coulter", "--sizes", "i=3,j=5,k=7"});
    CHECK(text.code == 0);
    CHECK(contains(text.out, "given  i=3,j=5,k=7  padded"));
}

TEST_CASE("integers, bool, scalars, several outputs and exact numerics are verified") {
    const Folder folder;
    folder.write("mixed.coulter", R"(coulter 1
kernel mixed

dim n

input a: i32[n]
input flag: bool
input scale: f32

big: i32[n] =
    select(flag, a * 3_i32, a - 1_i32)

scaled: f32[n] =
    f32(a) * scale

output big
output scaled
estimate n = 100
)");
    folder.write("mixed.sched",
                 "schedule mixed\nnumerics exact\nstage big { vectorize n by 8 }\nstage scaled { vectorize n by 4 }\n");
    const Ran ran = folder.coulter({"verify", "mixed.coulter", "mixed.sched"});
    CHECK_MESSAGE(ran.code == 0, (ran.out + ran.err));
    CHECK_FALSE(contains(ran.out, "wrong"));
}

TEST_CASE("a copy of a frozen tensor between it and its packed form is part of what is packed once") {
    const Folder folder;
    folder.write("product.coulter", R"(coulter 1
kernel product

dim i
dim j
dim k

input a: f32[i, k]
input b: f32[k, j] frozen

c: f32[i, j] =
    sum {k} a * b

output c
estimate i = 5, j = 11, k = 7
)");
    for (const char* const place : {"inline", "root", "at b.packed/k"}) {
        folder.write("product.sched", std::string("schedule product\nstage b.packed = pack b by j 4 once\n"
                                                  "stage staged = copy b for b.packed\nstage staged { compute ") +
                                          place + " }\n");
        const Ran ran = folder.coulter({"verify", "product.coulter", "product.sched", "--cases", "2"});
        CHECK_MESSAGE(ran.code == 0, (ran.out + ran.err));
    }
}

TEST_CASE("16-bit floats are verified and timed: tensors, scalars and sums in f32") {
    const Folder folder;
    folder.write("halves.coulter", R"(coulter 1
kernel halves

dim i
dim k

input x: bf16[i, k]
input w: f16[k]
input scale: f16
input shift: bf16

dot: f32[i] =
    sum {k} f32(x) * f32(w)

y: bf16[i] =
    bf16(dot * f32(scale)) + shift

z: f16[i] =
    f16(dot)

output y
output z
estimate i = 30, k = 50
)");
    const Ran ran = folder.coulter({"verify", "halves.coulter", "--cases", "3"});
    CHECK_MESSAGE(ran.code == 0, (ran.out + ran.err));
    CHECK(ran.err == "");
    CHECK_FALSE(contains(ran.out, "wrong"));
    const Ran timed =
        folder.coulter({"bench", "halves.coulter", "--seconds", "0.05", "--samples", "3", "--threads", "1"});
    CHECK_MESSAGE(timed.code == 0, (timed.out + timed.err));
}

TEST_CASE("what exp gives below the normal numbers may be 0, and nothing else may") {
    const Folder folder;
    const auto verified = [&](const std::string& value) {
        folder.write("small.coulter", "coulter 1\nkernel small\n\ndim i\n\ninput x: f32[i]\n\ny: f32[i] =\n    " +
                                          value + "\n\noutput y\nestimate i = 8\n");
        return folder.coulter({"verify", "small.coulter", "--sizes", "i=8"});
    };
    // 6e-39, which compiled code may give as 0.
    const Ran vanishing = verified("exp(x * 0.0 - 88.0)");
    CHECK_MESSAGE(vanishing.code == 0, (vanishing.out + vanishing.err));
}

TEST_CASE("a kernel that is called as a function of the C library is refused before it is built") {
    const Folder folder;
    std::string kernel = tiny_kernel;
    kernel.replace(kernel.find("kernel tiny"), 11, "kernel random");
    folder.write("random.coulter", kernel);
    const Ran ran = folder.coulter({"verify", "random.coulter"});
    CHECK(ran.code == 1);
    CHECK_MESSAGE(contains(ran.err, "kernel `random` cannot be a C function `random`: the name is taken [B003]"),
                  ran.err);
}

TEST_CASE("a wrong kernel is found, with the line that shows it again") {
    const Folder folder;
    write_tiny(folder);
    std::string other = tiny_kernel;
    other.replace(other.find("left * right"), 12, "left * right * 1.001");
    folder.write("wrong/tiny.coulter", other);
    folder.write_script("lower", "shift\nexec " COULTER_LOWER_PROGRAM " wrong/tiny.coulter \"$@\"\n");
    const Ran ran = folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--sizes", "i=4,j=9,k=3", "--seed", "5"},
                                   {"COULTER_LOWER=./lower"});
    CHECK(ran.code == 1);
    CHECK(contains(ran.out, "wrong: product["));
    check_golden("verify_wrong", ran.err);
    const Ran loose =
        folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--sizes", "i=4,j=9,k=3", "--tolerance", "0.01"},
                       {"COULTER_LOWER=./lower"});
    CHECK(loose.code == 0);
}

TEST_CASE("a kernel that crashes or writes outside is told of") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const auto with = [&](const std::string& body) {
        folder.write("kernel.c",
                     "#include <stdint.h>\ntypedef struct { uint64_t d; void* i; unsigned char* host; } buffer;\n"
                     "int tiny__main_argv(void** argv) { " +
                         body + " return 0; }\n");
        folder.write_script("lower",
                            "while [ \"$1\" != --object ]; do shift; done\nexec cc -fPIC -c kernel.c -o \"$2\"\n");
        return folder.coulter({"verify", "tiny.coulter", "--sizes", "i=2,j=2,k=2"}, {"COULTER_LOWER=./lower"});
    };
    folder.write("none.sched", "schedule tiny\nstage product { serial i }\n");
    const Ran crash = with("*(volatile int*)0 = 1;");
    CHECK(crash.code == 4);
    check_golden("verify_crash", crash.err);
    // The output's buffer is the last argument: context, two inputs (or their copies), three extents, zero.
    const Ran outside =
        with("int n = 1; while (argv[n]) if (++n == 7) break; ((float*)((buffer*)argv[n])->host)[4] = 0;");
    CHECK(outside.code == 1);
    CHECK_MESSAGE(contains(outside.out, "memory around `output product` was written"), (outside.out + outside.err));
}

TEST_CASE("sizes that make no sense are refused") {
    const Folder folder;
    write_tiny(folder);
    const auto verify = [&](const std::string& sizes) {
        return folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--sizes", sizes});
    };
    const Ran unknown = verify("kk=3");
    CHECK(unknown.code == 2);
    check_golden("sizes_unknown", unknown.err);
    CHECK(verify("k=-1").code == 2);
    CHECK(verify("k=1,k=2").code == 2);
    CHECK(verify("k").code == 2);
    CHECK(verify("k=99999999999").code == 2);
}
