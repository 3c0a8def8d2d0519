#pragma once
/// A kernel: outputs, and all that they need, checked and in normal form.

#include "coulter/reductions.hpp"

namespace coulter {

struct Estimate {
    Dim dim;
    std::int64_t extent;
};

struct Update {
    Tensor input;
    Tensor output;
};

/// An option of a Kernel; options come in any order.
struct KernelOption {
    enum class Kind : std::uint8_t { none, estimates, updates } kind = Kind::none;
    std::vector<Estimate> estimates;
    std::vector<Update> updates;
    SourceLoc loc;
};

/// Typical extents, for tuning and for benchmarks without sizes. They never limit what a kernel accepts.
[[nodiscard]] KernelOption estimates(std::initializer_list<Estimate> list, SourceLoc loc = SourceLoc::here());
/// `{{w, w_new}}`: output `w_new` is written where input `w` lies; each element of `w` is read only to make itself.
[[nodiscard]] KernelOption updates(std::initializer_list<Update> list, SourceLoc loc = SourceLoc::here());

class Kernel {
public:
    /// Collects what the outputs need, names it, checks it and infers its sizes.
    /// \throws LanguageError with every mistake that was found.
    Kernel(std::string name, const std::vector<Tensor>& outputs, const KernelOption& a = {}, const KernelOption& b = {},
           SourceLoc loc = SourceLoc::here());

    /// A kernel that a transformation made.
    explicit Kernel(ir::Kernel made) : ir_(std::make_shared<const ir::Kernel>(std::move(made))) {}

    [[nodiscard]] const ir::Kernel& ir() const { return *ir_; }

private:
    std::shared_ptr<const ir::Kernel> ir_;
};

} // namespace coulter
