#pragma once
/// The cases of test/goldens and test/goldens/library, which NumPy and PyTorch computed.

#include "coulter/generate.hpp"
#include "support/array_compare.hpp"

#include <map>
#include <string>
#include <vector>

namespace coulter::test {

struct GoldenCase {
    std::string kernel;
    std::string name;                              ///< `<kernel>/<case>`
    std::map<std::string, std::string> parameters; ///< of the kernel's factory; empty for the kernel as it is built
    std::map<std::string, Array> inputs;
    std::map<std::string, Array> outputs;
    std::map<std::string, Tolerance> tolerance; ///< per output, of the worst computation in f32
};

/// All cases of a kernel, in the order of the manifest. \throws std::runtime_error where a file is missing.
[[nodiscard]] std::vector<GoldenCase> golden_cases(const std::string& kernel);

/// Those of these kernels that have cases, in the order of the manifest.
[[nodiscard]] std::vector<std::string> golden_kernels(const std::vector<KernelFactory>& among);

/// Empty where every output of `golden` is in `got` and within its tolerance, and within 1e-5 of the largest magnitude
/// unless the case's own tolerance is wider on purpose (see is_ill_conditioned); else what differs.
[[nodiscard]] std::string difference_from(const GoldenCase& golden, const std::map<std::string, Array>& got);

/// True for an output whose exact value no computation in f32 reaches within 1e-5 of its magnitude, since rounding the
/// sum of large elements alone moves it further, and for routing, which multiplies errors.
[[nodiscard]] bool is_ill_conditioned(const std::string& golden_case, const std::string& output);

} // namespace coulter::test
