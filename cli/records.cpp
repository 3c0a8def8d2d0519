// coulter records: what is in the tuning store, and its way into other stores and files.

#include "coulter/tune/statistics.hpp"
#include "coulter/tune/store.hpp"
#include "describe.hpp"
#include "files.hpp"
#include "machine.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/core.h>
#include <iostream>
#include <sstream>

namespace coulter::cli {
namespace fs = std::filesystem;
using tune::Store;

namespace {

struct Options {
    std::vector<std::string> files;
    std::string store;
    std::string output;
};

fs::path path_of(const Options& options) {
    return options.store.empty() ? default_store() : fs::path(options.store);
}

/// One row for each setting.
int list(const Options& options) {
    std::vector<std::vector<std::string>> rows{
        {"kernel", "sizes", "machine", "target", "threads", "versions", "timed", "failed", "fastest"}};
    const std::vector<Store::Entry> all = Store(path_of(options), Store::Mode::read).all();
    for (auto first = all.begin(); first != all.end();) {
        const auto last =
            std::find_if(first, all.end(), [&](const Store::Entry& each) { return each.setting != first->setting; });
        std::size_t timed = 0;
        std::size_t failed = 0;
        double fastest = 0;
        for (auto each = first; each != last; ++each) {
            if (!each->record.comparison.empty()) {
                continue;
            }
            if (each->record.outcome != tune::Outcome::timed) {
                ++failed;
                continue;
            }
            const double seconds = tune::median(each->record.samples);
            fastest = timed++ == 0 ? seconds : std::min(fastest, seconds);
        }
        const tune::Setting& setting = first->setting;
        rows.push_back({setting.kernel, setting.sizes, setting.machine, setting.target, std::to_string(setting.threads),
                        setting.versions, std::to_string(timed), std::to_string(failed),
                        timed == 0 ? "" : time_text(fastest)});
        first = last;
    }
    std::cout << table(rows, {false, false, false, false, true, false, true, true, true});
    return good;
}

int export_all(const Options& options) {
    std::ostringstream lines;
    Store(path_of(options), Store::Mode::read).export_lines(lines);
    if (options.output.empty()) {
        std::cout << lines.str();
    } else {
        write_file(options.output, lines.str());
    }
    return good;
}

/// All files are read before anything is taken over.
int merge(const Options& options) {
    std::vector<std::vector<Store::Entry>> contents;
    for (const std::string& file : options.files) {
        if (fs::path(file).extension() == ".jsonl") {
            std::istringstream lines(read_file(file));
            contents.push_back(tune::read_lines(lines, file));
        } else {
            contents.push_back(Store(file, Store::Mode::read).all());
        }
    }
    Store store(path_of(options));
    for (std::size_t i = 0; i < contents.size(); ++i) {
        const Store::Merged merged = store.merge(contents[i]);
        std::cout << fmt::format("{}: {} added, {} replaced, {} kept as they were\n", options.files[i], merged.added,
                                 merged.replaced, merged.kept);
    }
    return good;
}

int guarded(int (*body)(const Options&), const Options& options) {
    try {
        return body(options);
    } catch (const tune::StoreError& error) {
        throw Failure(environment, error.what());
    }
}

} // namespace

void add_records(CLI::App& app, Run& run) {
    CLI::App* const command =
        add_command(app, "records", "What `coulter tune` measured: list, export, merge",
                    "  coulter records list\n  coulter records export -o tuned.jsonl\n"
                    "      equal stores give equal files, one record a line: a lock file for `coulter tune --lock`\n"
                    "  coulter records merge tuned.jsonl other.db --store tuning.db\n"
                    "      of two records of one candidate, the one with more samples stays");
    command->require_subcommand(1);
    const auto options = std::make_shared<Options>();
    const auto add = [&](const char* name, const char* about, int (*body)(const Options&)) {
        CLI::App* const one = command->add_subcommand(name, about);
        one->add_option("--store", options->store, "the store (coulter/tuning.db in XDG_CACHE_HOME, ~/.cache)")
            ->type_name("FILE");
        one->callback([options, &run, body] { run = [options, body] { return guarded(body, *options); }; });
        return one;
    };
    add("list", "one line for each kernel, size, machine and target", list);
    add("export", "all records as lines of JSON", export_all)
        ->add_option("-o,--output", options->output, "a file (standard output)")
        ->type_name("FILE.jsonl");
    add("merge", "take over records of exports and of other stores", merge)
        ->add_option("files", options->files, "exports (.jsonl) and stores")
        ->required()
        ->type_name("FILE...");
}

} // namespace coulter::cli
