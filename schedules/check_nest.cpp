#include "check_nest.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>

namespace coulter::schedule::detail {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
    return a / b + (a % b != 0 ? 1 : 0);
}

std::int64_t saturating_mul(std::int64_t a, std::int64_t b) {
    constexpr std::int64_t most = std::int64_t(1) << 60;
    return a != 0 && b > most / a ? most : a * b;
}

Nest::Nest(std::vector<BaseLoop> base) : base_(std::move(base)) {
    for (const BaseLoop& loop : base_) {
        LiveLoop live;
        live.name = loop.name;
        live.reduced = loop.reduced;
        live.components.push_back({loop.dim, 1, std::nullopt});
        loops_.push_back(std::move(live));
        used_.insert(loop.name);
    }
}

void Nest::set_extents(const std::map<std::string, std::int64_t>& extents) {
    COULTER_INTERNAL_ASSERT(steps_.empty());
    for (LiveLoop& loop : loops_) {
        if (const auto at = extents.find(loop.components.front().dim); at != extents.end()) {
            loop.extent = loop.components.front().extent = at->second;
        }
    }
}

const LiveLoop* Nest::find(const std::string& name) const {
    const auto at = std::ranges::find(loops_, name, &LiveLoop::name);
    return at == loops_.end() ? nullptr : &*at;
}

std::size_t Nest::position(const std::string& name) const {
    const auto at = std::ranges::find(loops_, name, &LiveLoop::name);
    COULTER_INTERNAL_ASSERT(at != loops_.end());
    return static_cast<std::size_t>(at - loops_.begin());
}

std::vector<std::string> Nest::names() const {
    std::vector<std::string> result;
    for (const LiveLoop& loop : loops_) {
        result.push_back(loop.name);
    }
    return result;
}

const LoopStep* Nest::consumer(const std::string& name) const {
    const LoopStep* found = nullptr;
    for (const LoopStep& step : steps_) {
        const bool split = step.kind == LoopStep::Kind::split && step.loop == name;
        const bool fuse = step.kind == LoopStep::Kind::fuse && (step.loop == name || step.outer == name);
        if (split || fuse) {
            found = &step;
        }
    }
    return found;
}

void Nest::apply(const LoopStep& step) {
    using Kind = LoopStep::Kind;
    switch (step.kind) {
    case Kind::split: {
        const std::size_t at = position(step.loop);
        LiveLoop outer = loops_[at];
        LiveLoop inner = outer;
        outer.name = step.outer;
        inner.name = step.inner;
        for (LiveLoop* half : {&outer, &inner}) {
            half->from_split = true;
            half->from_shift = step.tail == Tail::shift;
            half->fuse_split = half->fused >= 0;
        }
        if (outer.fused < 0) {
            Component& component = outer.components.front();
            component.stride = saturating_mul(component.stride, step.factor);
            component.extent.reset();
        }
        if (outer.extent) {
            outer.extent = ceil_div(*outer.extent, step.factor);
        }
        inner.extent = step.factor;
        if (outer.fused < 0) {
            outer.components.front().extent = outer.extent;
            inner.components.front().extent = inner.extent;
        }
        used_.insert(step.outer);
        used_.insert(step.inner);
        loops_[at] = std::move(outer);
        loops_.insert(loops_.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(inner));
        break;
    }
    case Kind::fuse: {
        const std::size_t outer_at = position(step.outer);
        const LiveLoop outer = loops_[outer_at];
        LiveLoop& fused = loops_[position(step.loop)];
        fused.name = step.inner;
        fused.extent =
            outer.extent && fused.extent ? std::optional(saturating_mul(*outer.extent, *fused.extent)) : std::nullopt;
        fused.components.insert(fused.components.end(), outer.components.begin(), outer.components.end());
        if (fused.fuse_split || outer.fuse_split) {
            // Parts of one or two fused loops: they and their other parts are one tangle from here on.
            const int id = fused.fuse_split ? fused.fused : outer.fused;
            const int other = fused.fuse_split && outer.fuse_split ? outer.fused : id;
            fused.fused = id;
            fused.fuse_split = true;
            for (LiveLoop& loop : loops_) {
                loop.fused = loop.fused == other ? id : loop.fused;
            }
        } else {
            fused.fused = static_cast<int>(steps_.size());
        }
        fused.from_split = fused.from_split || outer.from_split;
        fused.from_shift = fused.from_shift || outer.from_shift;
        used_.insert(step.inner);
        loops_.erase(loops_.begin() + static_cast<std::ptrdiff_t>(outer_at));
        break;
    }
    case Kind::reorder: {
        std::vector<std::size_t> places;
        std::vector<LiveLoop> listed;
        for (const std::string& name : step.order) {
            places.push_back(position(name));
            listed.push_back(loops_[places.back()]);
        }
        std::ranges::sort(places, std::greater<>()); // innermost first, as the list
        for (std::size_t i = 0; i < places.size(); ++i) {
            loops_[places[i]] = std::move(listed[i]);
        }
        break;
    }
    case Kind::vectorize:
    case Kind::unroll:
    case Kind::parallel:
    case Kind::serial:
    case Kind::gpu_block:
    case Kind::gpu_thread:
    case Kind::gpu_lane: {
        LiveLoop& loop = loops_[position(step.loop)];
        loop.kind = step.kind;
        loop.marked = step.span;
        break;
    }
    }
    steps_.push_back(step);
}

std::optional<std::int64_t> Nest::span_inside(const std::string& dim, std::size_t at) const {
    std::int64_t span = 1;
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        const LiveLoop& loop = loops_[i];
        const bool inside = i > at;
        for (const Component& component : loop.components) {
            if (component.dim != dim) {
                continue;
            }
            if (loop.fuse_split) {
                // Parts of a fused loop mix the dims: only all of them inside, or all outside, say something.
                const auto elsewhere = [&](const LiveLoop& other) {
                    const auto j = static_cast<std::size_t>(&other - loops_.data());
                    return other.fused == loop.fused && (j > at) != inside;
                };
                if (std::ranges::any_of(loops_, elsewhere)) {
                    return std::nullopt;
                }
            }
            if (!inside) {
                continue;
            }
            const auto end = loops_.begin() + static_cast<std::ptrdiff_t>(i);
            if (loop.fuse_split &&
                std::any_of(loops_.begin(), end, [&](const LiveLoop& o) { return o.fused == loop.fused; })) {
                continue; // counted with the first part
            }
            if (!component.extent) {
                return std::nullopt;
            }
            span = std::min(span + saturating_mul(*component.extent - 1, component.stride), std::int64_t(1) << 60);
        }
    }
    return span;
}

std::vector<BaseLoop> main_loops(const ir::Definition& definition) {
    std::vector<BaseLoop> loops;
    const std::vector<std::string> whole = ir::whole_dims(definition);
    for (const std::string& dim : definition.dims) {
        if (std::ranges::find(whole, dim) == whole.end()) {
            loops.push_back({display_name(dim), dim, false});
        }
    }
    std::vector<std::string> reduced;
    if (definition.reduction) {
        reduced = definition.reduction->dims;
    } else if (definition.scan) {
        reduced = definition.scan->dims();
    }
    for (const std::string& dim : reduced) {
        loops.push_back({display_name(dim), dim, true});
    }
    return loops;
}

std::vector<BaseLoop> init_loops(const ir::Definition& definition) {
    std::vector<BaseLoop> loops;
    if (has_init(definition)) {
        for (const std::string& dim : definition.dims) {
            loops.push_back({display_name(dim), dim, false});
        }
    }
    return loops;
}

void apply_rest(Nest& to, LoopStep step, const std::vector<std::string>& order) {
    using Kind = LoopStep::Kind;
    if (step.kind == Kind::reorder) {
        step.order.clear();
        for (std::size_t i = order.size(); i-- > 0;) {
            if (to.find(order[i]) != nullptr) {
                step.order.push_back(order[i]);
            }
        }
        Nest after = to;
        after.apply(step);
        if (after.names() != to.names()) {
            to = std::move(after);
        }
    } else if (step.kind == Kind::fuse) {
        const bool there = to.find(step.loop) != nullptr && to.find(step.outer) != nullptr;
        if (there && to.position(step.loop) == to.position(step.outer) + 1) {
            to.apply(step);
        }
    } else if (to.find(step.loop) != nullptr) {
        to.apply(step);
    }
}

void replay(const Nest& from, Nest& to) {
    Nest walk(from.base());
    for (const LoopStep& step : from.steps()) {
        walk.apply(step);
        apply_rest(to, step, walk.names());
    }
}

} // namespace coulter::schedule::detail
