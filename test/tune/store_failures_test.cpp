// Kills, full disks, read-only files, files that are something else, several writers.

#include "records.hpp"
#include "support/golden.hpp"
#include "support/run_options.hpp"

#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <grp.h>
#include <iterator>
#include <poll.h>
#include <random>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

using namespace coulter;
using namespace coulter::test;
using namespace coulter::tune;
namespace fs = std::filesystem;

namespace {

/// A process that does `body` and ends without what exit() does, so that it ends as abruptly as a user's may.
pid_t start(const std::function<int()>& body) {
    const pid_t pid = fork();
    if (pid == 0) {
        int code = 99;
        try {
            code = body();
        } catch (...) {
            code = 98;
        }
        _exit(code);
    }
    return pid;
}

int wait_for(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// What the store says, its folder called `DIR`.
std::string failure_of(const std::function<void()>& body, const fs::path& folder) {
    try {
        body();
    } catch (const StoreError& error) {
        std::string text = error.what();
        for (std::size_t at; (at = text.find(folder.string())) != std::string::npos;) {
            text.replace(at, folder.string().size(), "DIR");
        }
        return text;
    }
    return "no failure\n";
}

void check_golden(const std::string& name, const std::string& text) {
    CHECK_MESSAGE(golden_difference("tune/" + name, text).empty(), golden_difference("tune/" + name, text));
}

std::string integrity(const fs::path& path) {
    sqlite3* database = nullptr;
    sqlite3_open(path.c_str(), &database);
    std::string text = "not opened";
    sqlite3_exec(
        database, "PRAGMA integrity_check",
        [](void* to, int, char** values, char**) {
            *static_cast<std::string*>(to) = values[0];
            return 0;
        },
        &text, nullptr);
    sqlite3_close(database);
    return text;
}

/// Adds records `first`, `first` + 1, ... and writes each number to `descriptor` once it is acknowledged.
int write_records(const fs::path& path, int first, int descriptor) {
    Store store(path);
    for (int i = first;; ++i) {
        store.add(a_setting(), a_record(i));
        if (write(descriptor, &i, sizeof i) != sizeof i) {
            return 1;
        }
    }
}

/// Runs `body` as a user who is bound by the permissions of files; root is not.
int as_nobody(const std::function<int()>& body) {
    return wait_for(start([&] {
        if (getuid() == 0 && (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0)) {
            return 97;
        }
        return body();
    }));
}

} // namespace

TEST_CASE("a kill at any moment loses no acknowledged record, and writing goes on") {
    const int kills = is_long_run() ? 200 : 15;
    std::mt19937_64 random(first_seed() + 1);
    const TemporaryFolder folder;
    const fs::path path = folder / "tuning.db";
    int acknowledged = -1;
    for (int i = 0; i < kills; ++i) {
        int ends[2];
        REQUIRE(pipe(ends) == 0);
        const int first = acknowledged + 1;
        const pid_t pid = start([&] { return write_records(path, first, ends[1]); });
        close(ends[1]);
        // From before the file is opened to some hundred records later.
        usleep(static_cast<useconds_t>(random() % 120'000));
        if (i + 1 == kills && acknowledged == 0) { // a disk so slow that no child has got so far: one gets the time
            pollfd ready{ends[0], POLLIN, 0};
            CHECK(poll(&ready, 1, 60'000) == 1);
        }
        kill(pid, SIGKILL);
        CHECK(wait_for(pid) == -SIGKILL);
        for (int number = 0; read(ends[0], &number, sizeof number) == sizeof number;) {
            acknowledged = number;
        }
        close(ends[0]);
        if (!fs::exists(path)) {
            continue;
        }
        const Store store(path);
        const auto records = store.records(a_setting());
        // At most the one that was being written when the signal came is there without having been acknowledged.
        CHECK(static_cast<int>(records.size()) >= acknowledged + 1);
        CHECK(static_cast<int>(records.size()) <= acknowledged + 2);
        for (int number = 0; number <= acknowledged; number += 1 + acknowledged / 50) {
            CHECK(std::ranges::find(records, a_record(number)) != records.end());
        }
    }
    MESSAGE(kills, " kills, ", acknowledged + 1, " acknowledged records");
    CHECK(acknowledged > 0);
    CHECK(integrity(path) == "ok");
}

TEST_CASE("two writers wait for each other") {
    const TemporaryFolder folder;
    const fs::path path = folder / "tuning.db";
    std::vector<pid_t> writers;
    for (int w = 0; w < 3; ++w) { // they also make the store at once
        writers.push_back(start([&path, w] {
            Store store(path);
            for (int i = 0; i < 60; ++i) {
                store.add(a_setting(), a_record(1000 * w + i));
            }
            return 0;
        }));
    }
    for (const pid_t pid : writers) {
        CHECK(wait_for(pid) == 0);
    }
    CHECK(Store(path).records(a_setting()).size() == 180);
    CHECK(integrity(path) == "ok");
}

TEST_CASE("a full disk is told, and loses nothing that was acknowledged") {
    const TemporaryFolder folder;
    const fs::path path = folder / "tuning.db";
    {
        Store store(path);
        store.add(a_setting(), a_record(0));
    }
    // The limit of file sizes stands for the disk: writing past it fails as on a full one, with EFBIG.
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const int code = wait_for(start([&] {
        signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{100'000, 100'000};
        setrlimit(RLIMIT_FSIZE, &limit);
        Store store(path);
        for (int i = 1; i < 10'000; ++i) {
            try {
                store.add(a_setting(), a_record(i));
            } catch (const StoreError& error) {
                return error.code() == "M001" ? 4 : 5;
            }
            if (write(ends[1], &i, sizeof i) != sizeof i) {
                return 6;
            }
        }
        return 7;
    }));
    CHECK(code == 4);
    close(ends[1]);
    int acknowledged = 0;
    for (int number = 0; read(ends[0], &number, sizeof number) == sizeof number;) {
        acknowledged = number;
    }
    close(ends[0]);
    CHECK(acknowledged > 5);
    Store store(path);
    CHECK(static_cast<int>(store.records(a_setting()).size()) == acknowledged + 1);
    store.add(a_setting(), a_record(20'000)); // there is room again
    CHECK(integrity(path) == "ok");
}

TEST_CASE("a disk that is really full is told") {
    const TemporaryFolder folder;
    const fs::path disk = folder / "disk";
    fs::create_directory(disk);
    if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=300k") != 0) {
        MESSAGE("skipped: this user may not mount a small disk");
        return;
    }
    std::string text;
    std::size_t count = 0;
    {
        Store store(disk / "tuning.db");
        text = failure_of(
            [&] {
                for (int i = 0; i < 10'000; ++i) {
                    store.add(a_setting(), a_record(i));
                    ++count;
                }
            },
            disk);
        CHECK(store.records(a_setting()).size() == count);
    }
    CHECK(Store(disk / "tuning.db").records(a_setting()).size() == count);
    CHECK(count > 5);
    umount2(disk.c_str(), MNT_DETACH);
    check_golden("store_full", text);
}

TEST_CASE("a read-only file, or one in a folder that is read-only, can be read but not written") {
    const TemporaryFolder folder;
    const fs::path inner = folder / "inner";
    const fs::path path = inner / "tuning.db";
    {
        Store store(path);
        store.add(a_setting(), a_record(1));
    }
    fs::permissions(folder / "", fs::perms::owner_all | fs::perms::others_exec | fs::perms::group_exec);
    fs::permissions(path, fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read);
    fs::permissions(inner,
                    fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
    const int out = open((folder / "told").c_str(), O_WRONLY | O_CREAT, 0666);
    CHECK(as_nobody([&] {
              const std::string text = failure_of([&] { const Store store(path); }, inner) +
                                       failure_of([&] { const Store store(inner / "new.db"); }, inner) +
                                       failure_of([&] { const Store store(inner / "new/new.db"); }, inner);
              const auto size = static_cast<ssize_t>(text.size());
              return write(out, text.data(), text.size()) == size ? 0 : 1;
          }) == 0);
    close(out);
    std::ifstream file(folder / "told");
    std::stringstream told;
    told << file.rdbuf();
    check_golden("store_read_only", told.str());
    CHECK(as_nobody([&] {
              const Store store(path, Store::Mode::read);
              return store.records(a_setting()) == std::vector{a_record(1)} ? 0 : 1;
          }) == 0);
    fs::permissions(inner, fs::perms::owner_all);
}

TEST_CASE("files that are something else, damaged, or of a later version are told apart") {
    const TemporaryFolder folder;
    const fs::path dir = (folder / "").parent_path();
    const auto told = [&](const std::string& name, Store::Mode mode) {
        return failure_of([&] { const Store store(folder / name, mode); }, dir);
    };
    std::ofstream(folder / "text.db") << std::string(5000, 'x');
    std::ofstream(folder / "empty.db");
    {
        sqlite3* other = nullptr;
        sqlite3_open((folder / "other.db").c_str(), &other);
        sqlite3_exec(other, "CREATE TABLE a (b)", nullptr, nullptr, nullptr);
        sqlite3_close(other);
        Store later(folder / "later.db");
    }
    sqlite3* later = nullptr;
    sqlite3_open((folder / "later.db").c_str(), &later);
    sqlite3_exec(later, "PRAGMA user_version = 7", nullptr, nullptr, nullptr);
    sqlite3_close(later);
    {
        Store store(folder / "damaged.db");
        for (int i = 0; i < 200; ++i) {
            store.add(a_setting(), a_record(i));
        }
    }
    std::fstream damage(folder / "damaged.db", std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 2; page < 10; ++page) {
        damage.seekp(4096 * page);
        damage << std::string(4096, '\x7f');
    }
    damage.close();
    const auto bytes = [&](const char* name) {
        std::ifstream file(folder / name, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    const std::string foreign = bytes("other.db");
    std::string all;
    for (const Store::Mode mode : {Store::Mode::write, Store::Mode::read}) {
        for (const char* const name : {"text.db", "other.db", "later.db"}) {
            all += told(name, mode);
        }
    }
    CHECK(bytes("other.db") == foreign); // not even its journal is another one now
    all += told("nowhere.db", Store::Mode::read) + told("", Store::Mode::write);
    all += failure_of([&] { static_cast<void>(Store(folder / "damaged.db").records(a_setting())); }, dir);
    check_golden("store_files", all);
    // A start that was interrupted leaves one without tables: readers find nothing in it, and the next writer makes
    // them.
    CHECK(Store(folder / "empty.db", Store::Mode::read).all().empty());
    CHECK(Store(folder / "empty.db", Store::Mode::read).records(a_setting()).empty());
    CHECK(told("empty.db", Store::Mode::write) == "no failure\n");
}
