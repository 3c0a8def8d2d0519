#include "coulter/tune/store.hpp"

#include "coulter/diagnostic.hpp"
#include "coulter/tune/json.hpp"
#include "sqlite.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/core.h>
#include <istream>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

namespace coulter::tune {
namespace {

constexpr int schema_version = 1;
constexpr int application = 0x436c7472; // `Cltr`: what `file` and SQLite know the file by

const char* const schema = R"(
CREATE TABLE setting (
    id INTEGER PRIMARY KEY,
    kernel TEXT NOT NULL,
    sizes TEXT NOT NULL,
    size_class TEXT NOT NULL,
    machine TEXT NOT NULL,
    target TEXT NOT NULL,
    versions TEXT NOT NULL,
    threads INTEGER NOT NULL,
    UNIQUE (kernel, sizes, machine, target, versions, threads));
CREATE INDEX setting_class ON setting (kernel, size_class);
CREATE TABLE record (
    setting INTEGER NOT NULL REFERENCES setting (id),
    schedule TEXT NOT NULL,
    comparison TEXT NOT NULL,
    outcome TEXT NOT NULL,
    message TEXT NOT NULL,
    samples TEXT NOT NULL,
    code_bytes INTEGER NOT NULL,
    choices TEXT NOT NULL,
    PRIMARY KEY (setting, schedule, comparison)) WITHOUT ROWID;
)";

// Not part of the format: earlier versions leave it alone, and a store without it has no order.
const char* const order_schema = "CREATE TABLE IF NOT EXISTS measured (number INTEGER PRIMARY KEY, setting INTEGER NOT "
                                 "NULL, schedule TEXT NOT NULL)";

/// What a query calls ?1 to ?6.
Statement& bind(Statement& statement, const Setting& setting) {
    return statement.bind(1, setting.kernel)
        .bind(2, setting.sizes)
        .bind(3, setting.machine)
        .bind(4, setting.target)
        .bind(5, setting.versions)
        .bind(6, setting.threads);
}

const char* const columns =
    "schedule, comparison, outcome, message, samples, code_bytes, choices, "
    "kernel, sizes, machine, target, versions, threads FROM record JOIN setting ON setting.id = record.setting ";

std::string diagnostic_text(const std::string& code, const std::string& message, const std::string& help) {
    Diagnostic diagnostic;
    diagnostic.code = code;
    diagnostic.message = message;
    diagnostic.help = help;
    return render(diagnostic);
}

} // namespace

StoreError::StoreError(const std::string& code, const std::string& message, const std::string& help)
    : std::runtime_error(diagnostic_text(code, message, help)), code_(code) {}

struct Store::State {
    State(const std::filesystem::path& file, Mode mode) : path(file), database(file, mode) {
        const int version = std::stoi("0" + database.value_of("PRAGMA user_version"));
        if (version > schema_version) {
            throw StoreError("M003",
                             fmt::format("the tuning store `{}` is of a later version of Coulter (format {}, and this "
                                         "one knows {})",
                                         path.string(), version, schema_version),
                             "use that version, or --store with another file");
        }
        const bool is_new = version == 0 && database.value_of("SELECT count(*) FROM sqlite_master") == "0";
        if (!is_new && std::stoi("0" + database.value_of("PRAGMA application_id")) != application) {
            not_ours();
        }
        if (mode == Mode::write) { // of a file that is ours: the log stays with it
            use_log();
            database.execute("PRAGMA synchronous = FULL");
            if (is_new) {
                make_tables();
            }
        } else {
            has_tables = !is_new;
        }
    }

    /// SQLite does not wait for others here, and two processes may make a store at once.
    void use_log() {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (true) {
            try {
                // A file system that cannot have a log keeps its rollback journal, which is as safe.
                static_cast<void>(database.value_of("PRAGMA journal_mode = WAL"));
                return;
            } catch (const StoreError& error) {
                if (error.code() != "M004" || std::chrono::steady_clock::now() > give_up) {
                    throw;
                }
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }

    void make_tables() {
        Transaction transaction(database);
        if (database.value_of("PRAGMA user_version") == "0") { // else another process was faster
            if (database.value_of("SELECT count(*) FROM sqlite_master") != "0") {
                not_ours();
            }
            database.execute(schema);
            database.execute(fmt::format("PRAGMA user_version = {}", schema_version).c_str());
            database.execute(fmt::format("PRAGMA application_id = {}", application).c_str());
        }
        transaction.commit();
    }

    [[noreturn]] void not_ours() { database.fail(SQLITE_NOTADB); }

    std::int64_t setting_id(const Setting& setting) {
        Statement insert(database,
                         "INSERT INTO setting (kernel, sizes, machine, target, versions, threads, size_class) "
                         "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING");
        bind(insert, setting).bind(7, size_class(setting.sizes)).run();
        Statement select(database, "SELECT id FROM setting WHERE kernel = ?1 AND sizes = ?2 AND machine = ?3 AND "
                                   "target = ?4 AND versions = ?5 AND threads = ?6");
        bind(select, setting).step();
        return select.integer(0);
    }

    void put(const Setting& setting, const Record& record) {
        Statement insert(database, "INSERT OR REPLACE INTO record (setting, schedule, comparison, outcome, message, "
                                   "samples, code_bytes, choices) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
        insert.bind(1, setting_id(setting))
            .bind(2, record.schedule)
            .bind(3, record.comparison)
            .bind(4, std::string(name(record.outcome)))
            .bind(5, record.message)
            .bind(6, print_json(record.samples))
            .bind(7, record.code_bytes)
            .bind(8, print_json(record.choices))
            .run();
    }

    std::vector<Entry> rows(Statement& statement) {
        std::vector<Entry> entries;
        while (statement.step()) {
            Entry entry;
            const auto samples = parse_json(statement.text(4));
            const auto choices = parse_json(statement.text(6));
            const auto outcome = outcome_of(statement.text(2));
            if (samples.is_discarded() || choices.is_discarded() || !outcome) {
                database.fail(SQLITE_CORRUPT);
            }
            entry.record = {statement.text(0), statement.text(1),    *outcome, statement.text(3),
                            samples,           statement.integer(5), choices};
            entry.setting = {statement.text(7),  statement.text(8),  statement.text(9),
                             statement.text(10), statement.text(11), static_cast<int>(statement.integer(12))};
            entries.push_back(std::move(entry));
        }
        return entries;
    }

    std::filesystem::path path;
    Database database;
    bool has_tables = true; ///< else whoever began to make the store was killed, and a reader finds nothing
};

Store::Store(const std::filesystem::path& path, Mode mode) {
    std::error_code error;
    if (mode == Mode::write && path.has_parent_path()) {
        std::filesystem::create_directories(path.parent_path(), error);
        if (error) {
            throw StoreError(
                "M001",
                fmt::format("cannot make the folder of the tuning store `{}`: {}", path.string(), error.message()),
                "--store gives another file");
        }
    }
    state_ = std::make_unique<State>(path, mode);
}

Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

void Store::add(const Setting& setting, const Record& record) {
    Transaction transaction(state_->database);
    state_->put(setting, record);
    if (record.comparison.empty()) {
        state_->database.execute(order_schema);
        Statement insert(state_->database, "INSERT INTO measured (setting, schedule) VALUES (?1, ?2)");
        insert.bind(1, state_->setting_id(setting)).bind(2, record.schedule).run();
    }
    transaction.commit();
}

Store::InOrder Store::in_order(const Setting& setting) const {
    InOrder result;
    std::map<std::string, std::int64_t> numbers;
    if (state_->has_tables &&
        state_->database.value_of("SELECT count(*) FROM sqlite_master WHERE name = 'measured'") != "0") {
        Statement select(state_->database,
                         "SELECT measured.schedule, max(number) FROM measured JOIN setting ON setting.id = setting "
                         "WHERE kernel = ?1 AND sizes = ?2 AND machine = ?3 AND target = ?4 AND versions = ?5 AND "
                         "threads = ?6 GROUP BY measured.schedule");
        bind(select, setting);
        while (select.step()) {
            numbers[select.text(0)] = select.integer(1);
        }
    }
    const auto number = [&](const Record& record) {
        const auto at = numbers.find(record.schedule);
        return at == numbers.end() ? 0 : at->second;
    };
    for (Record& record : records(setting)) {
        if (record.comparison.empty()) {
            result.merged += number(record) == 0 ? 1 : 0;
            result.records.push_back(std::move(record));
        }
    }
    std::ranges::stable_sort(result.records, {}, number);
    return result;
}

std::vector<Record> Store::records(const Setting& setting) const {
    if (!state_->has_tables) {
        return {};
    }
    Statement select(state_->database,
                     (std::string("SELECT ") + columns +
                      "WHERE kernel = ?1 AND sizes = ?2 AND machine = ?3 AND target = ?4 AND versions = ?5 AND "
                      "threads = ?6 ORDER BY schedule, comparison")
                         .c_str());
    bind(select, setting);
    std::vector<Record> records;
    for (Entry& entry : state_->rows(select)) {
        records.push_back(std::move(entry.record));
    }
    return records;
}

std::vector<Store::Entry> Store::of_class(const Setting& setting) const {
    if (!state_->has_tables) {
        return {};
    }
    Statement select(state_->database,
                     (std::string("SELECT ") + columns +
                      "WHERE kernel = ?1 AND size_class = ?2 AND sizes <> ?3 AND machine = ?4 AND target = ?5 AND "
                      "versions = ?6 AND threads = ?7 AND comparison = '' ORDER BY sizes, schedule")
                         .c_str());
    select.bind(1, setting.kernel)
        .bind(2, size_class(setting.sizes))
        .bind(3, setting.sizes)
        .bind(4, setting.machine)
        .bind(5, setting.target)
        .bind(6, setting.versions)
        .bind(7, setting.threads);
    return state_->rows(select);
}

std::vector<Store::Entry> Store::all() const {
    if (!state_->has_tables) {
        return {};
    }
    Statement select(state_->database, (std::string("SELECT ") + columns +
                                        "ORDER BY kernel, sizes, machine, target, versions, threads, schedule, "
                                        "comparison")
                                           .c_str());
    return state_->rows(select);
}

void Store::export_lines(std::ostream& out) const {
    for (const Entry& entry : all()) {
        out << to_json(entry.setting, entry.record) << '\n';
    }
}

Store::Merged Store::merge(const std::vector<Entry>& entries) {
    Merged merged;
    Transaction transaction(state_->database);
    for (const Entry& entry : entries) {
        Statement present(state_->database, "SELECT json_array_length(samples) FROM record WHERE setting = ?1 AND "
                                            "schedule = ?2 AND comparison = ?3");
        present.bind(1, state_->setting_id(entry.setting))
            .bind(2, entry.record.schedule)
            .bind(3, entry.record.comparison);
        const bool is_there = present.step();
        if (is_there && present.integer(0) >= static_cast<std::int64_t>(entry.record.samples.size())) {
            ++merged.kept;
            continue;
        }
        ++(is_there ? merged.replaced : merged.added);
        state_->put(entry.setting, entry.record);
    }
    transaction.commit();
    return merged;
}

std::vector<Store::Entry> read_lines(std::istream& in, const std::string& name) {
    std::vector<Store::Entry> entries;
    std::size_t number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        if (line.empty()) {
            continue;
        }
        Store::Entry entry;
        try {
            from_json(line, entry.setting, entry.record);
        } catch (const std::exception& error) {
            throw StoreError("M005", fmt::format("line {} of `{}` is no record: {}", number, name, error.what()),
                             "wanted are lines as `coulter records export` writes them");
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

} // namespace coulter::tune
