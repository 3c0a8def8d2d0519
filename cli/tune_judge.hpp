#pragma once
/// Runs compiled candidates in child processes: checks what they compute, then times them.
///
/// At small sizes a candidate is compared with the interpreter, at the tuned sizes with the kernel under the default
/// schedule, which itself has been compared with the interpreter: the interpreter is too slow for the tuned sizes.

#include "coulter/array.hpp"
#include "coulter/tune/record.hpp"
#include "tune_subject.hpp"

namespace coulter::cli {

class KernelLibrary;

class Judge {
public:
    /// Computes the references. `by_default` is the library with the default schedule.
    /// \throws Failure [M008] when that is wrong itself, [B012] when it does not return.
    Judge(const TuneSubject& subject, const std::filesystem::path& by_default, std::filesystem::path scratch);

    /// Checked, then timed. One that is slower than `slow` from the start gets few samples. Nothing when interrupted.
    [[nodiscard]] std::optional<tune::Record> measure(const std::filesystem::path& library, double slow) const;

    /// Timed side by side, sample by sample in turn, for at most so many seconds. Empty when interrupted.
    [[nodiscard]] std::vector<tune::Record> side_by_side(const std::vector<std::filesystem::path>& libraries,
                                                         double seconds) const;

private:
    using Results = std::map<std::string, Array>;
    struct Reference {
        std::map<std::string, std::int64_t> extents;
        Results inputs;
        Results outputs;
        Results precise; ///< computed in double, where that is another result
        bool same_bits = false;
        double tolerance = 0;
        /// Outputs to which rounding does more: how far they may be off.
        std::map<std::string, double> tolerances;
    };

    void add_small_references();
    void add_tuned_reference(const std::filesystem::path& by_default, const std::filesystem::path& scratch);
    /// How far the outputs at the tuned sizes move when the inputs are rounded otherwise.
    [[nodiscard]] std::map<std::string, double> sensitivity(const KernelLibrary& library, const Results& outputs) const;
    /// What is wrong with the results of a call, or nothing.
    [[nodiscard]] std::string judge(const Reference& reference, const Results& results) const;
    [[nodiscard]] tune::Record check(const KernelLibrary& library, const Reference& reference,
                                     Results* outputs = nullptr) const;
    [[nodiscard]] tune::Record check_and_time(const KernelLibrary& library, double slow) const;
    [[nodiscard]] std::vector<tune::Record> take_turns(const std::vector<std::filesystem::path>& libraries,
                                                       double seconds) const;
    [[nodiscard]] Limits limits(double seconds) const;

    const TuneSubject& subject_;
    std::vector<Reference> small_;
    Reference tuned_;
    double default_seconds_ = 0; ///< of one call under the default schedule
};

} // namespace coulter::cli
