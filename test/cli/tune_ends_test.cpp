// coulter tune: candidates that go wrong, and ends that come early.

#include "support/json.hpp"
#include "support/run_options.hpp"
#include "tune_case.hpp"

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

using namespace coulter::test;

TEST_CASE("crashes, hangs, errors, wrong results and failed compilations are outcomes, not ends") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    std::string schedule = schedule_with_holes;
    schedule.replace(schedule.find("{4, 8, 16}"), 10, "{4}");
    schedule.replace(schedule.find("{1, 4}"), 6, "{1, 2, 3, 4, 5, 6, 7, 8, 9}");
    folder.write("tiny.sched", schedule);
    // In place of the compiler: for some values of `rows` it makes an object of its own, or none.
    folder.write_script("lower", R"(
for word; do
    [ "$last" = --schedule ] && schedule=$word
    [ "$last" = --object ] && object=$word
    last=$word
done
own() {
    echo "int tiny__main_argv(void** argv) { $1 }" > "$object.c"
    cc -w -c "$object.c" -o "$object"
    exit
}
case $(grep '^tune rows' "$schedule") in
    *'= 2') own '*(volatile int*)8 = 1; return 0;' ;;
    *'= 3') own 'for (;;) ; return 0;' ;;
    *'= 4') own 'return 0;' ;;
    *'= 5') own 'return -1;' ;;
    *'= 6') kill -SEGV $$ ;;
    *'= 7') sleep 100 ;;
    *'= 8') echo 'out of memory' >&2; exit 4 ;;
esac
exec ')" COULTER_LOWER_PROGRAM R"(' "$@"
)");
    const Ran ran = tune_tiny(folder, {"--budget", "100", "--timeout", "30", "--json"}, {"COULTER_LOWER=./lower"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = parse_json(ran.out);
    CHECK(told["outcomes"] == nlohmann::json{{"timed", 2},
                                             {"not compiled", 1},
                                             {"compiled too long", 1},
                                             {"compiler out of memory", 1},
                                             {"crashed", 1},
                                             {"hung", 1},
                                             {"failed", 1},
                                             {"wrong", 1}});
    CHECK(folder.list("tmp").empty());
    const auto lines = records_of(folder);
    const auto has = [&](const std::string& rows, const std::string& part) {
        return std::ranges::any_of(lines, [&](const std::string& line) {
            return line.find("\"rows\":\"" + rows + "\"") != std::string::npos && line.find(part) != std::string::npos;
        });
    };
    CHECK(has("2", R"("outcome":"crashed","message":"Segmentation fault")"));
    CHECK(has("3", R"("outcome":"hung","message":"it took more than )"));
    CHECK(has("4", R"("outcome":"wrong","message":"product[)"));
    CHECK(has("6", "the compiler crashed on `tiny`: Segmentation fault"));
}

TEST_CASE("Ctrl-C keeps the best so far, and a later run goes on") {
    const Folder folder;
    write_tunable(folder);
    folder.write("tiny.sched", schedule_with_many());
    const Ran ran = tune_tiny(folder, {"--budget", "100000", "-o", "best.sched"}, {}, [&](int pid) {
        // Each record takes some pages of the store's log.
        std::error_code ignored;
        const auto log = folder.path() / "tuning.db-wal";
        for (int i = 0; i < 2000 && (!exists(log) || file_size(log, ignored) < 100'000); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        kill(pid, SIGINT);
    });
    CHECK(ran.signal == SIGINT);
    CHECK_MESSAGE(ran.err == "interrupted: the best so far is kept\n", ran.err);
    CHECK(ran.out.find("written  best.sched") != std::string::npos);
    CHECK(folder.read("best.sched").find("# tuned: ") != std::string::npos);
    CHECK(folder.coulter({"check", "tiny.coulter", "best.sched"}).code == 0);
    CHECK(folder.list("tmp").empty());
    const auto lines = records_of(folder);
    CHECK(lines.size() >= 4);
    const Ran next = tune_tiny(folder, {"--budget", "4", "--json"});
    REQUIRE_MESSAGE(next.code == 0, next.err);
    CHECK(parse_json(next.out)["measured"] == 0);
}

TEST_CASE("what was edited meanwhile is not overwritten") {
    const Folder folder;
    write_tunable(folder);
    const std::string edited = std::string(schedule_with_holes) + "# edited\n";
    const Ran ran = tune_tiny(folder, {"--budget", "2"}, {}, [&](int) {
        for (int i = 0; i < 1200 && !folder.has("tuning.db"); ++i) { // it was read by then
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        folder.write("tiny.sched", edited);
    });
    CHECK(ran.code == 1);
    CHECK(ran.err == "error: `tiny.sched` was edited while it was tuned, so nothing was written [M010]\n"
                     "help: run the same command again: what was measured is recorded; -o gives another file\n");
    CHECK(folder.read("tiny.sched") == edited);
    const Ran again = tune_tiny(folder, {"--budget", "2", "--json"});
    REQUIRE_MESSAGE(again.code == 0, again.err);
    CHECK(parse_json(again.out)["measured"] == 0);
}

TEST_CASE("a signal before anything was measured writes nothing") {
    const Folder folder;
    write_tunable(folder);
    folder.write_script("lower", "touch started; sleep 100\n");
    const Ran ran = tune_tiny(folder, {"--budget", "5"}, {"COULTER_LOWER=./lower"}, [&](int pid) {
        for (int i = 0; i < 1200 && !folder.has("started"); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        kill(pid, SIGTERM);
    });
    CHECK(ran.signal == SIGTERM);
    CHECK(folder.read("tiny.sched") == schedule_with_holes);
    CHECK(folder.list("tmp").empty());
}

TEST_CASE("a kill at any moment of tuning loses no record, and the next run goes on") {
    const int kills = is_long_run() ? 200 : 3;
    std::mt19937_64 random(first_seed() + 1);
    const Folder folder;
    write_tunable(folder);
    folder.write("tiny.sched", schedule_with_many());
    std::vector<std::string> before;
    std::string store;
    int in_time = 0;
    for (int i = 0; i < kills; ++i) {
        store = "tuning" + std::to_string(i / 50) + ".db"; // a new one before the space is known
        if (i % 50 == 0) {
            before.clear();
        }
        const auto moment = std::chrono::microseconds(random() % (is_long_run() ? 6'000'000 : 3'000'000));
        const Ran ran =
            tune_tiny(folder, {"--budget", "100000", "-o", "best.sched", "--store", store}, {}, [&](int pid) {
                std::this_thread::sleep_for(moment);
                kill(pid, SIGKILL);
            });
        in_time += ran.signal == SIGKILL ? 1 : 0;
        std::error_code ignored; // its children may take a moment to end
        std::filesystem::remove_all(folder.path() / "tmp", ignored);
        if (!folder.has(store)) {
            continue;
        }
        const Ran list = folder.coulter({"records", "list", "--store", store});
        CHECK_MESSAGE(list.code == 0, list.err);
        const auto now = records_of(folder, store);
        CHECK(std::ranges::includes(now, before));
        before = now;
    }
    CHECK(in_time == kills);
    CHECK((!is_long_run() || before.size() > 5)); // kills hit timing and recording, not only compiling
    MESSAGE(kills, " kills, ", before.size(), " records in the last store");
    const Ran last = tune_tiny(folder, {"--budget", "12", "-o", "best.sched", "--store", store, "--json"});
    REQUIRE_MESSAGE(last.code == 0, last.err);
    CHECK(parse_json(last.out)["candidates"] == 12);
}

TEST_CASE("a sum in another order is no wrong result where the kernel makes much of the last bits") {
    const Folder folder;
    folder.write("steep.coulter", R"(coulter 1
kernel steep

dim i
dim k = 16

input x: f32[i, k]

total: f32[i] =
    sum {k} x

y: f32[i] =
    sin(total * (f32(extent(i)) / 16.0))

output y
estimate i = 4096
)");
    folder.write("steep.sched", R"(schedule steep
tune lanes in {2, 4, 8} = 2
stage y { compute root }
stage total { vectorize k by ?lanes }
)");
    const Ran ran = folder.coulter({"tune", "steep.coulter", "steep.sched", "--threads", "1", "--store", "tuning.db",
                                    "--budget", "100", "--only", "holes", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(parse_json(ran.out)["outcomes"] == nlohmann::json{{"timed", 3}});
    // A tolerance that is given is kept to, by the default schedule too, whose sums have the lanes of this machine.
    const Ran strict = folder.coulter({"tune", "steep.coulter", "steep.sched", "--threads", "1", "--store", "strict.db",
                                       "--budget", "100", "--only", "holes", "--tolerance", "1e-6", "--json"});
    CHECK_MESSAGE(strict.err.find(": y[") != std::string::npos, strict.err);
}
