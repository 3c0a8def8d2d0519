#include "sqlite.hpp"

#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <unistd.h>

namespace coulter::tune {
namespace {

// Longer than any transaction of another process takes, and short enough that a stuck one is noticed.
constexpr int busy_milliseconds = 20000;

std::string reason(sqlite3* database, const std::filesystem::path& path) {
    int number = sqlite3_system_errno(database);
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    if (number == ENOENT && access(folder.c_str(), F_OK) == 0 && access(folder.c_str(), W_OK) != 0) {
        number = errno; // SQLite went on to open for reading what it could not make
    }
    return number == 0 ? std::string(sqlite3_errmsg(database)) : std::string(std::strerror(number));
}

} // namespace

Database::Database(const std::filesystem::path& path, Store::Mode mode) : path_(path) {
    if (mode == Store::Mode::write) {
        open(path.string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
        if (sqlite3_db_readonly(handle(), "main") == 1) { // SQLite is content with that until something is written
            fail(SQLITE_READONLY);
        }
        return;
    }
    open(path.string(), SQLITE_OPEN_READONLY);
    // A write-ahead log wants a file beside the store. Where none can be made nobody writes either, so that the file
    // may be read as it is.
    const int code = sqlite3_exec(handle(), "SELECT count(*) FROM sqlite_master", nullptr, nullptr, nullptr) & 0xff;
    if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) {
        std::string uri = "file:";
        for (const char c : std::filesystem::absolute(path).string()) {
            uri += std::strchr("?#%", c) != nullptr ? fmt::format("%{:02X}", static_cast<unsigned char>(c))
                                                    : std::string(1, c);
        }
        open(uri + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    }
}

void Database::open(const std::string& name, int flags) {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(name.c_str(), &opened, flags, nullptr);
    handle_.reset(opened);
    if (opened == nullptr) {
        throw std::bad_alloc();
    }
    if (code != SQLITE_OK) {
        fail(code);
    }
    sqlite3_extended_result_codes(opened, 1);
    sqlite3_busy_timeout(opened, busy_milliseconds);
}

void Database::fail(int code) {
    const std::string file = path_.string();
    const char* const elsewhere = "--store gives another file";
    switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        throw StoreError("M002", fmt::format("`{}` is no tuning store, or is damaged", file),
                         "move it away, and merge what was exported from it into a new one; or " +
                             std::string(elsewhere));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        throw StoreError(
            "M004",
            fmt::format("the tuning store `{}` was locked by another process for {} s", file, busy_milliseconds / 1000),
            "wait for it to end, or " + std::string(elsewhere));
    case SQLITE_READONLY:
        throw StoreError("M001", fmt::format("cannot write the tuning store `{}`: it is read-only", file), elsewhere);
    case SQLITE_FULL:
        throw StoreError("M001", fmt::format("cannot write the tuning store `{}`: the disk is full", file),
                         "nothing that was recorded is lost; free some space, or " + std::string(elsewhere));
    case SQLITE_CANTOPEN:
        throw StoreError("M001", fmt::format("cannot open the tuning store `{}`: {}", file, reason(handle(), path_)),
                         elsewhere);
    case SQLITE_NOMEM: throw std::bad_alloc();
    default:
        throw StoreError("M001", fmt::format("cannot use the tuning store `{}`: {}", file, reason(handle(), path_)),
                         elsewhere);
    }
}

void Database::execute(const char* sql) {
    if (const int code = sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr); code != SQLITE_OK) {
        fail(code);
    }
}

std::string Database::value_of(const char* sql) {
    Statement statement(*this, sql);
    return statement.step() ? statement.text(0) : std::string();
}

Statement::Statement(Database& database, const char* sql) : database_(database) {
    sqlite3_stmt* prepared = nullptr;
    const int code = sqlite3_prepare_v2(database.handle(), sql, -1, &prepared, nullptr);
    handle_.reset(prepared);
    if (code != SQLITE_OK) {
        database.fail(code);
    }
}

Statement& Statement::bind(int at, const std::string& text) {
    const auto size = static_cast<sqlite3_uint64>(text.size());
    if (const int code =
            sqlite3_bind_text64(handle_.get(), at, text.data(), size, SQLITE_TRANSIENT, SQLITE_UTF8); // NOLINT
        code != SQLITE_OK) {
        database_.fail(code);
    }
    return *this;
}

Statement& Statement::bind(int at, std::int64_t value) {
    if (const int code = sqlite3_bind_int64(handle_.get(), at, value); code != SQLITE_OK) {
        database_.fail(code);
    }
    return *this;
}

bool Statement::step() {
    const int code = sqlite3_step(handle_.get());
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        database_.fail(code);
    }
    return code == SQLITE_ROW;
}

void Statement::run() {
    while (step()) {}
}

std::string Statement::text(int column) const {
    const auto* const bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
    return bytes == nullptr ? std::string()
                            : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column)));
}

} // namespace coulter::tune
