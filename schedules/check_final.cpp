// Loops with their extents: factors, tails, vectors, unrolling and memory.

#include "check_finish.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {
namespace {

constexpr std::int64_t copies_limit = 4096;
constexpr std::int64_t lane_limit = 1024;
constexpr std::int64_t stack_limit = std::int64_t(256) * 1024;

bool is_spread(const LiveLoop& live) {
    return live.kind == LoopStep::Kind::vectorize || live.kind == LoopStep::Kind::unroll || live.extent == 1;
}

} // namespace

void Finish::nests(const std::string& name) {
    const Stage& stage = model_.stages_.at(name);
    const ir::Definition& definition = model_.definition(name);
    Done& done = done_.at(name);
    if (!done.known) {
        done.main = stage.main; // as far as it goes, for the places of producers
        return;
    }
    tile(name, done);
    // What is computed in a loop covers as much of a dim as that iteration reads: known where the tile is.
    const bool whole = done.compute.is_root();
    for (const std::string& dim : loop_dims(definition)) {
        const bool pure = std::ranges::find(definition.dims, dim) != definition.dims.end();
        if (const auto at = done.tile.find(dim); at != done.tile.end()) {
            done.extents[dim] = at->second;
        } else if (const auto constant = model_.constants().find(dim);
                   (whole || !pure) && constant != model_.constants().end()) {
            done.extents[dim] = constant->second;
        }
    }
    nest(name, stage.main, done.main, done);
    if (has_init(definition)) {
        if (stage.init_block.line != 0 || !stage.init.steps().empty()) {
            nest(name + ".init", stage.init, done.init, done);
        } else {
            // Nobody said anything: as the main nest, without its reduced loops.
            done.init = Nest(init_loops(definition));
            done.init.set_extents(done.extents);
            replay(done.main, done.init);
        }
    }
}

void Finish::nest(const std::string& name, const Nest& from, Nest& to, const Done& done) {
    to = Nest(from.base());
    to.set_extents(done.extents);
    for (const LoopStep& each : from.steps()) {
        step(name, to, each);
        to.apply(each);
    }
    loops(name, to);
}

void Finish::step(const std::string& name, const Nest& before, const LoopStep& s) {
    if (s.kind != LoopStep::Kind::split) {
        return;
    }
    const LiveLoop* live = before.find(s.loop);
    COULTER_INTERNAL_ASSERT(live != nullptr);
    const std::string extent = live->extent ? std::to_string(*live->extent) : "not constant";
    if (s.tail == Tail::round_up && (!live->extent || *live->extent % s.factor != 0)) {
        model_.error("S032", s.span,
                     fmt::format("`round_up` on `{}` of `{}`, whose extent is {}", s.loop, name, extent),
                     live->extent ? fmt::format("{} does not divide it; use `guard` or `predicate`", s.factor)
                                  : "only a constant extent can be known to be a multiple; use `guard` or `predicate`");
    } else if (s.tail == Tail::shift && (!live->extent || *live->extent < s.factor)) {
        model_.error(
            "S032", s.span, fmt::format("`shift` on `{}` of `{}`, whose extent is {}", s.loop, name, extent),
            fmt::format("only a constant extent of at least {} can be shifted; use `guard` or `predicate`", s.factor));
    } else if (s.tail == Tail::shift &&
               std::ranges::any_of(model_.kernel().updates, [&](const auto& each) { return each.second == name; })) {
        model_.error("S032", s.span, fmt::format("`shift` on `{}`, which is updated in place", name),
                     "elements of the last tile would be updated twice; use `guard` or `predicate`");
    } else if (live->extent && s.factor > *live->extent) {
        model_.warning(
            "S031", s.span,
            fmt::format("a factor of {} for `{}` of `{}`, whose extent is {}", s.factor, s.loop, name, extent),
            "iterations beyond the extent are guarded and do nothing");
    }
}

void Finish::loops(const std::string& name, const Nest& nest) {
    using Kind = LoopStep::Kind;
    std::int64_t copies = 1;
    const LiveLoop* vector = nullptr;
    const LiveLoop* atomic = nullptr;
    for (const LiveLoop& live : nest.loops()) {
        if (live.kind == Kind::parallel && live.reduced) {
            atomic = &live;
        }
        if ((live.kind == Kind::vectorize || live.kind == Kind::unroll) && !live.extent) {
            const bool is_vector = live.kind == Kind::vectorize;
            model_.error("S034", live.marked,
                         fmt::format("the extent of `{}` of `{}` is not constant", live.name, name),
                         fmt::format("split it first: `{0} {1} by {2}` splits it and {3} `{1}.i`",
                                     is_vector ? "vectorize" : "unroll", live.name, is_vector ? 16 : 4,
                                     is_vector ? "vectorizes" : "unrolls"));
            continue;
        }
        if (live.kind == Kind::vectorize) {
            vector = &live;
            if (*live.extent > lane_limit) {
                model_.error("S036", live.marked,
                             fmt::format("a vector of {} lanes for `{}` of `{}`", *live.extent, live.name, name),
                             fmt::format("at most {}; split the loop first", lane_limit));
            }
        } else if (live.kind == Kind::unroll) {
            copies = saturating_mul(copies, *live.extent);
            if (copies > copies_limit) {
                model_.error("S036", live.marked,
                             fmt::format("unrolling `{}` makes {} copies of the body of `{}`", live.name, copies, name),
                             fmt::format("at most {}; unroll a part: `unroll {} by 4`", copies_limit, live.name));
                copies = 1;
            }
        } else if (live.kind == Kind::parallel && vector != nullptr) {
            model_.error(
                "S039", live.marked,
                fmt::format("the parallel loop `{}` of `{}` is inside the vectorized "
                            "loop `{}`",
                            live.name, name, vector->name),
                fmt::format("move it outside: `reorder ... {} ... {}`, innermost first", vector->name, live.name),
                {{vector->marked, "vectorized here"}});
        }
    }
    if (atomic != nullptr && vector != nullptr) {
        model_.error(
            "S037", vector->marked,
            fmt::format("the lanes of `{}` of `{}` would add to its elements at once with other threads, those "
                        "of `{}`",
                        vector->name, name, atomic->name),
            fmt::format("an atomic sum adds one element: unroll `{}`, or `rfactor` a part of `{}` and "
                        "parallelise it in the new stage",
                        vector->name, atomic->name),
            {{atomic->marked, "parallel here"}});
    }
}

std::optional<std::int64_t> Finish::bytes(const std::string& name) const {
    const ir::Definition& definition = model_.definition(name);
    const Done& done = done_.at(name);
    std::int64_t size = 0;
    for (const Type type : definition.types) {
        size += coulter::bytes(type);
    }
    for (const std::string& dim : definition.dims) {
        const auto at = done.extents.find(dim);
        if (at == done.extents.end()) {
            return std::nullopt;
        }
        size = saturating_mul(size, at->second);
    }
    return size;
}

// Why a stage cannot live in registers, or nothing.
std::string Finish::registers_obstacle(const std::string& name) const {
    const Done& done = done_.at(name);
    if (done.store) {
        return "it is stored outside the place where it is computed";
    }
    for (const std::string& dim : model_.definition(name).dims) {
        if (!done.extents.contains(dim)) {
            return fmt::format("its extent of `{}` is not constant there", display_name(dim));
        }
    }
    for (const Nest* nest : {&done.main, &done.init}) {
        for (const LiveLoop& live : nest->loops()) {
            if (!live.reduced && !is_spread(live)) {
                return fmt::format("its loop `{}`{} is neither unrolled nor vectorized", live.name,
                                   nest == &done.init ? " of the initialisation" : "");
            }
        }
    }
    return {};
}

void Finish::memory(const std::string& name) {
    const Stage& stage = model_.stages_.at(name);
    Done& done = done_.at(name);
    if (done.inlined || !done.known) {
        return;
    }
    const std::optional<std::int64_t> size = bytes(name);
    if (!stage.memory) {
        if (!stage.lanes_of.empty() && !done.compute.is_root()) {
            done.memory = registers_obstacle(name).empty()              ? Memory::registers
                          : size && *size <= stack_limit && !done.store ? Memory::stack
                                                                        : Memory::automatic;
        }
        return;
    }
    done.memory = *stage.memory;
    if (model_.kernel().is_output(name)) {
        model_.error("S066", stage.memory_span, fmt::format("`{}` is an output: its memory is the caller's", name),
                     "`accumulate` keeps the partial results of an output in registers");
        return;
    }
    if (stage.pack_once && done.memory != Memory::automatic) {
        model_.error("S053", stage.memory_span, fmt::format("`{}` is packed once: the context keeps it", name),
                     "leave the memory out");
        return;
    }
    if (done.memory == Memory::registers) {
        if (const std::string obstacle = registers_obstacle(name); !obstacle.empty()) {
            model_.error("S070", stage.memory_span, fmt::format("`{}` cannot be kept in registers: {}", name, obstacle),
                         "a register has no address: the tile needs a constant size, and its pure loops are unrolled "
                         "or vectorized; `in stack` has no such limit");
            return;
        }
        register_readers(name);
    }
    if ((done.memory == Memory::stack || done.memory == Memory::registers) && size && *size > stack_limit) {
        model_.error("S072", stage.memory_span, fmt::format("`{}` takes {} bytes of the stack", name, *size),
                     fmt::format("at most {}; place it further inside, or `store in heap`", stack_limit));
    }
}

void Finish::register_readers(const std::string& name) {
    const Stage& stage = model_.stages_.at(name);
    const Done& done = done_.at(name);
    if (done.compute.is_root()) {
        return;
    }
    const std::vector<std::string>& dims = model_.definition(name).dims;
    const Done& reader = done_.at(done.compute.stage);
    const bool reads =
        std::ranges::any_of(uses_.at(name), [&](const Use& use) { return use.reader == done.compute.stage; });
    const std::size_t at = reader.main.position(done.compute.loop);
    for (std::size_t i = at + 1; reads && i < reader.main.loops().size(); ++i) {
        const LiveLoop& live = reader.main.loops()[i];
        const bool indexes = std::ranges::any_of(
            live.components, [&](const Component& each) { return std::ranges::find(dims, each.dim) != dims.end(); });
        if (indexes && !is_spread(live)) {
            model_.warning("S071", stage.memory_span,
                           fmt::format("`{}` reads `{}` in its loop `{}`, which is neither unrolled nor vectorized",
                                       done.compute.stage, name, live.name),
                           "the values pass through the stack; unroll or vectorize that loop");
        }
    }
}

} // namespace coulter::schedule::detail
