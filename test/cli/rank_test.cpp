// coulter tune where the target's device is not there: candidates are ranked by estimates, with a script in place of
// NVIDIA's assembler.

#include "device.hpp"
#include "support/golden.hpp"
#include "support/json.hpp"
#include "tune_case.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter::test;

namespace {

/// No installed driver has this name.
const char* const nobody = "HL_OCL_PLATFORM_NAME=nobody";
const char* const target = "x86-64-avx2-cuda";

const char* const holes = R"(schedule tiny
target x86-64-cuda
tune n in {8, 16, 32} = 8
stage product.acc = accumulate product at product/j.i in registers
stage product {
    split j by ?n
    gpu_blocks j.o i
    gpu_threads j.i
}
)";

/// Says that each entry function has so many registers, and that those of blocks of 16 threads spill where `spills` is
/// set.
std::string assembler(int registers, bool spills = false) {
    return std::string(
               "[ \"$1\" = --version ] && { echo 'Cuda compilation tools, release 13.0, V13.0.88'; exit 0; }\n") +
           "echo cubin > \"$5\"\nbytes=0\n" + (spills ? "grep -q 'threads 16 1 1' \"$6\" && bytes=24\n" : "") +
           R"(sed -n 's/^\.visible \.entry \([A-Za-z0-9_]*\)(.*/\1/p' "$6" | while read -r name; do
    echo "ptxas info    : Compiling entry function '$name' for 'sm_80'"
    echo "ptxas info    : Function properties for $name"
    echo "    $bytes bytes stack frame, $bytes bytes spill stores, $bytes bytes spill loads"
    echo "ptxas info    : Used )" +
           std::to_string(registers) + R"( registers, used 0 barriers, 364 bytes cmem[0]"
done >&2
)";
}

void write_case(const Folder& folder, const std::string& script) {
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", holes);
    folder.write_script("ptxas", script);
}

/// `coulter tune tiny.coulter ... --threads 2 --store tuning.db`
Ran tune(const Folder& folder, const std::vector<std::string>& more,
         const std::vector<std::string>& environment = {"COULTER_PTXAS=./ptxas"}) {
    std::vector<std::string> all{"tune", "tiny.coulter", "--threads", "2"};
    if (std::ranges::find(more, "--store") == more.end()) {
        all.insert(all.end(), {"--store", "tuning.db"});
    }
    all.insert(all.end(), more.begin(), more.end());
    return folder.coulter(all, environment);
}

void check_golden(const std::string& name, const std::string& text) {
    CHECK_MESSAGE(golden_difference("cli/" + name, text).empty(), golden_difference("cli/" + name, text));
}

/// The file without the line that has versions.
std::string without_versions(const std::string& text) {
    const std::size_t at = text.find("; coulter ");
    const std::size_t end = text.find("; kernel ", at);
    return at == std::string::npos ? text : text.substr(0, at) + text.substr(end);
}

} // namespace

TEST_CASE("candidates for CUDA are ranked by estimates, which say that they are no measurement") {
    const Folder folder;
    write_case(folder, assembler(40));
    const Ran ran = tune(folder, {"tiny.sched", "--target", target, "--rank", "--only", "holes", "-o", "out.sched"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(ran.err == "");
    check_golden("rank", ran.out + "\n" + without_versions(folder.read("out.sched")));
    CHECK(folder.coulter({"check", "tiny.coulter", "out.sched", "--target", target}).code == 0);
    CHECK(folder.read("tiny.sched") == holes);
}

TEST_CASE("stages left out are decided and ranked, the same again for the same records") {
    const Folder folder;
    write_case(folder, assembler(40));
    const Ran ran =
        tune(folder, {"--target", target, "--rank", "--arch", "sm_90", "--budget", "6", "-o", "first.sched", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = parse_json(ran.out);
    CHECK(told["ranked"] == true);
    CHECK(told["measured"] == 0);
    CHECK(told["machine"] == "estimated sm_90");
    CHECK(told["outcomes"]["ranked"] == 6);
    CHECK(told["best"]["estimated"] <= told["before"]["estimated"]);
    CHECK(told["best"]["spills"] == false);
    CHECK(contains(told["best"]["how"], "estimated, not measured: sm_90 "));
    CHECK(contains(folder.read("first.sched"), "gpu_blocks"));
    // Without a compiler and an assembler: from the records.
    const Ran again =
        tune(folder, {"--target", target, "--rank", "--arch", "sm_90", "--budget", "6", "-o", "again.sched"},
             {"COULTER_PTXAS=./ptxas", "COULTER_LOWER=./nowhere"});
    REQUIRE_MESSAGE(again.code == 0, again.err);
    CHECK(contains(again.out, "6 ranked; 6 from the store"));
    CHECK(folder.read("again.sched") == folder.read("first.sched"));
}

TEST_CASE("what spills registers is ranked behind, and what does not fit is no candidate") {
    const Folder folder;
    write_case(folder, assembler(40, true));
    folder.write("tiny.sched",
                 std::string(holes).replace(std::string(holes).find("{8, 16, 32} = 8"), 15, "{8, 16} = 8"));
    const std::vector<std::string> words{"tiny.sched", "--target", target,      "--rank", "--only",
                                         "holes",      "-o",       "out.sched", "--json"};
    const Ran ran = tune(folder, words);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = parse_json(ran.out);
    CHECK(told["choices"]["n"] == "8");
    CHECK(told["best"]["spills"] == false);
    // Where all that there is to compare with spills, that is what is told.
    folder.write("tiny.sched",
                 std::string(holes).replace(std::string(holes).find("{8, 16, 32} = 8"), 15, "{8, 16} = 16"));
    const Ran before = tune(folder, {"tiny.sched", "--target", target, "--rank", "--only", "holes", "-o", "out.sched"});
    REQUIRE_MESSAGE(before.code == 0, before.err);
    CHECK(contains(before.out, "spills registers: `product` 48 B on sm_80, `product` 48 B on sm_90"));
    CHECK(contains(before.out, "as before registers were spilled, and now none are"));

    const Folder full;
    write_case(full, assembler(300));
    full.write("tiny.sched",
               std::string(holes).replace(std::string(holes).find("{8, 16, 32} = 8"), 15, "{512, 1024} = 512"));
    const Ran none = tune(full, {"tiny.sched", "--target", target, "--rank", "--only", "holes", "-o", "out.sched"});
    CHECK(none.code == 3);
    check_golden("rank_too_large", none.err);
    CHECK_FALSE(full.has("out.sched"));
}

TEST_CASE("without the assembler the traffic model ranks alone, and says so") {
    const Folder folder;
    write_case(folder, assembler(40));
    std::filesystem::create_directory(folder.path() / "bin");
    const Ran ran = tune(folder, {"tiny.sched", "--target", target, "--rank", "--only", "holes", "-o", "out.sched"},
                         {"PATH=./bin", "COULTER_PTXAS="});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(contains(ran.out, "(estimated, not measured; without ptxas)"));
    CHECK(contains(folder.read("out.sched"), "# tuned: estimated without ptxas; coulter "));
    const Ran asked = tune(folder, {"tiny.sched", "--target", target, "--rank", "--arch", "sm_90", "-o", "out.sched"},
                           {"PATH=./bin", "COULTER_PTXAS="});
    CHECK(asked.code == 4);
    CHECK(contains(asked.err, "[B009]"));
    const Ran named = tune(folder, {"tiny.sched", "--target", target, "--rank", "-o", "out.sched"},
                           {"COULTER_PTXAS=./nowhere/ptxas"});
    CHECK(named.code == 4);
    CHECK(contains(named.err, "[B009]"));
}

TEST_CASE("a device that is not there is a warning, and the exit code is that of a tuning") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const std::vector<std::string> words{"--target", "x86-64-avx2-opencl", "--budget", "3", "-o", "out.sched"};
    const Ran ran = tune(folder, words, {nobody});
    CHECK(ran.code == 0);
    check_golden("rank_no_device", ran.err + ran.out);
    CHECK(contains(folder.read("out.sched"), "# tuned: estimated OpenCL device; coulter "));
    CHECK(contains(folder.read("out.sched"), "# tuned: ranked without a device: "));
    const Ran build = folder.coulter({"build", "tiny.coulter", "--name", "t", "-o", "out", "--target",
                                      "x86-64-avx2-opencl", "--autoschedule", "scheds", "--tuned", "--budget", "2",
                                      "--threads", "2", "--store", "other.db"},
                                     {nobody});
    CHECK_MESSAGE(build.code == 0, build.err);
    CHECK(contains(build.err, "warning: no OpenCL device is here"));
    CHECK(contains(folder.read("scheds/tiny.sched"), "# tuned: ranked without a device: "));
    CHECK(folder.has("out/libt.a"));
}

TEST_CASE("what only times tell apart is not ranked") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("few.sched", "schedule tiny\nvariant few when extent(i) < 4 {\n    stage product { parallel j }\n}\n");
    const std::vector<std::string> sizes{"--sizes", "i=32,j=48,k=16", "--sizes", "i=2,j=48,k=16"};
    for (std::vector<std::string> words : {sizes, {"few.sched"}}) {
        words.insert(words.end(), {"--target", "x86-64-avx2-opencl", "--budget", "4", "-o", "out.sched"});
        const Ran ran = tune(folder, words, {nobody});
        CHECK(ran.code == 4);
        check_golden("rank_several", ran.err + ran.out);
        CHECK_FALSE(folder.has("out.sched"));
    }
}

TEST_CASE("records of estimates are apart from those of measurements, and a release can be locked to them") {
    const Folder folder;
    write_case(folder, assembler(40));
    const std::vector<std::string> words{"--target", target, "--rank", "--budget", "4", "-o", "first.sched"};
    REQUIRE(tune(folder, words).code == 0);
    for (const std::string& line : records_of(folder)) {
        CHECK(contains(line, "\"machine\":\"estimated sm_80, sm_90\""));
        CHECK(contains(line, "\"message\":\"estimated, not measured: "));
    }
    REQUIRE(folder.coulter({"records", "export", "--store", "tuning.db", "-o", "tuned.jsonl"}).code == 0);
    const std::vector<std::string> none{"COULTER_PTXAS=./nowhere", "COULTER_LOWER=./nowhere"};
    const Ran lock =
        tune(folder, {"--target", target, "--rank", "--lock", "-o", "lock.sched", "--store", "tuned.jsonl"}, none);
    REQUIRE_MESSAGE(lock.code == 0, lock.err);
    CHECK(folder.read("lock.sched") == folder.read("first.sched"));
    const Ran named = tune(folder,
                           {"--target", target, "--lock", "--machine", "estimated sm_80, sm_90", "-o", "named.sched",
                            "--store", "tuned.jsonl"},
                           none);
    REQUIRE_MESSAGE(named.code == 0, named.err);
    CHECK(named.err == "");
    CHECK(folder.read("named.sched") == folder.read("first.sched"));
    const Ran measured =
        tune(folder, {"--target", target, "--lock", "--machine", "A GPU", "-o", "out.sched", "--store", "tuned.jsonl"},
             none);
    CHECK(measured.code == 3);
    CHECK(contains(measured.err, "[M007]"));
    CHECK_FALSE(folder.has("out.sched"));
}

TEST_CASE("what runs on the processor alone is measured, whatever the target") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("exact.sched", "schedule tiny\nnumerics exact\n");
    const Ran ran =
        tune(folder, {"exact.sched", "--target", "x86-64-avx2-opencl", "--budget", "2", "-o", "out.sched", "--json"},
             {nobody});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(ran.err == "");
    CHECK(parse_json(ran.out)["outcomes"]["timed"] == 2);
}

TEST_CASE("what cannot be ranked is refused") {
    const Folder folder;
    write_case(folder, assembler(40));
    std::string all;
    const auto refuse = [&](const std::vector<std::string>& words) {
        const Ran ran = tune(folder, words);
        CHECK_MESSAGE(ran.code == 2, ran.err);
        all += "$ coulter tune tiny.coulter";
        for (const std::string& word : words) {
            all += ' ' + word;
        }
        all += '\n' + ran.err;
    };
    refuse({"-o", "out.sched", "--rank"});
    refuse({"-o", "out.sched", "--target", target, "--arch", "sm_90"});
    refuse({"-o", "out.sched", "--target", target, "--rank", "--arch", "sm_91"});
    refuse({"-o", "out.sched", "--target", "x86-64-avx2-opencl", "--rank", "--arch", "sm_90"});
    refuse({"-o", "out.sched", "--target", target, "--rank", "--tolerance", "1e-3"});
    refuse({"-o", "out.sched", "--target", target, "--rank", "--runtime", "libother.a"});
    refuse({"-o", "out.sched", "--target", target, "--rank", "--lock", "--machine", "A GPU"});
    folder.write("exact.sched", "schedule tiny\nnumerics exact\n");
    refuse({"exact.sched", "-o", "out.sched", "--target", target, "--rank"});
    refuse({"-o", "out.sched", "--target", target, "--rank", "--sizes", "i=32,j=48,k=16", "--sizes", "i=2,j=48,k=16"});
    check_golden("rank_refused", all);
    CHECK_FALSE(folder.has("out.sched"));
    CHECK_FALSE(folder.has("tuning.db"));
}
