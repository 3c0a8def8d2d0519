// What Halide concludes about the alignment of arguments.

#include "pipeline.hpp"

namespace coulter::lower {
namespace {

using namespace Halide::Internal;

// An index that is a multiple of the vector width says nothing about an address where the caller's pointer is aligned to
// one element only. Halide 21 knows that for plain loads, and emits aligned ones, which trap, under a predicate.
class ForgetAlignment : public IRMutator {
    using IRMutator::visit;

    Stmt visit(const Allocate* op) override {
        allocated_.insert(op->name);
        return IRMutator::visit(op);
    }

    Halide::Expr visit(const Load* op) override {
        const Halide::Expr kept = IRMutator::visit(op);
        const Load* load = kept.as<Load>();
        if (load == nullptr || allocated_.contains(load->name)) {
            return kept;
        }
        return Load::make(load->type, load->name, load->index, load->image, load->param, load->predicate, {});
    }

    Stmt visit(const Store* op) override {
        const Stmt kept = IRMutator::visit(op);
        const Store* store = kept.as<Store>();
        if (store == nullptr || allocated_.contains(store->name)) {
            return kept;
        }
        return Store::make(store->name, store->value, store->index, store->param, store->predicate, {});
    }

    std::set<std::string> allocated_;
};

} // namespace

Halide::Pipeline make_pipeline(const std::vector<Halide::Func>& outputs) {
    Halide::Pipeline pipeline(outputs);
    pipeline.add_custom_lowering_pass(new ForgetAlignment); // the pipeline deletes it
    return pipeline;
}

} // namespace coulter::lower
