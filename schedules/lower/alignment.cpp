// What Halide assumes about arguments and a caller need not grant.

#include "pipeline.hpp"

namespace coulter::lower {
namespace {

using namespace Halide::Internal;

// Alignment: an index that is a multiple of the vector width says nothing about an address where the caller's pointer
// is aligned to one element only. Halide 21 knows that for plain loads, and emits aligned ones, which trap, under a
// predicate.
//
// Size: the check that all accesses lie inside refuses an empty tensor, as it takes each loop to run at least once.
// Loops over an empty dim do not run.
class Corrections : public IRMutator {
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

    Stmt visit(const AssertStmt* op) override {
        std::vector<const Let*> lets;
        Halide::Expr message = op->message;
        while (const Let* let = message.as<Let>()) {
            lets.push_back(let);
            message = let->body;
        }
        const Call* error = message.as<Call>();
        if (error == nullptr || error->name != "halide_error_access_out_of_bounds") {
            return op;
        }
        // Its arguments end with the lowest and highest index of the dim.
        const Halide::Expr& lowest = error->args[error->args.size() - 2];
        const Halide::Expr& highest = error->args[error->args.size() - 1];
        Halide::Expr empty = highest < lowest;
        for (auto let = lets.rbegin(); let != lets.rend(); ++let) {
            empty = Let::make((*let)->name, (*let)->value, empty);
        }
        return AssertStmt::make(op->condition || empty, op->message);
    }

    std::set<std::string> allocated_;
};

} // namespace

Halide::Pipeline make_pipeline(const std::vector<Halide::Func>& outputs, const Math& math) {
    Halide::Pipeline pipeline(outputs);
    pipeline.add_custom_lowering_pass(new Corrections); // the pipeline deletes it
    calculate_in_lanes(pipeline, math);
    read_whole_vectors(pipeline);
    return pipeline;
}

} // namespace coulter::lower
