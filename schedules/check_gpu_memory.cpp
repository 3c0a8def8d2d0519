// Memory of what is computed on a device: registers and shared memory, and how global memory is walked.

#include "check_finish.hpp"

#include "coulter/schedule/memory_order.hpp"
#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {
namespace {

constexpr std::int64_t shared_limit = std::int64_t(48) * 1024;

bool has_gpu_loops(const Nest& nest) {
    return std::ranges::any_of(nest.loops(), [](const LiveLoop& live) { return is_gpu(live.kind); });
}

/// What an index is multiplied with in `index`; nothing where it is not affine in it.
std::optional<std::int64_t> coefficient(const ir::Ref& index, const std::string& dim) {
    std::map<const ir::Node*, std::optional<std::int64_t>> of;
    const auto constant = [](const ir::Ref& node) { return node->kind == ir::Kind::constant; };
    for (const ir::Node* node : ir::postorder({index})) {
        std::optional<std::int64_t>& here = of[node];
        if (node->kind == ir::Kind::dim) {
            here = node->name == dim ? 1 : 0;
        } else if (std::ranges::all_of(node->args, [&](const ir::Ref& arg) { return of.at(arg.get()) == 0; })) {
            here = 0;
        } else if (node->kind == ir::Kind::binary && of.at(node->args[0].get()) && of.at(node->args[1].get())) {
            const std::int64_t a = *of.at(node->args[0].get());
            const std::int64_t b = *of.at(node->args[1].get());
            if (node->op == ir::Op::add || node->op == ir::Op::sub) {
                here = node->op == ir::Op::add ? a + b : a - b;
            } else if (node->op == ir::Op::mul && (constant(node->args[0]) || constant(node->args[1]))) {
                const std::size_t factor = constant(node->args[0]) ? 0 : 1;
                here = node->args[factor]->integer * (factor == 0 ? b : a);
            }
        }
    }
    return of.at(index.get());
}

} // namespace

bool Finish::on_device(const std::string& name) const {
    const Done& done = done_.at(name);
    return !site(name).kernel.empty() || has_gpu_loops(done.main) || has_gpu_loops(done.init);
}

// Halide takes the one 16-bit float for the other in OpenCL, and has no instructions for it in CUDA.
void Finish::device_types(const std::string& name) {
    const Done& done = done_.at(name);
    const auto readers = uses_.find(name);
    const bool there =
        done.inlined ? readers != uses_.end() &&
                           std::ranges::any_of(readers->second, [&](const Use& use) { return on_device(use.reader); })
                     : on_device(name);
    if (!there) {
        return;
    }
    const ir::Definition& definition = model_.definition(name);
    const bool computes = std::ranges::count(definition.types, Type::bf16) > 0 ||
                          std::ranges::any_of(ir::postorder(ir::roots(definition)),
                                              [](const ir::Node* node) { return node->type == Type::bf16; });
    if (computes) {
        const Stage& stage = model_.stages_.at(name);
        model_.error(
            "S121", stage.span.line != 0 ? stage.span : stage.where_span,
            fmt::format("`{}` computes with bf16, which is not built for devices yet", name),
            "leave this stage to the processor, and convert to f32 in a stage of its own that the device reads");
    }
}

void Finish::device_memory(const std::string& name) {
    const Stage& stage = model_.stages_.at(name);
    Done& done = done_.at(name);
    if (done.inlined || !done.known || model_.kernel().is_output(name)) {
        return;
    }
    const Site where = site(name);
    const bool given = stage.memory.has_value();
    const Span& span = given ? stage.memory_span : stage.where_span;
    if (where.kernel.empty()) {
        const auto readers = uses_.find(name);
        const bool read_there =
            on_device(name) || (readers != uses_.end() && std::ranges::any_of(readers->second, [&](const Use& use) {
                                    return on_device(use.reader);
                                }));
        if (done.memory == Memory::shared) {
            model_.error("S115", span,
                         fmt::format("`{}` cannot be kept in shared memory: it is not computed in a block", name),
                         "compute it at a loop over blocks of its consumer, or at one inside of those");
        } else if (read_there && (done.memory == Memory::registers || done.memory == Memory::stack)) {
            model_.error("S117", span,
                         fmt::format("`{}` cannot be kept in {}: it passes between kernels of a device", name,
                                     schedule::name(done.memory)),
                         "leave the memory out, or compute it in the threads of its consumer");
        }
        return;
    }
    const std::optional<std::int64_t> size = bytes(name);
    if (where.in_threads) {
        if (done.memory == Memory::shared) {
            model_.error(
                "S117", span,
                fmt::format("`{}` is computed by one thread and read by no other: it needs no shared memory", name),
                "leave the memory out, or compute it at a loop outside of the threads");
        } else if (done.memory == Memory::stack && !size) {
            model_.error("S117", span, fmt::format("`{}` has no constant size in a thread", name),
                         "`store in heap` keeps it in global memory; a tile of constant size may be on the stack");
        }
        return;
    }
    if (done.memory == Memory::registers || done.memory == Memory::stack) {
        model_.error("S117", span,
                     fmt::format("`{}` is computed by a block and cannot be kept in {}: each thread would have its own",
                                 name, schedule::name(done.memory)),
                     "`store in shared`, or compute it at a loop inside the threads");
        return;
    }
    if (done.memory == Memory::automatic) {
        done.memory = Memory::shared;
    }
    if (done.memory == Memory::shared && !size) {
        std::vector<std::string> open;
        for (const std::string& dim : model_.definition(name).dims) {
            if (!done.extents.contains(dim)) {
                open.push_back(display_name(dim));
            }
        }
        model_.error("S115", span,
                     fmt::format("`{}` cannot be kept in shared memory: its extent of {} is not constant there", name,
                                 quoted_list(open)),
                     "place it in a tile of constant size, or `store in heap`, which is global memory");
    }
}

// The memory of each kernel's blocks. Two stages that are not needed at one time may share it: the sum is a bound.
void Finish::shared_memory() {
    std::map<std::string, std::int64_t> all;
    for (const ir::Definition& each : model_.kernel().definitions) {
        const Done& done = done_.at(each.name);
        if (done.inlined || !done.known || (done.memory != Memory::shared && done.memory != Memory::heap)) {
            continue;
        }
        if (const Site where = site(each.name); !where.kernel.empty() && !where.in_threads) {
            reused_too_early(each.name);
        }
        if (done.memory == Memory::heap) {
            continue;
        }
        const Stage& stage = model_.stages_.at(each.name);
        const std::string kernel = site(each.name).kernel;
        std::int64_t& sum = all[kernel];
        sum += bytes(each.name).value_or(0);
        if (!kernel.empty() && sum > shared_limit) {
            model_.error(
                "S115", stage.memory ? stage.memory_span : stage.where_span,
                fmt::format("a block of `{}` would need {} bytes of shared memory with `{}`", kernel, sum, each.name),
                fmt::format("at most {}; smaller tiles need less, and `store in heap` keeps a stage in global "
                            "memory",
                            shared_limit));
            return;
        }
    }
}

// Whether `to` is `from`, or reads what follows from it.
bool Finish::feeds(const std::string& from, const std::string& to) const {
    std::vector<std::string> reached{from};
    for (std::size_t i = 0; i < reached.size(); ++i) {
        if (reached[i] == to) {
            return true;
        }
        if (const auto readers = uses_.find(reached[i]); readers != uses_.end()) {
            for (const Use& use : readers->second) {
                if (std::ranges::count(reached, use.reader) == 0) {
                    reached.push_back(use.reader);
                }
            }
        }
    }
    return false;
}

// Halide 21 gives the memory of a stage that a block computes before a loop to one inside of it as soon as the last
// reader in the text has run: the next iteration of the loop would find it overwritten.
void Finish::reused_too_early(const std::string& name) {
    const Done& done = done_.at(name);
    const auto same = [](const ChainLink& a, const ChainLink& b) { return a.stage == b.stage && a.loop == b.loop; };
    const std::size_t depth = done.prefix.size();
    for (const ir::Definition& each : model_.kernel().definitions) {
        const Done& other = done_.at(each.name);
        if (each.name == name || other.inlined || !other.known || other.memory != done.memory ||
            other.prefix.size() <= depth ||
            !std::equal(done.prefix.begin(), done.prefix.end(), other.prefix.begin(), same)) {
            continue;
        }
        // The loop that encloses `other` and not `name`, and who reads `name` in it.
        const ChainLink& loop = other.prefix[depth];
        bool last = false; // the loop's own stage reads it, after all that is computed in the loop
        bool before = false;
        for (const Use& use : uses_.at(name)) {
            const Done& reader = done_.at(use.reader);
            const bool inside = reader.prefix.size() > depth && same(reader.prefix[depth], loop);
            last = last || use.reader == loop.stage || (inside && feeds(each.name, use.reader));
            before = before || inside;
        }
        if (before && !last) {
            const Stage& stage = model_.stages_.at(each.name);
            model_.error(
                "S115", stage.memory ? stage.memory_span : stage.where_span,
                fmt::format("`{}` would overwrite `{}`, which the next iteration of `{}/{}` reads", each.name, name,
                            loop.stage, loop.loop),
                fmt::format("both are in {} memory, which Halide uses again too early: compute `{}` in that loop as "
                            "well, or keep one of the two in {} memory",
                            done.memory == Memory::shared ? "shared" : "global", name,
                            done.memory == Memory::shared ? "global" : "shared"));
        }
    }
}

// Neighbouring threads should touch neighbouring elements.
void Finish::coalescing(const std::string& name) {
    const Done& done = done_.at(name);
    if (done.inlined || !done.known || model_.has_errors()) {
        return;
    }
    const auto thread = std::find_if(done.main.loops().rbegin(), done.main.loops().rend(), [](const LiveLoop& live) {
        return live.kind == LoopStep::Kind::gpu_thread || live.kind == LoopStep::Kind::gpu_lane;
    });
    if (thread == done.main.loops().rend() || thread->fuse_split || thread->extent == 1) {
        return;
    }
    const Component& along = thread->components.front();
    std::int64_t step = along.stride;
    for (const LiveLoop& live : done.main.loops()) {
        const bool same = live.components.front().dim == along.dim && live.components.front().stride == 1;
        if (same && live.kind == LoopStep::Kind::vectorize && live.extent == step) {
            step = 1; // each thread moves a vector
        }
    }
    const auto warn = [&](const std::string& tensor, std::string_view verb, const std::string& help) {
        model_.warning("S119", thread->marked,
                       fmt::format("neighbouring threads of `{}`, along `{}`, {} elements of `{}` that lie apart", name,
                                   thread->name, verb, tensor),
                       help);
    };
    const auto advice = [&](const std::string& innermost) {
        return along.dim == innermost && along.stride != 1
                   ? fmt::format("take the inner loop of the split of `{}` for the innermost threads",
                                 display_name(innermost))
                   : fmt::format("`{}` is its innermost dim in memory: take a loop of it for the innermost threads",
                                 display_name(innermost));
    };
    const auto innermost_of = [&](const std::string& tensor) -> std::string {
        if (const ir::Definition* stage = model_.kernel().find_definition(tensor)) {
            const std::vector<std::string> order = memory_order(model_.kernel(), *stage, stage_plan(tensor));
            return order.empty() ? "" : order.back();
        }
        const std::vector<std::string> dims = model_.kernel().dims_of(tensor);
        return dims.empty() ? "" : dims.back();
    };
    const ir::Definition& definition = model_.definition(name);
    if (const std::string inner = innermost_of(name);
        done.compute.is_root() && !inner.empty() && (inner != along.dim || step != 1)) {
        warn(name, "write", advice(inner));
    }
    std::set<std::string> told;
    for (const ir::Node* node : ir::postorder(ir::roots(definition))) {
        if (node->kind != ir::Kind::access || told.contains(node->name) || node->name == name) {
            continue;
        }
        if (model_.kernel().find_definition(node->name) != nullptr &&
            (done_.at(node->name).inlined || !site(node->name).kernel.empty())) {
            continue; // no global memory
        }
        const std::string inner = innermost_of(node->name);
        bool apart = false;
        bool depends = false;
        for (const std::string& dim : model_.kernel().dims_of(node->name)) {
            const std::optional<std::int64_t> times = coefficient(ir::index_of(*node, dim), along.dim);
            depends = depends || times != 0;
            apart = apart || (dim == inner ? times && *times * step != 0 && *times * step != 1 : times != 0);
        }
        if (depends && apart) {
            told.insert(node->name);
            warn(node->name, "read", advice(inner));
        }
    }
}

} // namespace coulter::schedule::detail
