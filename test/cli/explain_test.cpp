#include "support/golden.hpp"
#include "support/json.hpp"
#include "tune_case.hpp"

#include <doctest/doctest.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace coulter::test;

namespace {

/// A folder with what the C compiler needs, and without llvm-mca.
std::string path_without_mca(const Folder& folder) {
    const std::filesystem::path bin = folder.path() / "bin";
    std::filesystem::create_directory(bin);
    for (const char* const name : {"cc", "ar", "as", "ld", "sh", "cat"}) {
        const Ran where = folder.command({"sh", "-c", std::string("command -v ") + name});
        std::filesystem::create_symlink(where.out.substr(0, where.out.find('\n')), bin / name);
    }
    return bin.string();
}

} // namespace

TEST_CASE("explain measures a schedule without each of its directives") {
    const Folder folder;
    write_tunable(folder);
    std::string schedule = schedule_with_holes;
    schedule += "stage product.acc.init { vectorize j }\n";
    folder.write("tiny.sched", schedule);
    const std::vector<std::string> command{"explain", "tiny.coulter", "tiny.sched", "--threads", "1"};
    std::vector<std::string> with_json = command;
    with_json.emplace_back("--json");
    const Ran ran = folder.coulter(with_json);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = parse_json(ran.out);
    CHECK(told["kernel"] == "tiny");
    CHECK(told["extents"]["j"] == 48);
    CHECK(told["seconds"].get<double>() > 0);
    const auto& directives = told["directives"];
    REQUIRE(directives.size() == 9);
    CHECK(directives[0]["directive"] == "split j by ?lanes");
    CHECK(directives[0]["line"] == 7);
    CHECK(directives[0]["ratio"].is_null()); // others name its loops
    CHECK(directives[0]["verdict"] == "cannot be left out: the checker refuses the rest");
    CHECK(directives[6]["directive"] == "vectorize j");
    CHECK(directives[6]["stage"] == "product.acc");
    CHECK(directives[6]["ratio"].get<double>() > 0);
    CHECK(directives[6]["seconds"].get<double>() > 0);
    CHECK(folder.read("tiny.sched") == schedule);
    const Ran table = folder.coulter(command);
    REQUIRE(table.code == 0);
    CHECK(table.out.find("   7  product           split j by ?lanes ") != std::string::npos);
}

TEST_CASE("explain tells of the hot loops, where there is a tool for them") {
    const Folder folder;
    write_tunable(folder);
    folder.write("one.sched", "schedule tiny\nstage product { vectorize j by 8 }\n");
    const std::vector<std::string> command{"explain", "tiny.coulter", "one.sched",  "--threads",
                                           "1",       "--target",     "x86-64-avx2"};
    std::vector<std::string> with_json = command;
    with_json.emplace_back("--json");
    // A tool that says the same of every loop.
    std::ifstream sample(COULTER_TEST_DIR "/cli/mca_sample.json");
    std::ostringstream text;
    text << sample.rdbuf();
    folder.write("mca.json", text.str());
    folder.write_script("mca", "test \"$1\" != --version || { echo 'LLVM version 99.1'; exit 0; }\n"
                               "for last; do :; done\ncat \"$last\" >> seen\ncat mca.json\n");
    const std::string tool = "COULTER_LLVM_MCA=" + (folder.path() / "mca").string();
    const Ran ran = folder.coulter(with_json, {tool});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto hot = parse_json(ran.out)["hot_loops"];
    CHECK(hot["tool"] == "llvm-mca 99.1");
    REQUIRE(hot["loops"].size() == 1);
    const auto& loop = hot["loops"][0];
    CHECK(loop["stage"] == "product");
    CHECK(loop["cycles"].get<double>() == doctest::Approx(2011.0 / 400));
    CHECK(loop["bound"] == "a chain of dependent instructions");
    CHECK(loop["operations"].get<double>() >= 16);
    // It was given the loop, and multiply-adds to compare it with.
    CHECK(folder.read("seen").find("vfmadd") != std::string::npos);
    CHECK(folder.read("seen").find("vfmadd231ps %ymm14, %ymm15, %ymm11\n") != std::string::npos);
    const Ran table = folder.coulter(command, {tool});
    CHECK(table.out.find("hot loops (llvm-mca 99.1 with its model of ") != std::string::npos);
    CHECK(table.out.find("\nproduct  ") != std::string::npos);

    // What fails is told, and the rest is there.
    folder.write_script("mca", "echo 'mca: error: out of order' >&2; exit 1\n");
    const Ran failed = folder.coulter(command, {tool});
    CHECK(failed.code == 0);
    CHECK(failed.out.find("hot loops: llvm-mca has no figures: ") != std::string::npos);
    CHECK(failed.out.find(": out of order") != std::string::npos);
    CHECK(failed.out.find("vectorize j by 8") != std::string::npos);

    const Ran none = folder.coulter(with_json, {"PATH=" + path_without_mca(folder), "COULTER_LLVM_MCA="});
    REQUIRE_MESSAGE(none.code == 0, none.err);
    CHECK(parse_json(none.out)["hot_loops"]["missing"] ==
          "there is no llvm-mca here, which has them (Debian's package `llvm-19`)");
}

TEST_CASE("explain says why a schedule cannot be timed") {
    const Folder folder;
    write_tunable(folder);
    // A compiler that takes the default schedule only; without the analyser, nothing else is compiled before.
    folder.write_script("lower", "case \"$*\" in *default.sched*) exec \"" COULTER_LOWER_PROGRAM
                                 "\" \"$@\";; esac\necho 'error: out of order' >&2; exit 4\n");
    const Ran ran = folder.coulter({"explain", "tiny.coulter", "tiny.sched", "--threads", "1"},
                                   {"COULTER_LOWER=" + (folder.path() / "lower").string(),
                                    "PATH=" + path_without_mca(folder), "COULTER_LLVM_MCA="});
    CHECK(ran.code == 1);
    CHECK(ran.out.empty());
    CHECK(ran.err.starts_with("error: the schedule cannot be timed: not compiled: "));
    CHECK(
        ran.err.find(" [E003]\nhelp: `coulter verify` tells more about a wrong result, `coulter build` about a failed "
                     "compilation\n") != std::string::npos);
}

TEST_CASE("explain refuses what has nothing to explain") {
    const Folder folder;
    write_tunable(folder);
    std::string all;
    const auto told = [&](const std::vector<std::string>& arguments, int code) {
        const Ran ran = folder.coulter(arguments);
        CHECK(ran.code == code);
        CHECK(ran.out.empty());
        all += ran.err;
    };
    folder.write("empty.sched", "schedule tiny\nnumerics fast\n");
    folder.write("wrong.sched", "schedule tiny\nstage product { split q by 8 }\n");
    told({"explain", "tiny.coulter"}, 2);
    told({"explain", "tiny.coulter", "tiny.sched", "empty.sched"}, 2);
    told({"explain", "tiny.coulter", "empty.sched"}, 1);
    told({"explain", "tiny.coulter", "wrong.sched"}, 1);
    told({"explain", "tiny.coulter", "nowhere.sched"}, 4);
    told({"explain", "tiny.coulter", "tiny.sched", "--sizes", "q=1"}, 2);
    CHECK_MESSAGE(golden_difference("cli/explain_refused", all).empty(), golden_difference("cli/explain_refused", all));
}
