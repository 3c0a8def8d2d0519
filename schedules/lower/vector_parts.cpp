// Parts of vectors that were just stored. LLVM takes a narrow load from a wide store to pieces by integer shifts, one
// lane after the other, where it takes half of a vector in one instruction.

#include "pipeline.hpp"

namespace coulter::lower {
namespace {

using namespace Halide::Internal;
using Halide::Expr;

/// The lanes and the first index of an access to neighbours at constant indices; nothing for others.
struct Dense {
    std::int64_t first = 0;
    int lanes = 0;
};

std::optional<Dense> dense(const Expr& index) {
    const Ramp* ramp = index.as<Ramp>();
    const std::optional<std::int64_t> first = as_const_int(ramp == nullptr ? index : ramp->base);
    if (!first || *first < 0 || (ramp != nullptr && !is_const_one(ramp->stride))) {
        return std::nullopt;
    }
    return Dense{*first, ramp == nullptr ? 1 : ramp->lanes};
}

/// The width of all stores to a buffer, each of a whole vector, or lanes of it, at a multiple of the width; 1 where
/// they are something else.
class StoredWidth : public IRVisitor {
public:
    explicit StoredWidth(const std::string& buffer) : buffer_(buffer) {}
    [[nodiscard]] int width() const { return is_regular_ ? width_ : 1; }

private:
    using IRVisitor::visit;

    void visit(const Store* op) override {
        IRVisitor::visit(op);
        if (op->name != buffer_) {
            return;
        }
        const std::optional<Dense> at = dense(op->index);
        is_regular_ = is_regular_ && at && at->first % at->lanes == 0 && (width_ == 0 || width_ == at->lanes);
        width_ = at ? at->lanes : 0;
    }

    const std::string& buffer_;
    int width_ = 0;
    bool is_regular_ = true;
};

/// Reads the whole vector, and takes the part of it.
class WholeVectors : public IRMutator {
    using IRMutator::visit;

    Stmt visit(const Allocate* op) override {
        widths_.erase(op->name); // another part of a loop may have memory of the same name
        if (op->memory_type == Halide::MemoryType::Stack || op->memory_type == Halide::MemoryType::Register) {
            StoredWidth stored(op->name);
            op->body.accept(&stored);
            // A masked store may have lanes beyond the end, of which a load must not take any.
            if (stored.width() > 1 && op->constant_allocation_size() > 0 &&
                op->constant_allocation_size() % stored.width() == 0) {
                widths_[op->name] = stored.width();
            }
        }
        return IRMutator::visit(op);
    }

    Expr visit(const Load* op) override {
        const auto width = widths_.find(op->name);
        const std::optional<Dense> at = width == widths_.end() ? std::nullopt : dense(op->index);
        if (!at || !is_const_one(op->predicate) || at->lanes >= width->second ||
            at->first / width->second != (at->first + at->lanes - 1) / width->second) {
            return IRMutator::visit(op);
        }
        const int lanes = width->second;
        const auto first = static_cast<int>(at->first / lanes * lanes);
        const Expr whole = Load::make(op->type.with_lanes(lanes), op->name, Ramp::make(first, 1, lanes), op->image,
                                      op->param, const_true(lanes), {});
        return Shuffle::make_slice(whole, static_cast<int>(at->first) - first, 1, at->lanes);
    }

    std::map<std::string, int> widths_;
};

} // namespace

void read_whole_vectors(Halide::Pipeline& pipeline) {
    pipeline.add_custom_lowering_pass(new WholeVectors); // the pipeline deletes it
}

} // namespace coulter::lower
