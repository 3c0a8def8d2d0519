// Registers, spills and occupancy as a user meets them, with a script in place of NVIDIA's assembler.

#include "device.hpp"
#include "support/golden.hpp"
#include "support/json.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter::test;

namespace {

const char* const schedule = R"(schedule tiny
stage product {
    split j by 8
    gpu_blocks j.o i
    gpu_threads j.i
}
)";

/// Says of each entry function that it has 40 registers, and that it spills on sm_80 when `spills` is set.
std::string assembler(bool spills = false) {
    return std::string(
               "[ \"$1\" = --version ] && { echo 'Cuda compilation tools, release 13.0, V13.0.88'; exit 0; }\n") +
           "echo \"$2 $3\" >> calls\n"
           "echo cubin > \"$5\"\n"
           "bytes=0\n" +
           (spills ? "[ \"$2\" = --gpu-name=sm_80 ] && bytes=24\n" : "") +
           R"(sed -n 's/^\.visible \.entry \([A-Za-z0-9_]*\)(.*/\1/p' "$6" | while read -r name; do
    echo "ptxas info    : Compiling entry function '$name' for 'sm_80'"
    echo "ptxas info    : Function properties for $name"
    echo "    $bytes bytes stack frame, $bytes bytes spill stores, $bytes bytes spill loads"
    echo "ptxas info    : Used 40 registers, used 0 barriers, 364 bytes cmem[0]"
done >&2
)";
}

void write_case(const Folder& folder, const std::string& script) {
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", schedule);
    folder.write_script("ptxas", script);
}

Ran with_script(const Folder& folder, const std::vector<std::string>& arguments) {
    return folder.coulter(arguments, {"COULTER_PTXAS=./ptxas"});
}

void check_golden(const std::string& name, const std::string& text) {
    CHECK_MESSAGE(golden_difference("cli/" + name, text).empty(), golden_difference("cli/" + name, text));
}

} // namespace

TEST_CASE("show has a table of launches for each architecture, or JSON") {
    const Folder folder;
    write_case(folder, assembler());
    const std::vector<std::string> command{"show",     "tiny.coulter", "tiny.sched", "--as",
                                           "launches", "--target",     "host-cuda"};
    const Ran table = with_script(folder, command);
    CHECK(table.code == 0);
    CHECK(table.err == "");
    check_golden("launches", table.out);
    CHECK(folder.read("calls") == "--gpu-name=sm_80 --maxrregcount=64\n--gpu-name=sm_90 --maxrregcount=64\n");

    auto more = command;
    more.insert(more.end(), {"--arch", "sm_86", "--json"});
    const Ran json = folder.coulter(more, {"COULTER_PTXAS=./ptxas", "HL_CUDA_JIT_MAX_REGISTERS=96"});
    const auto parsed = parse_json(json.out);
    CHECK(parsed["kernel"] == "tiny");
    CHECK(parsed["parts"][0]["part"].is_null());
    CHECK(parsed["parts"][0]["most_registers"] == 96);
    const auto& launch = parsed["parts"][0]["architectures"][0]["launches"][1];
    CHECK(parsed["parts"][0]["architectures"][0]["architecture"] == "sm_86");
    CHECK(launch["stage"] == "product");
    CHECK(launch["threads"] == std::vector<int>{8, 1, 1});
    CHECK(launch["registers"] == 40);

    // The source that is assembled has what is known of the launches.
    const Ran source = folder.coulter({"show", "tiny.coulter", "tiny.sched", "--as", "ptx", "--target", "host-cuda"});
    CHECK(source.out.starts_with("// launch _kernel_product"));
    CHECK(contains(source.out, ": stage product step 1, threads 8 1 1, shared memory 0\n"));
}

TEST_CASE("each part of a schedule has its launches") {
    const Folder folder;
    write_case(folder, assembler());
    folder.write("tiny.sched", std::string(schedule) +
                                   "variant small when extent(j) < 8 {\n    stage product { gpu_blocks j i }\n}\n");
    const Ran all =
        with_script(folder, {"show", "tiny.coulter", "tiny.sched", "--as", "launches", "--target", "host-cuda"});
    CHECK_MESSAGE(all.code == 0, all.err);
    const std::size_t small = all.out.find("# small\nsm_80");
    CHECK(small == 0);
    CHECK(all.out.find("# common\nsm_80") > small);
    const Ran one = with_script(folder, {"show", "tiny.coulter", "tiny.sched", "--as", "launches", "--target",
                                         "host-cuda", "--variant", "common", "--arch", "sm_80"});
    CHECK(one.out.starts_with("sm_80"));
}

TEST_CASE("check and build warn of launches that spill, at the stage, and go on") {
    const Folder folder;
    write_case(folder, assembler(true));
    const Ran checked =
        with_script(folder, {"check", "tiny.coulter", "tiny.sched", "--target", "host-cuda", "--arch", "sm_80,sm_90"});
    CHECK(checked.code == 0);
    check_golden("spills", checked.err);
    const Ran json = with_script(
        folder, {"check", "tiny.coulter", "tiny.sched", "--target", "host-cuda", "--arch", "sm_80", "--json"});
    const auto diagnostics = parse_json(json.out);
    REQUIRE(diagnostics.size() == 2);
    CHECK(diagnostics[0]["code"] == "B015");

    const std::vector<std::string> plain{"build", "tiny.coulter", "--schedule", "tiny.sched", "--name",
                                         "small", "--target",     "host-cuda",  "-o",         "out"};
    CHECK(with_script(folder, plain).err == "");
    std::vector<std::string> build = plain;
    build.insert(build.end(), {"--arch", "sm_80,sm_90"});
    const Ran built = with_script(folder, build);
    CHECK(built.code == 0);
    CHECK(built.err == checked.err);
    CHECK_FALSE(folder.has("out/tiny.sm_80.cubin"));
    CHECK(with_script(folder, build).err == checked.err); // where nothing is compiled again too
    auto cubins = plain;
    cubins.insert(cubins.end(), {"--emit", "cubin", "--arch", "sm_90"});
    const Ran other = with_script(folder, cubins);
    CHECK(other.code == 0);
    CHECK(other.err == "");
    CHECK(folder.read("out/tiny.sm_90.cubin") == "cubin\n");
}

TEST_CASE("without the tool figures that were asked for are an error, and a library is built") {
    const Folder folder;
    write_case(folder, assembler());
    std::filesystem::create_directory(folder.path() / "bin");
    const std::vector<std::string> show{"show",     "tiny.coulter", "tiny.sched", "--as",
                                        "launches", "--target",     "host-cuda"};
    const Ran shown = folder.coulter(show, {"PATH=./bin", "COULTER_PTXAS="});
    CHECK(shown.code == 4);
    check_golden("launches_no_tool", shown.err);
    const Ran named = folder.coulter(show, {"COULTER_PTXAS=./nowhere/ptxas"});
    CHECK(named.code == 4);
    check_golden("launches_wrong_tool", named.err);

    // The compiler is there, and the assembler is not.
    folder.write_script("cc", "PATH=" + std::string(std::getenv("PATH")) + " exec cc \"$@\"\n");
    folder.write_script("ar", "PATH=" + std::string(std::getenv("PATH")) + " exec ar \"$@\"\n");
    const std::vector<std::string> environment{"PATH=./bin", "COULTER_PTXAS=", "CC=./cc", "AR=./ar"};
    std::vector<std::string> build{"build", "tiny.coulter", "--schedule", "tiny.sched", "--name",
                                   "small", "--target",     "host-cuda",  "-o",         "out"};
    const Ran built = folder.coulter(build, environment);
    CHECK(built.code == 0);
    CHECK(built.err == "");
    CHECK(folder.has("out/libsmall.a"));
    build.insert(build.end(), {"--emit", "cubin"});
    const Ran asked = folder.coulter(build, environment);
    CHECK(asked.code == 4);
    CHECK(asked.err == shown.err);
    const Ran checked = folder.coulter(
        {"check", "tiny.coulter", "tiny.sched", "--target", "host-cuda", "--arch", "sm_80"}, environment);
    CHECK(checked.code == 4);
    CHECK(checked.err == shown.err);
}

TEST_CASE("a tool that fails, says nothing or does not end is an error") {
    const Folder folder;
    write_case(folder,
               "[ \"$1\" = --version ] && exit 0\necho \"ptxas fatal   : Value 'sm_90' is not defined\" >&2; exit 1\n");
    const std::vector<std::string> show{"show",     "tiny.coulter", "tiny.sched", "--as",
                                        "launches", "--target",     "host-cuda"};
    const Ran failed = with_script(folder, show);
    CHECK(failed.code == 4);
    check_golden("launches_failed", failed.err);
    folder.write_script("ptxas", "exit 0\n");
    const Ran silent = with_script(folder, show);
    CHECK(silent.code == 4);
    CHECK(contains(silent.err, "error: ptxas told nothing of `_kernel_product"));
    folder.write_script("ptxas", "[ \"$1\" = --version ] && exit 0\nexec sleep 60\n");
    auto limited = show;
    limited.insert(limited.end(), {"--timeout", "5"});
    const Ran hung = with_script(folder, limited);
    CHECK(hung.code == 4);
    CHECK(contains(hung.err, "error: assembling the kernels for sm_80 failed: it took too long [B007]"));
}

TEST_CASE("explain and report go on where the tool fails") {
    const Folder folder;
    write_case(folder, "[ \"$1\" = --version ] && exit 0\necho 'ptxas fatal   : broken' >&2; exit 1\n");
    for (const std::vector<std::string>& more :
         {std::vector<std::string>{"explain"}, {"report", "-o", "report.html"}}) {
        std::vector<std::string> command{more.front(), "tiny.coulter", "tiny.sched", "--target", "host-cuda"};
        command.insert(command.end(), more.begin() + 1, more.end());
        // They end for lack of a device, or with the kernel measured.
        CHECK_FALSE(contains(with_script(folder, command).err, "assembling"));
    }
}

TEST_CASE("architectures go with a CUDA device, and are those that are known") {
    const Folder folder;
    write_case(folder, assembler());
    std::string errors;
    const auto refuse = [&](const std::vector<std::string>& arguments) {
        const Ran ran = with_script(folder, arguments);
        CHECK(ran.code == 2);
        errors += ran.err;
    };
    const std::vector<std::string> show{"show", "tiny.coulter", "tiny.sched", "--as", "launches"};
    refuse(show);
    refuse({"show", "tiny.coulter", "--as", "launches", "--target", "host-cuda", "--arch", "sm_08"});
    refuse({"show", "tiny.coulter", "--as", "launches", "--target", "host-cuda", "--arch", ","});
    refuse({"show", "tiny.coulter", "--arch", "sm_80"});
    refuse({"show", "tiny.coulter", "--json"});
    refuse({"check", "tiny.coulter", "tiny.sched", "--arch", "sm_80"});
    refuse({"check", "tiny.coulter", "tiny.sched", "--arch", "sm_80", "--target", "x86-64-opencl"});
    refuse({"build", "tiny.coulter", "--name", "small", "-o", "out", "--arch", "sm_80"});
    refuse({"build", "tiny.coulter", "--name", "small", "-o", "out", "--emit", "cubin", "--target", "x86-64-avx2"});
    check_golden("launches_refused", errors);
}

TEST_CASE("a kernel without launches is told as that") {
    const Folder folder;
    write_case(folder, assembler());
    folder.write("exact.sched", "schedule tiny\nnumerics exact\n");
    const Ran ran =
        with_script(folder, {"show", "tiny.coulter", "exact.sched", "--as", "launches", "--target", "host-cuda"});
    CHECK(ran.code == 0);
    CHECK(ran.out == "launches: no stage of `tiny` runs on a device\n");
    CHECK_FALSE(folder.has("calls"));
}
