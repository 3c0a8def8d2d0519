#pragma once
/// SQLite with owners for its objects, and its result codes as StoreError.

#include "coulter/tune/store.hpp"

#include <sqlite3.h>

namespace coulter::tune {

/// One open file.
class Database {
public:
    Database(const std::filesystem::path& path, Store::Mode mode);

    void execute(const char* sql);
    /// The first column of the first row, or nothing.
    [[nodiscard]] std::string value_of(const char* sql);
    /// \throws StoreError that tells what went wrong in the user's words.
    [[noreturn]] void fail(int code);

    [[nodiscard]] sqlite3* handle() const { return handle_.get(); }

private:
    void open(const std::string& name, int flags);

    struct Close {
        void operator()(sqlite3* database) const { sqlite3_close(database); }
    };
    std::filesystem::path path_;
    std::unique_ptr<sqlite3, Close> handle_;
};

/// One prepared statement. Parameters count from 1, columns from 0.
class Statement {
public:
    Statement(Database& database, const char* sql);

    Statement& bind(int at, const std::string& text);
    Statement& bind(int at, std::int64_t value);
    /// Whether there is a row.
    bool step();
    /// Steps to the end.
    void run();
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    Database& database_;
    std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

/// All or nothing: rolled back unless committed.
class Transaction {
public:
    explicit Transaction(Database& database) : database_(database) { database_.execute("BEGIN IMMEDIATE"); }
    ~Transaction() {
        if (!done_) {
            sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
        }
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit() {
        database_.execute("COMMIT");
        done_ = true;
    }

private:
    Database& database_;
    bool done_ = false;
};

} // namespace coulter::tune
