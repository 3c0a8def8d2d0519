#pragma once
/// The main function of a generator program.

#include "coulter/kernel.hpp"

#include <map>

namespace coulter {

/// Parameters of a generator program, given as `-p name=value`. A factory asks by name and says the default; a
/// parameter that no factory asks for is an error of the command line.
class Params {
public:
    Params() = default;
    explicit Params(std::map<std::string, std::string> given) : given_(std::move(given)) {}

    /// \throws LanguageError for a value of another kind.
    [[nodiscard]] std::int64_t integer(const std::string& name, std::int64_t otherwise) const;
    [[nodiscard]] double real(const std::string& name, double otherwise) const;
    [[nodiscard]] bool flag(const std::string& name, bool otherwise) const; ///< true, false, 1, 0, yes, no, on, off
    [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const;

    [[nodiscard]] const std::map<std::string, std::string>& given() const { return given_; }
    /// Names asked for so far, each with its default.
    [[nodiscard]] const std::map<std::string, std::string>& asked() const { return asked_; }

private:
    [[nodiscard]] const std::string* find(const std::string& name, const std::string& otherwise) const;

    std::map<std::string, std::string> given_;
    mutable std::map<std::string, std::string> asked_;
};

/// A kernel's name and the function that makes it, with or without parameters.
struct KernelFactory {
    template <class Make>
    KernelFactory(std::string kernel_name, Make make_kernel) : name(std::move(kernel_name)) {
        if constexpr (std::is_invocable_r_v<Kernel, Make, const Params&>) {
            make = std::move(make_kernel);
        } else {
            make = [inner = std::move(make_kernel)](const Params&) -> Kernel { return inner(); };
        }
    }

    std::string name;
    std::function<Kernel(const Params&)> make;
};

/// Writes `<kernel>.coulter` for each kernel, or for those named on the command line.
///
///     generator -o DIR [-p name=value]... [kernel...]
///     generator --list [-p name=value]...
///     generator --help
///
/// \returns 0; 1 when a kernel has mistakes (all are printed to standard error); 2 for the command line; 4 when DIR
/// cannot be written.
[[nodiscard]] int generate(int argc, const char* const* argv, const std::vector<KernelFactory>& kernels);

} // namespace coulter
