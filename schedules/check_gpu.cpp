// Loops over blocks, threads and lanes: what they need of the target, their order, extents and places.

#include "check_finish.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {
namespace {

using Kind = LoopStep::Kind;

// Limits that every device of the last ten years grants; OpenCL devices may grant less and say so at the call.
constexpr std::int64_t thread_limit = 1024;
constexpr std::int64_t third_limit = 64; ///< threads in the outermost of three dimensions

bool is_thread(Kind kind) {
    return kind == Kind::gpu_thread || kind == Kind::gpu_lane;
}

std::string_view word(Kind kind) {
    return kind == Kind::gpu_block ? "gpu_blocks" : kind == Kind::gpu_thread ? "gpu_threads" : "gpu_lanes";
}

const LiveLoop* first(const Nest& nest, bool (*is)(Kind)) {
    const auto at = std::ranges::find_if(nest.loops(), [&](const LiveLoop& live) { return is(live.kind); });
    return at == nest.loops().end() ? nullptr : &*at;
}

bool is_block(Kind kind) {
    return kind == Kind::gpu_block;
}

} // namespace

// The directive: what no finished nest could make legal.
bool Model::gpu(const Subject& subject, const Directive& d) {
    const Kind kind = d.kind == Directive::Kind::gpu_blocks    ? Kind::gpu_block
                      : d.kind == Directive::Kind::gpu_threads ? Kind::gpu_thread
                                                               : Kind::gpu_lane;
    if (device == Device::none) {
        return error("S111", d.keyword,
                     fmt::format("`{}` needs a device, and the target{} has none", word(kind),
                                 build_target.empty() ? "" : fmt::format(" `{}`", build_target)),
                     "build for a target with one, `--target host-opencl` or `--target host-cuda`; a file for devices "
                     "alone begins with `target x86-64-opencl` or `target x86-64-cuda`");
    }
    if (kind == Kind::gpu_lane && device == Device::opencl) {
        return error("S112", d.keyword,
                     "OpenCL has no lanes: threads of a block can only exchange data in shared memory",
                     "make partial results a stage of their own, `rfactor STAGE: LOOP as NEW`, and write `gpu_threads "
                     "LOOP` and `store in shared` in the block of `NEW`");
    }
    if (numerics == Numerics::exact) {
        return error("S041", d.keyword,
                     fmt::format("`{}` computes `{}` on a device, whose arithmetic `numerics exact` does not allow",
                                 word(kind), subject.stage),
                     "devices contract products and sums, and have their own exp and log: leave this directive out, or "
                     "write `numerics reassociate`");
    }
    if (stages_.at(subject.stage).pack_once) {
        return error("S053", d.keyword, fmt::format("`{}` is packed once, which the processor does", subject.stage),
                     fmt::format("leave `{}` out, or write `per call`", word(kind)));
    }
    bool good = true;
    for (const Name& name : d.loops) {
        good = mark(subject, name, kind, d.span) && good;
    }
    return good;
}

// Where a stage is computed, seen from the device.
Finish::Site Finish::site(const std::string& name) const {
    Site site;
    for (const ChainLink& link : done_.at(name).prefix) {
        if (link.kind == Kind::gpu_block) {
            site.kernel = link.stage;
        } else if (is_thread(link.kind)) {
            site.in_threads = true;
            site.in_lanes = site.in_lanes || link.kind == Kind::gpu_lane;
        } else if (link.kind == Kind::parallel && site.kernel.empty()) {
            site.parallel = &link;
        }
    }
    return site;
}

void Finish::gpu(const std::string& name) {
    const Stage& stage = model_.stages_.at(name);
    const Done& done = done_.at(name);
    if (done.inlined || !done.known) {
        return;
    }
    kernel_nest(name, name, done.main);
    // What follows the main nest has its order, and its mistakes.
    if (stage.init_block.line != 0) {
        kernel_nest(name, name + ".init", done.init);
    }
    const Site where = site(name);
    if (done.store && !where.kernel.empty()) {
        model_.error(
            "S117", stage.store_span,
            fmt::format("`{}` is computed in a kernel of a device and stored outside of `{}/{}`", name,
                        done.compute.stage, done.compute.loop),
            "what is computed in a kernel is stored where it is computed: leave this out, or compute it there");
    }
}

// The loops of one nest.
void Finish::kernel_nest(const std::string& name, const std::string& shown, const Nest& nest) {
    const Site where = site(name);
    const LiveLoop* const block = first(nest, is_block);
    const LiveLoop* const thread = first(nest, is_thread);
    if (block == nullptr && thread == nullptr && where.kernel.empty()) {
        return;
    }
    if (!nest_order(name, shown, nest, where)) {
        return;
    }
    for (const LoopStep& step : nest.steps()) {
        if (step.kind == Kind::split && step.tail == Tail::predicate) {
            model_.error("S118", step.span, fmt::format("the tail `predicate` in `{}`, on a device", shown),
                         "a kernel of a device has no masked loads; use `guard`");
        }
    }
    std::vector<std::int64_t> threads; // innermost first
    for (auto live = nest.loops().rbegin(); live != nest.loops().rend(); ++live) {
        if (live->kind == Kind::parallel) {
            model_.error("S118", live->marked,
                         fmt::format("`{}` of `{}` is parallel inside a kernel of a device", live->name, shown),
                         fmt::format("write `gpu_threads {}`, or leave it serial", live->name));
        } else if (live->kind == Kind::vectorize && live->extent && *live->extent != 2 && *live->extent != 4 &&
                   *live->extent != 8 && *live->extent != 16 && *live->extent != 1) {
            model_.error(
                "S118", live->marked,
                fmt::format("a vector of {} lanes for `{}` of `{}`, on a device", *live->extent, live->name, shown),
                "there are vectors of 2, 4, 8 and 16 lanes");
        } else if (is_thread(live->kind)) {
            if (!live->extent) {
                model_.error(
                    "S114", live->marked,
                    fmt::format("the extent of `{}` of `{}`, a loop over threads, is not constant", live->name, shown),
                    fmt::format("split it first: `split {0} by 32`, then `{1} {0}.i`", live->name, word(live->kind)));
                return;
            }
            if (live->kind == Kind::gpu_lane && (*live->extent > 32 || (*live->extent & (*live->extent - 1)) != 0)) {
                model_.error("S114", live->marked,
                             fmt::format("{} lanes for `{}` of `{}`", *live->extent, live->name, shown),
                             "a warp has 32 lanes, of which 2, 4, 8, 16 or 32 may be used");
            }
            threads.push_back(*live->extent);
        }
    }
    if (thread != nullptr && !(where.in_threads && !where.kernel.empty())) {
        KernelSize& size = kernels_[where.kernel.empty() ? shown : where.kernel];
        if (size.span.line == 0 || where.kernel.empty()) {
            size.span = thread->marked;
        }
        for (std::size_t i = 0; i < threads.size(); ++i) {
            size.threads[i] = std::max(size.threads[i], threads[i]);
        }
    }
    const bool one_element = std::ranges::all_of(nest.loops(), [](const LiveLoop& live) {
        return live.reduced || live.extent == 1 || live.kind == Kind::vectorize;
    });
    if (thread == nullptr && block == nullptr && !where.in_threads && !one_element && &nest == &done_.at(name).main) {
        const Stage& stage = model_.stages_.at(name);
        model_.warning(
            "S120", stage.span.line != 0 ? stage.span : stage.where_span,
            fmt::format("one thread of each block of `{}` computes all of `{}`", where.kernel, name),
            fmt::format("write `gpu_threads` in its block, or compute it inside the threads of `{}`", where.kernel));
    }
}

// Blocks outermost, threads inside of them and together; false where a loop is out of place.
bool Finish::nest_order(const std::string& name, const std::string& shown, const Nest& nest, const Site& where) {
    const auto& loops = nest.loops();
    const LiveLoop* const block = first(nest, is_block);
    const LiveLoop* const thread = first(nest, is_thread);
    const auto count = [&](bool (*is)(Kind)) {
        return std::ranges::count_if(loops, [&](const LiveLoop& live) { return is(live.kind); });
    };
    for (const auto& [is, what] : {std::pair{&is_block, "blocks"}, std::pair{&is_thread, "threads"}}) {
        if (count(*is) > 3) {
            return model_.error("S110", first(nest, *is)->marked,
                                fmt::format("`{}` has {} loops over {}", shown, count(*is), what),
                                "at most 3; fuse the outer ones: `fuse INNER OUTER as NEW`");
        }
    }
    if (block != nullptr && !where.kernel.empty()) {
        return model_.error(
            "S113", block->marked,
            fmt::format("`{}` is computed in a block of `{}` and has blocks of its own", shown, where.kernel),
            "write `gpu_threads` here, or `compute root`");
    }
    if (block != nullptr && where.parallel != nullptr) {
        return model_.error("S113", block->marked,
                            fmt::format("the kernel of `{}` would be launched inside the parallel loop `{}/{}`", shown,
                                        where.parallel->stage, where.parallel->loop),
                            "compute it at root, or at a serial loop", {{where.parallel->marked, "said here"}});
    }
    if (thread != nullptr && block == nullptr && where.kernel.empty()) {
        return model_.error("S113", thread->marked,
                            fmt::format("`{}` has loops over threads and none over blocks", shown),
                            fmt::format("write `gpu_blocks LOOP ...` for the loops outside of `{}`, or place `{}` in a "
                                        "block of its consumer",
                                        thread->name, name));
    }
    if (thread != nullptr && where.in_threads && (thread->kind == Kind::gpu_thread || where.in_lanes)) {
        return model_.error(
            "S113", thread->marked,
            fmt::format("`{}` is computed by one thread, at `{}/{}`, and has threads of its own", shown,
                        done_.at(name).compute.stage, done_.at(name).compute.loop),
            fmt::format("leave `{}` out, or compute it at a loop outside of the threads", word(thread->kind)));
    }
    // Of the loops so far: what must not be followed by a loop over blocks, and what must not by one over threads.
    const LiveLoop* inside_blocks = nullptr;
    const LiveLoop* inside_threads = nullptr;
    const LiveLoop* vector = nullptr;
    const LiveLoop* lanes = nullptr;
    bool threads_begun = false;
    for (const LiveLoop& live : loops) {
        const LiveLoop* outside = nullptr;
        std::string_view rule = "loops over blocks are the outermost ones";
        if (live.kind == Kind::gpu_block) {
            outside = inside_blocks;
        } else if (is_thread(live.kind)) {
            outside = vector != nullptr ? vector : lanes != nullptr ? lanes : inside_threads;
            rule = vector != nullptr  ? "loops over threads are outside of vectorized ones"
                   : lanes != nullptr ? "lanes are the innermost of the threads"
                                      : "loops over threads are next to each other";
            threads_begun = true;
            lanes = live.kind == Kind::gpu_lane ? &live : lanes;
        } else if (threads_begun) {
            inside_threads = &live;
        }
        vector = live.kind == Kind::vectorize ? &live : vector;
        inside_blocks = live.kind == Kind::gpu_block ? inside_blocks : &live;
        if (outside != nullptr) {
            return model_.error(
                "S113", live.marked,
                fmt::format("`{}` of `{}` is outside of `{}`, a loop over {}", outside->name, shown, live.name,
                            live.kind == Kind::gpu_block ? "blocks" : "threads"),
                fmt::format("{}; its loops, outermost first, are {}", rule, quoted_list(nest.names(), 24)));
        }
    }
    return true;
}

// Threads of each kernel: its nests have as many as the largest needs in each dimension.
void Finish::kernel_sizes() {
    for (const auto& [name, size] : kernels_) {
        const std::int64_t all = saturating_mul(saturating_mul(size.threads[0], size.threads[1]), size.threads[2]);
        if (all > thread_limit || size.threads[2] > third_limit) {
            model_.error(
                "S114", size.span,
                fmt::format("a block of `{}` has {} x {} x {} threads", name, size.threads[0], size.threads[1],
                            size.threads[2]),
                fmt::format("at most {} in all, and {} in the outermost of three loops; each dimension is as large "
                            "as the largest stage in the kernel needs",
                            thread_limit, third_limit));
        }
    }
}

// Nothing is computed between two loops over blocks, or two over threads.
const LiveLoop* Finish::splits_kernel(const std::string& stage, const std::string& loop) const {
    const Nest& nest = done_.at(stage).main;
    const LiveLoop* const live = nest.find(loop);
    const std::size_t next = live == nullptr ? nest.loops().size() : nest.position(loop) + 1;
    if (next >= nest.loops().size()) {
        return nullptr;
    }
    const Kind inner = nest.loops()[next].kind;
    const bool blocks = live->kind == Kind::gpu_block && inner == Kind::gpu_block;
    return blocks || (live->kind == Kind::gpu_thread && inner == Kind::gpu_thread) ? &nest.loops()[next] : nullptr;
}

} // namespace coulter::schedule::detail
