#pragma once
/// The tuning store: records that outlive the process, in one SQLite file.
///
/// Write-ahead log with full synchronisation: a record whose add() returned is there after a kill and after a power
/// failure. Several processes may write at once. Everything that can go wrong with the file is a StoreError.

#include "coulter/tune/record.hpp"

#include <filesystem>
#include <iosfwd>
#include <memory>
#include <stdexcept>

namespace coulter::tune {

/// what() is a rendered diagnostic with a code: M001 (cannot open, read or write), M002 (no store, or damaged), M003
/// (of a later version), M004 (busy), M005 (a line that is no record).
class StoreError : public std::runtime_error {
public:
    StoreError(const std::string& code, const std::string& message, const std::string& help = {});
    [[nodiscard]] const std::string& code() const { return code_; }

private:
    std::string code_;
};

class Store {
public:
    enum class Mode : std::uint8_t {
        write, ///< made where it is not there, with its folder
        read   ///< must be there, and is not changed
    };
    /// \throws StoreError, as everything here.
    explicit Store(const std::filesystem::path& path, Mode mode = Mode::write);
    ~Store();
    Store(Store&&) noexcept;
    Store& operator=(Store&&) noexcept;

    /// On disk when it returns. Replaces the record of the same setting, schedule and comparison.
    void add(const Setting& setting, const Record& record);

    /// In the order of schedules.
    [[nodiscard]] std::vector<Record> records(const Setting& setting) const;

    /// Those of candidates measured by themselves, in the order in which they were measured here; first, and in no such
    /// order, those that were merged in.
    struct InOrder {
        std::vector<Record> records;
        std::size_t merged = 0;
    };
    [[nodiscard]] InOrder in_order(const Setting& setting) const;

    struct Entry {
        Setting setting;
        Record record;
    };
    /// Records measured by themselves at other sizes of the setting's class, all else the same; ordered.
    [[nodiscard]] std::vector<Entry> of_class(const Setting& setting) const;
    /// All, ordered by what identifies them: equal stores give equal exports.
    [[nodiscard]] std::vector<Entry> all() const;

    /// One line for each record.
    void export_lines(std::ostream& out) const;

    struct Merged {
        std::size_t added = 0;
        std::size_t replaced = 0; ///< the other one had more samples
        std::size_t kept = 0;     ///< ours had as many or more
    };
    /// Takes over what the other has, all or nothing: the order in which stores are merged does not matter, but for
    /// records with equally many samples.
    Merged merge(const std::vector<Entry>& entries);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Exported lines. `name` is for messages. \throws StoreError [M005] with the line's number.
[[nodiscard]] std::vector<Store::Entry> read_lines(std::istream& in, const std::string& name);

} // namespace coulter::tune
