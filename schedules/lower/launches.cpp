// What a call launches on a device, as comments above the source of its kernels: threads and shared memory belong to
// the launch, and the source has neither.

#include "names.hpp"
#include "pipeline.hpp"

#include <cctype>
#include <fmt/core.h>

namespace coulter::lower {
namespace {

using namespace Halide::Internal;

/// `_kernel_votes_1acc_s1_x___block_id_x` is step 1 of `votes.acc`: no mangled name has `_s` where a code begins.
std::string stage_text(const std::string& entry) {
    const std::string begin = "_kernel_";
    std::size_t at = begin.size();
    while (entry.starts_with(begin) && at + 2 < entry.size()) {
        if (entry[at] == '_' && entry[at + 1] == 's' && std::isdigit(static_cast<unsigned char>(entry[at + 2])) != 0) {
            return fmt::format("stage {} step {}", demangle(entry.substr(begin.size(), at - begin.size())),
                               entry[at + 2]);
        }
        at += entry[at] == '_' ? 2 : 1;
    }
    return fmt::format("stage {} step 0", entry);
}

std::string constant_text(const Halide::Expr& value) {
    const Halide::Expr simple = simplify(value);
    const auto constant = as_const_int(simple);
    return constant ? std::to_string(*constant) : "?";
}

class Launches : public IRVisitor {
public:
    std::string text;

private:
    using IRVisitor::visit;

    // halide_cuda_run(state, entry, blocks * 3, threads * 3, bytes of shared memory, ...), and alike for OpenCL.
    void visit(const Call* op) override {
        IRVisitor::visit(op);
        if ((op->name != "halide_cuda_run" && op->name != "halide_opencl_run") || op->args.size() < 9) {
            return;
        }
        const auto* const entry = op->args[1].as<StringImm>();
        COULTER_INTERNAL_ASSERT(entry != nullptr);
        text += fmt::format("// launch {}: {}, threads {} {} {}, shared memory {}\n", entry->value,
                            stage_text(entry->value), constant_text(op->args[5]), constant_text(op->args[6]),
                            constant_text(op->args[7]), constant_text(op->args[8]));
    }
};

} // namespace

std::string launch_comments(const Halide::Module& module) {
    Launches launches;
    for (const LoweredFunc& function : module.functions()) {
        function.body.accept(&launches);
    }
    return launches.text;
}

} // namespace coulter::lower
