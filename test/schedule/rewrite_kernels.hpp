#pragma once
/// Small kernels, built without the parser, that the tests of rewrites and default schedules share.

#include "coulter/ir.hpp"

namespace coulter::test {

/// Puts a kernel together by names; the caller answers for its validity.
class KernelBuilder {
public:
    explicit KernelBuilder(std::string name) { kernel_.name = std::move(name); }

    KernelBuilder& dim(const std::string& name, std::optional<std::int64_t> size = {}, ir::Ref extent = nullptr);
    KernelBuilder& input(const std::string& name, Type type, std::vector<std::string> dims, bool frozen = false);
    KernelBuilder& map(const std::string& name, std::vector<std::string> dims, std::vector<ir::Ref> values);
    KernelBuilder& reduce(const std::string& name, std::vector<std::string> dims, ir::ReduceOp op,
                          std::vector<std::string> reduced, std::vector<ir::Ref> values, ir::Ref where = nullptr);
    KernelBuilder& custom(const std::string& name, std::vector<std::string> dims, std::vector<std::string> reduced,
                          std::vector<ir::Ref> values, std::vector<ir::Ref> identity, std::vector<ir::Ref> combine,
                          ir::Ref where = nullptr);
    KernelBuilder& scan(const std::string& name, std::vector<std::string> dims, const std::string& along,
                        std::vector<ir::Ref> values, std::vector<ir::Ref> identity, std::vector<ir::Ref> combine);
    KernelBuilder& estimate(const std::string& dim, std::int64_t extent);
    /// The finished kernel.
    [[nodiscard]] ir::Kernel outputs(std::vector<std::string> names);

    using Bindings = std::vector<std::pair<std::string, ir::Ref>>;
    [[nodiscard]] ir::Ref read(const std::string& tensor, const Bindings& bindings = {}, int component = 0) const;
    [[nodiscard]] ir::Ref padded(const std::string& tensor, const Bindings& bindings, const ir::Ref& pad) const;
    [[nodiscard]] ir::Ref clamped(const std::string& tensor, const Bindings& bindings) const;

private:
    [[nodiscard]] ir::Node access(const std::string& tensor, const Bindings& bindings, int component) const;
    ir::Kernel kernel_;
};

[[nodiscard]] inline ir::Ref operator+(const ir::Ref& a, const ir::Ref& b) {
    return ir::binary(ir::Op::add, a, b);
}
[[nodiscard]] inline ir::Ref operator-(const ir::Ref& a, const ir::Ref& b) {
    return ir::binary(ir::Op::sub, a, b);
}
[[nodiscard]] inline ir::Ref operator*(const ir::Ref& a, const ir::Ref& b) {
    return ir::binary(ir::Op::mul, a, b);
}
[[nodiscard]] inline ir::Ref index(std::int64_t value) {
    return ir::index_constant(value);
}

/// One kernel and extents at which it is small, odd, and inside every access.
struct TableKernel {
    ir::Kernel kernel;
    std::map<std::string, std::int64_t> extents; ///< of every dim whose extent is free
};

/// conv_capsules, matmul, a padded stencil, softmax, layer_norm, argmax, masked sums, moments, gathers, integers,
/// a scan, scalars: each under its kernel's name.
[[nodiscard]] std::vector<TableKernel> table_kernels();
[[nodiscard]] TableKernel table_kernel(const std::string& name);

} // namespace coulter::test
