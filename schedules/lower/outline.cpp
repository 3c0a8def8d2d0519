// Functions of a size that the code generator is good at.

#include "outline.hpp"

namespace coulter::lower {
namespace {

using namespace Halide::Internal;

/// Stages of one function beyond which each gets a function of its own. What LLVM takes to give registers to a
/// function's values grows with the square of its length: hundreds of stages in one took it minutes.
constexpr int most_stages = 24;

/// Counts the stages that stand in no loop.
class Stages : public IRVisitor {
public:
    int count = 0;

private:
    using IRVisitor::visit;

    void visit(const For*) override {}
    void visit(const ProducerConsumer* op) override {
        count += op->is_producer ? 1 : 0;
        IRVisitor::visit(op);
    }
};

/// Whether all loops are the processor's, and none is shared by threads: Halide makes functions of those itself.
class Loops : public IRVisitor {
public:
    bool are_serial = true;

private:
    using IRVisitor::visit;

    void visit(const For* op) override {
        const bool is_serial =
            op->for_type == ForType::Serial || op->for_type == ForType::Unrolled || op->for_type == ForType::Vectorized;
        const bool is_here = op->device_api == Halide::DeviceAPI::None || op->device_api == Halide::DeviceAPI::Host;
        are_serial = are_serial && is_serial && is_here;
        IRVisitor::visit(op);
    }
};

class Outliner : public IRMutator {
public:
    using IRMutator::mutate;

    Stmt mutate(const Stmt& stmt) override {
        if (!is_asked_) {
            is_asked_ = true;
            Stages stages;
            stmt.accept(&stages);
            if (stages.count <= most_stages) {
                return stmt;
            }
        }
        return IRMutator::mutate(stmt);
    }

private:
    using IRMutator::visit;

    Stmt visit(const ProducerConsumer* op) override {
        const bool outside = in_stage_;
        in_stage_ = in_stage_ || op->is_producer;
        const Stmt mutated = IRMutator::visit(op);
        in_stage_ = outside;
        return mutated;
    }

    // A parallel loop of one iteration, which the calling thread runs. Whole loops alone: beside them a stage may free
    // what nothing reads after it, which the function that allocated it must do.
    Stmt visit(const For* op) override {
        Loops loops;
        Stmt(op).accept(&loops);
        if (!in_stage_ || !loops.are_serial) {
            return op;
        }
        return For::make(op->name + ".alone", 0, 1, ForType::Parallel, Halide::Partition::Never,
                         Halide::DeviceAPI::Host, op);
    }

    bool in_stage_ = false;
    bool is_asked_ = false;
};

} // namespace

Halide::Internal::IRMutator* outliner() {
    return new Outliner;
}

} // namespace coulter::lower
