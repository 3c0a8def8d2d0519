#pragma once
/// One form of the kernels: by hand, instant or tuned, which says who wrote their schedules.
///
/// All forms have the same C functions, so a program links one of them. The others are modules that it loads, each with
/// a library, a runtime and the cases of this folder inside.

#include "cases.hpp"

#include <array>
#include <memory>

namespace demo {

/// What the cases of the networks need.
struct Subjects {
    Network& network;
    HeldOut& digits;
    CapsuleNetwork& capsule_network;
    CapsuleAnswers& capsules;
};

class Form {
public:
    Form() = default;
    virtual ~Form() = default;
    Form(const Form&) = delete;
    Form& operator=(const Form&) = delete;

    /// Cases in the order of the table; those of one number are alike in all forms. \pre `number` < case_count
    [[nodiscard]] virtual Case make(std::size_t number, const Subjects& subjects) const = 0;
    /// The context that cases of this form are called with, and nothing else.
    [[nodiscard]] virtual coulter::Context& context() = 0;
    /// Drops the packed weights, whose tensors are gone.
    virtual void forget() = 0;
};

inline constexpr std::size_t case_count = 11;
inline constexpr std::array form_names{"by hand", "instant", "tuned"}; ///< in the order in which they are measured

/// The form whose library is linked into whatever calls this.
[[nodiscard]] std::unique_ptr<Form> linked_form(int threads);

/// The form that the module at `path` has. \throws std::runtime_error where it cannot be loaded.
[[nodiscard]] std::unique_ptr<Form> load_form(const std::string& path, int threads);

} // namespace demo
