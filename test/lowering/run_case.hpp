#pragma once
/// One kernel under one schedule: checked, lowered, run on guarded memory, compared with the reference interpreter.

#include "coulter/interpreter.hpp"
#include "coulter/schedule/check.hpp"
#include "support/array_compare.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace coulter::lower {
struct JitKernel;
} // namespace coulter::lower

namespace coulter::test {

using Arrays = std::map<std::string, Array>;

struct Case {
    std::string name;
    ir::Kernel kernel;
    std::string schedule;                        ///< a file's text; empty: the default schedule
    std::map<std::string, std::int64_t> extents; ///< of the dims of inputs, and of those that only outputs have
    std::uint64_t seed = 0;                      ///< of inputs and strides
    Arrays inputs;                               ///< given ones; all others are made from the seed
    int threads = 16;                            ///< that the default schedule keeps busy
    std::map<std::string, std::int64_t> typical; ///< extents that it is made for; others are estimates of the kernel
    bool special = false;        ///< inputs have NaN, infinities, -0, denormals and extreme integers here and there
    bool complete = true;        ///< stages without a statement get the default schedule
    bool bitwise = false;        ///< under `numerics exact`: the bits are those of the kernel without a schedule
    std::string target = "host"; ///< of this machine: `host-opencl` runs on the device that is there
    std::map<Type, Tolerance> tolerance; ///< of outputs of a type; others as default_tolerance
};

enum class Outcome : std::uint8_t {
    passed,
    refused, ///< by the checker, or by the checks of the C entry
    wrong,
    failed, ///< the checker accepts what Halide refuses, or the kernel returns an error
    crashed,
    timed_out
};
[[nodiscard]] const char* name(Outcome outcome);

struct Result {
    Outcome outcome = Outcome::passed;
    std::string text; ///< what is wrong
    double seconds = 0;
};

/// What rounding in another order may change: 1e-5 of the largest magnitude for f32.
[[nodiscard]] Tolerance default_tolerance(Type type);

/// In this process. A crash ends it: see run_cases.
[[nodiscard]] Result run_case(const Case& test);

/// The case as a text from which it can be run again.
[[nodiscard]] std::string repro(const Case& test);

/// Extents that follow from `given`; empty where a check of the C entry refuses them.
[[nodiscard]] std::map<std::string, std::int64_t> all_extents(const ir::Kernel& kernel,
                                                              const std::map<std::string, std::int64_t>& given);

/// Inputs of a kernel at these extents.
[[nodiscard]] Arrays make_inputs(const Case& test, const std::map<std::string, std::int64_t>& extents);

/// A plan compiled for `target` into this process. \throws std::runtime_error with Halide's text.
class CompiledPlan {
public:
    CompiledPlan(schedule::Plan plan, ir::Kernel original, std::string target = "host");

    /// Calls it, with outer strides that are not compact now and then.
    [[nodiscard]] Arrays run(const Arrays& inputs, const std::map<std::string, std::int64_t>& extents,
                             std::uint64_t seed) const;

private:
    schedule::Plan plan_;
    ir::Kernel original_;
    std::string target_;
    std::shared_ptr<const lower::JitKernel> kernel_;
};

/// Of the machine that the tests run on.
[[nodiscard]] schedule::CheckOptions host_options(bool complete = true, const std::string& target = "host");

} // namespace coulter::test
