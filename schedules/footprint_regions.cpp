#include "footprint_regions.hpp"

#include "coulter/schedule/check.hpp"

#include <algorithm>
#include <numeric>

namespace coulter::schedule::detail {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

std::optional<Range> sum(const Range& a, const Range& b, std::int64_t factor) {
    Range result = a;
    for (const auto& [dim, start] : b.base) {
        const auto [at, is_new] = result.base.emplace(dim, Start{0, start.count});
        at->second.coefficient += factor * start.coefficient;
        if (at->second.coefficient == 0) {
            result.base.erase(at);
        }
    }
    result.low += factor * (factor < 0 ? b.high : b.low);
    result.high += factor * (factor < 0 ? b.low : b.high);
    result.exact = a.exact && b.exact;
    result.constant = a.constant && b.constant;
    return result;
}

bool is_number(const Range& range) {
    return range.base.empty() && range.low == range.high;
}

// By a positive number: known where every tile begins at a multiple of it, or where nothing moves.
std::optional<Range> divided(Range range, std::int64_t divisor, bool remainder) {
    for (auto& [dim, start] : range.base) {
        if (start.coefficient % divisor != 0) {
            return std::nullopt;
        }
        start.coefficient /= divisor;
    }
    const std::int64_t first = floor_div(range.low, divisor);
    const std::int64_t last = floor_div(range.high, divisor);
    if (!remainder) {
        range.low = first;
        range.high = last;
        return range;
    }
    range.base.clear();
    const bool wraps = first != last;
    range.low = wraps ? 0 : range.low - first * divisor;
    range.high = wraps ? divisor - 1 : range.high - first * divisor;
    return range;
}

std::optional<Range> binary(ir::Op op, const Range& a, const Range& b) {
    switch (op) {
    case ir::Op::add: return sum(a, b, 1);
    case ir::Op::sub: return sum(a, b, -1);
    case ir::Op::mul:
        if (is_number(a) || is_number(b)) {
            Range zero;
            zero.constant = is_number(a) ? a.constant : b.constant;
            return is_number(a) ? sum(zero, b, a.low) : sum(zero, a, b.low);
        }
        return std::nullopt;
    case ir::Op::div:
    case ir::Op::mod: return is_number(b) && b.low > 0 ? divided(a, b.low, op == ir::Op::mod) : std::nullopt;
    case ir::Op::min:
    case ir::Op::max:
        if (a.base == b.base) {
            Range result = a;
            const bool least = op == ir::Op::min;
            result.low = least ? std::min(a.low, b.low) : std::max(a.low, b.low);
            result.high = least ? std::min(a.high, b.high) : std::max(a.high, b.high);
            result.exact = a.exact && b.exact;
            result.constant = false;
            return result;
        }
        return std::nullopt;
    default: return std::nullopt;
    }
}

} // namespace

Regions::Regions(const Plan& plan, const std::map<std::string, std::int64_t>& extents)
    : plan_(plan), extents_(extents), constants_(constant_extents(plan.kernel)), padding_(held_padding(plan)),
      overruns_(overruns(plan, padding_)) {
    for (const StagePlan& stage : plan.stages) {
        plans_.emplace(stage.name, &stage);
    }
    for (const ir::Definition& reader : plan.kernel.definitions) {
        for (const ir::Node* node : ir::postorder(ir::roots(reader))) {
            if (node->kind == ir::Kind::access && plans_.contains(node->name)) {
                uses_[node->name].push_back({&reader, node});
            }
        }
    }
}

std::pair<std::string, bool> Regions::owner(const Place& place) const {
    const bool init = !plans_.contains(place.stage) && place.stage.ends_with(".init");
    return {init ? place.stage.substr(0, place.stage.size() - 5) : place.stage, init};
}

const StageRanges& Regions::inside(const Place& place) {
    const std::pair key{place.stage, place.loop};
    const auto at = done_.find(key);
    return at != done_.end() ? at->second : done_.emplace(key, compute(place)).first->second;
}

StageRanges Regions::compute(const Place& place) {
    StageRanges ranges;
    if (!place.is_root()) {
        owner_ranges(place, ranges);
    }
    const std::string owner_name = owner(place).first;
    // Readers come before what they read.
    for (auto at = plan_.kernel.definitions.rbegin(); at != plan_.kernel.definitions.rend(); ++at) {
        const ir::Definition& definition = *at;
        if (definition.name == owner_name) {
            continue;
        }
        std::map<std::string, Range> mine;
        const bool whole_call = place.is_root() && plan_.kernel.is_output(definition.name);
        const StagePlan& stage = plan_of(definition.name);
        for (const std::string& dim : definition.dims) {
            std::optional<Range> range = whole_call ? whole(dim, true) : read(definition, dim, ranges);
            if (!range) {
                break; // nothing here reads it
            }
            const auto tile = stage.tile.find(dim);
            if (!whole_call && tile != stage.tile.end() && stage.compute.stage == place.stage &&
                stage.compute.loop == place.loop) {
                range->high = range->low + tile->second - 1;
                range->constant = true;
            }
            round(definition.name, dim, *range);
            mine.emplace(dim, std::move(*range));
        }
        const bool scalar_read = definition.dims.empty() &&
                                 std::ranges::any_of(uses_[definition.name],
                                                     [&](const Use& use) { return ranges.contains(use.reader->name); });
        if (mine.size() == definition.dims.size() && (!definition.dims.empty() || whole_call || scalar_read)) {
            ranges[definition.name] = std::move(mine);
            reduced_ranges(definition, ranges);
        }
    }
    return ranges;
}

// A tile of the owner: what its loops inside cover while those outside stand still.
void Regions::owner_ranges(const Place& place, StageRanges& ranges) {
    const auto [name, init] = owner(place);
    const ir::Definition& definition = *plan_.kernel.find_definition(name);
    const Nest& loops = nest(name, init);
    const std::size_t at = loops.position(place.loop);
    const bool moves = !plan_of(name).compute.is_root();
    std::map<std::string, Range>& mine = ranges[name];
    for (const BaseLoop& base : loops.base()) {
        Range range = whole(base.dim, true);
        const std::int64_t all = base.reduced ? range.width() : nest_extent(name, base.dim);
        const auto span = loops.span_inside(base.dim, at);
        std::int64_t step = 0;
        bool aligned = true;
        for (std::size_t i = 0; i <= at; ++i) {
            for (const Component& component : loops.loops()[i].components) {
                if (component.dim == base.dim) {
                    step = std::gcd(step, component.stride);
                    aligned = aligned && !loops.loops()[i].from_shift && !loops.loops()[i].fuse_split;
                }
            }
        }
        range.low = 0;
        range.high = std::min(span.value_or(all), all) - 1;
        range.exact = span.has_value();
        const auto constant = constants_.find(base.dim);
        const auto tile = plan_of(name).tile.find(base.dim);
        const bool fixed =
            tile != plan_of(name).tile.end() || (constant != constants_.end() && constant->second == all);
        // The last tile is cut off where the tiles do not divide the extent.
        const bool whole_vectors = std::ranges::any_of(overruns_.at(name).rounded, [&](const auto& each) {
            return span && each.second == std::pair(base.dim, *span);
        });
        range.constant = span && (*span == 1 || (fixed && all % *span == 0) || whole_vectors);
        if (moves && !base.reduced) {
            const std::int64_t grain = aligned ? std::gcd(step, grain_at(plan_of(name).compute, name, base.dim)) : 1;
            range.base[base.dim] = {grain, ceil_div(extents_.at(base.dim), grain)};
        } else if (step != 0 && span) {
            const std::int64_t grain = aligned ? step : 1;
            range.base[base.dim] = {grain, ceil_div(all, grain)};
        }
        mine.emplace(base.dim, std::move(range));
    }
    reduced_ranges(definition, ranges);
}

// Of what every start of a stage's tile in a dim is a multiple, seen from inside of the place.
std::int64_t Regions::grain_at(const Place& place, const std::string& stage, const std::string& dim) {
    const StageRanges& ranges = inside(place);
    const auto at = ranges.find(stage);
    if (at == ranges.end()) {
        return 1;
    }
    const Range& range = at->second.at(dim);
    std::int64_t grain = std::abs(range.low);
    for (const auto& [base, start] : range.base) {
        grain = std::gcd(grain, start.coefficient);
    }
    return std::max<std::int64_t>(grain, 1);
}

// Loops that the nest has not are inside.
void Regions::reduced_ranges(const ir::Definition& definition, StageRanges& ranges) const {
    std::map<std::string, Range>& mine = ranges[definition.name];
    for (const std::string& dim : ir::loop_dims(definition)) {
        if (!mine.contains(dim)) {
            mine.emplace(dim, whole(dim, true));
        }
    }
}

Range Regions::whole(const std::string& dim, bool exact) const {
    Range range;
    range.high = extents_.at(dim) - 1;
    range.exact = exact;
    range.constant = constants_.contains(dim);
    return range;
}

std::optional<Range> Regions::read(const ir::Definition& definition, const std::string& dim,
                                   const StageRanges& ranges) const {
    const auto uses = uses_.find(definition.name);
    if (uses == uses_.end()) {
        return std::nullopt;
    }
    const auto held = padding_.find(definition.name);
    const bool holds = held != padding_.end() && held->second.dims.contains(dim);
    const bool overruns = overruns_.at(definition.name).dims.contains(dim);
    std::optional<Range> all;
    for (const Use& use : uses->second) {
        const auto reader = ranges.find(use.reader->name);
        if (reader == ranges.end()) {
            continue;
        }
        const ir::Ref bound = ir::index_of(*use.access, dim);
        Range here = index(bound, dim, reader->second);
        const bool by_name = bound->kind == ir::Kind::dim && bound->name == dim;
        if (!holds && !(overruns && by_name && use.access->boundary == ir::Boundary::checked)) {
            here = clipped(std::move(here), dim);
            here.constant = here.constant && (use.access->boundary == ir::Boundary::checked ||
                                              (here.base.empty() && constants_.contains(dim)));
        }
        // A condition on the loops of a reduction may leave out more.
        const std::optional<ir::Reduction>& reduction = use.reader->reduction;
        if (reduction && reduction->where && std::ranges::none_of(reduction->dims, [](const std::string& each) {
                return each.find(':') != std::string::npos;
            })) {
            here.exact = false;
        }
        if (!all) {
            all = std::move(here);
        } else if (all->base == here.base) {
            all->low = std::min(all->low, here.low);
            all->high = std::max(all->high, here.high);
            all->exact = all->exact && here.exact;
            all->constant = all->constant && here.constant;
        } else {
            all = whole(dim, false);
        }
    }
    return all;
}

Range Regions::index(const ir::Ref& expression, const std::string& dim,
                     const std::map<std::string, Range>& reader) const {
    std::map<const ir::Node*, std::optional<Range>> values;
    for (const ir::Node* node : ir::postorder({expression})) {
        std::optional<Range>& value = values[node];
        const auto argument = [&](std::size_t i) { return values.at(node->args[i].get()); };
        if (node->kind == ir::Kind::constant) {
            value = Range{{}, node->integer, node->integer, true, true};
        } else if (node->kind == ir::Kind::extent) {
            const std::int64_t extent = extents_.at(node->name);
            value = Range{{}, extent, extent, true, constants_.contains(node->name)};
        } else if (node->kind == ir::Kind::dim) {
            const auto at = reader.find(node->name);
            value = at == reader.end() ? std::nullopt : std::optional(at->second);
        } else if (node->kind == ir::Kind::unary && node->op == ir::Op::neg && argument(0)) {
            value = sum(Range{{}, 0, 0, true, true}, *argument(0), -1);
        } else if (node->kind == ir::Kind::binary && argument(0) && argument(1)) {
            value = binary(node->op, *argument(0), *argument(1));
        }
    }
    const std::optional<Range>& value = values.at(expression.get());
    return value ? *value : whole(dim, false);
}

void Regions::round(const std::string& stage, const std::string& dim, Range& range) const {
    for (const auto& [loop, vector] : overruns_.at(stage).rounded) {
        if (vector.first == dim) {
            range.high = range.low + ceil_div(range.width(), vector.second) * vector.second - 1;
        }
    }
}

// The widest part that lies in the tensor, over all places where the tile may be.
Range Regions::clipped(Range range, const std::string& dim) const {
    const std::int64_t last = extents_.at(dim) - 1;
    if (range.base.empty()) {
        range.low = std::clamp<std::int64_t>(range.low, 0, std::max<std::int64_t>(last, 0));
        range.high = std::clamp(range.high, range.low - 1, std::max(last, range.low - 1));
        return range;
    }
    if (range.base.size() > 1) {
        range.exact = range.exact && range.width() <= last + 1;
        range.high = range.low + std::min(range.width(), last + 1) - 1;
        return range;
    }
    const Start& start = range.base.begin()->second;
    std::int64_t widest = 0;
    // The width rises, stays, and falls: its greatest value is at an end of one of the three.
    for (const std::int64_t number :
         {std::int64_t{0}, start.count - 1, floor_div(-range.low, start.coefficient),
          floor_div(-range.low, start.coefficient) + 1, floor_div(last - range.high, start.coefficient),
          floor_div(last - range.high, start.coefficient) + 1}) {
        const std::int64_t at = start.coefficient * std::clamp<std::int64_t>(number, 0, start.count - 1);
        widest = std::max(widest, std::min(at + range.high, last) - std::max<std::int64_t>(at + range.low, 0) + 1);
    }
    range.high = range.low + widest - 1;
    return range;
}

std::int64_t Regions::nest_extent(const std::string& stage, const std::string& dim) {
    const StagePlan& plan = plan_of(stage);
    if (const auto tile = plan.tile.find(dim); tile != plan.tile.end()) {
        return tile->second;
    }
    const StageRanges& ranges = inside(plan.compute);
    const auto at = ranges.find(stage);
    return at == ranges.end() ? extents_.at(dim) : at->second.at(dim).width();
}

const Nest& Regions::nest(const std::string& stage, bool init) {
    const std::pair key{stage, init};
    if (const auto at = nests_.find(key); at != nests_.end()) {
        return at->second;
    }
    const ir::Definition& definition = *plan_.kernel.find_definition(stage);
    const StagePlan& plan = plan_of(stage);
    Nest nest(init ? init_loops(definition) : main_loops(definition));
    std::map<std::string, std::int64_t> all;
    for (const BaseLoop& loop : nest.base()) {
        all[loop.dim] = loop.reduced ? extents_.at(loop.dim) : nest_extent(stage, loop.dim);
    }
    nest.set_extents(all);
    for (const LoopStep& step : init ? plan.init->steps : plan.main.steps) {
        nest.apply(step);
    }
    return nests_.emplace(key, std::move(nest)).first->second;
}

} // namespace coulter::schedule::detail
