#include "coulter/schedule/footprint.hpp"

#include "footprint_regions.hpp"

#include "coulter/schedule/memory_order.hpp"
#include "coulter/sizes.hpp"

#include <algorithm>
#include <bit>

namespace coulter::schedule {
namespace {

using detail::Nest;
using detail::Range;
using detail::saturating_mul;
using Home = Footprint::Home;

// Halide's: what is larger goes to the heap unless the schedule says otherwise.
constexpr std::int64_t most_on_stack = 16 * 1024;
// Halide's: an allocation of at most so many bytes is given its largest size, and then is constant.
constexpr std::int64_t rounded_to_constant = 128;
// Halide's: no dim is folded to more.
constexpr std::int64_t most_folded = 1024;

class Footprints {
public:
    Footprints(const Plan& plan, const std::map<std::string, std::int64_t>& extents, int threads)
        : plan_(plan), threads_(threads), regions_(plan, extents) {
        for (const ir::Definition& definition : plan.kernel.definitions) {
            order_.emplace(definition.name, order_.size());
        }
        readers();
    }

    MemoryUse run() {
        MemoryUse result;
        for (const StagePlan& stage : plan_.stages) {
            if (stage.inlined || plan_.kernel.is_output(stage.name)) {
                continue;
            }
            Footprint one = footprint(stage);
            if (one.home == Home::context) {
                result.packed += one.bytes;
            } else if (one.home == Home::scratch) {
                scratch_.emplace(stage.name, one.bytes);
                result.bound = result.bound || one.bound;
            }
            result.stages.push_back(std::move(one));
        }
        result.scratch_peak = level({}, threads_, [](std::int64_t) { return std::int64_t{0}; });
        return result;
    }

private:
    /// Readers that are not inlined, directly or through inlined ones.
    void readers() {
        const auto& definitions = plan_.kernel.definitions;
        std::map<std::string, std::set<std::string>> of;
        for (auto at = definitions.rbegin(); at != definitions.rend(); ++at) {
            const bool inlined = regions_.plan_of(at->name).inlined;
            for (const std::string& source : ir::reads(*at)) {
                if (inlined) {
                    of[source].insert(of[at->name].begin(), of[at->name].end());
                } else {
                    of[source].insert(at->name);
                }
            }
        }
        readers_ = std::move(of);
    }

    Footprint footprint(const StagePlan& stage) {
        const ir::Definition& definition = *plan_.kernel.find_definition(stage.name);
        Footprint result;
        result.stage = stage.name;
        result.place = stage.store.value_or(stage.compute);
        std::int64_t elements = 1;
        bool constant = true;
        const auto& ranges = regions_.inside(result.place);
        const auto mine = ranges.find(stage.name);
        const std::map<std::string, std::int64_t> folds = folded(stage, definition);
        const auto pack = std::ranges::find(plan_.packs, stage.name, &Pack::stage);
        const bool once = pack != plan_.packs.end() && pack->once;
        for (const std::string& dim : definition.dims) {
            if (once) {
                elements = saturating_mul(elements, regions_.extents().at(dim)); // all of it, read or not
                continue;
            }
            if (const auto fold = folds.find(dim); fold != folds.end()) {
                elements = saturating_mul(elements, fold->second);
                continue;
            }
            if (mine == ranges.end()) {
                elements = saturating_mul(elements, regions_.extents().at(dim));
                result.bound = true;
                continue;
            }
            const Range& range = mine->second.at(dim);
            elements = saturating_mul(elements, std::max<std::int64_t>(range.width(), 0));
            result.bound = result.bound || !range.exact;
            constant = constant && range.constant;
        }
        std::int64_t largest = 0; // each component of a tuple is an allocation
        for (const Type type : definition.types) {
            result.bytes += saturating_mul(elements, coulter::bytes(type));
            largest = std::max(largest, saturating_mul(elements, coulter::bytes(type)));
        }
        switch (stage.memory) {
        case Memory::registers: result.home = Home::registers; break;
        case Memory::shared: result.home = Home::shared; break;
        case Memory::stack: result.home = Home::stack; break;
        case Memory::heap: result.home = Home::scratch; break;
        case Memory::automatic: {
            const bool small = constant ? largest <= most_on_stack : largest <= rounded_to_constant;
            result.home = small ? Home::stack : Home::scratch;
            break;
        }
        }
        if (once) {
            result.home = plan_.kernel.find_const(pack->source) != nullptr ? Home::library : Home::context;
            result.place = {};
        }
        result.copies = once ? 1 : copies(result.place);
        return result;
    }

    /// Dims of which a place that is stored further outside keeps a few elements only, with their number: those that
    /// move on with a loop in between.
    std::map<std::string, std::int64_t> folded(const StagePlan& stage, const ir::Definition& definition) {
        std::map<std::string, std::int64_t> folds;
        if (!stage.store) {
            return folds;
        }
        // From the place where it is computed outwards, as far as the loops run one iteration after the other.
        std::vector<Place> between;
        Place place = stage.compute;
        while (!place.is_root() && (place.stage != stage.store->stage || place.loop != stage.store->loop)) {
            const auto [name, init] = regions_.owner(place);
            const Nest& nest = regions_.nest(name, init);
            for (std::size_t at = nest.position(place.loop) + 1; at-- > 0;) {
                const std::string& loop = nest.loops()[at].name;
                if (place.stage == stage.store->stage && loop == stage.store->loop) {
                    place = *stage.store;
                    break;
                }
                between.push_back({place.stage, loop});
                if (at == 0) {
                    place = regions_.plan_of(name).compute;
                }
            }
        }
        const std::vector<std::string> order = memory_order(plan_.kernel, definition, stage);
        for (auto at = between.rbegin(); at != between.rend(); ++at) {
            const auto [name, init] = regions_.owner(*at);
            const detail::LiveLoop& loop = *regions_.nest(name, init).find(at->loop);
            if (loop.kind != LoopStep::Kind::serial && loop.kind != LoopStep::Kind::unroll) {
                break;
            }
            const auto& ranges = regions_.inside(*at);
            const auto mine = ranges.find(stage.name);
            if (mine == ranges.end()) {
                break;
            }
            for (const std::string& dim : order) {
                const Range& range = mine->second.at(dim);
                const bool moves = std::ranges::any_of(loop.components, [&](const detail::Component& component) {
                    return range.base.contains(component.dim);
                });
                if (moves && !folds.contains(dim) && range.constant && range.width() <= most_folded) {
                    folds[dim] = static_cast<std::int64_t>(
                        std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(range.width(), 1))));
                }
            }
        }
        return folds;
    }

    /// Threads that may be inside the loop at once.
    std::int64_t copies(Place place) {
        std::int64_t count = 1;
        while (!place.is_root()) {
            const auto [name, init] = regions_.owner(place);
            const Nest& nest = regions_.nest(name, init);
            for (std::size_t at = 0; at <= nest.position(place.loop); ++at) {
                count = saturating_mul(count, workers(nest.loops()[at], threads_));
            }
            place = regions_.plan_of(name).compute;
        }
        return std::min<std::int64_t>(count, threads_);
    }

    static std::int64_t workers(const detail::LiveLoop& loop, std::int64_t threads) {
        return loop.kind == LoopStep::Kind::parallel
                   ? std::clamp<std::int64_t>(loop.extent.value_or(threads), 1, threads)
                   : 1;
    }

    /// Whether `reader` runs in what `event` computes at `place`; the rest of the place's iteration is the event "".
    [[nodiscard]] std::string event_of(std::string reader, const Place& place) const {
        const std::string owner = place.is_root() ? "" : regions_.owner(place).first;
        while (reader != owner) {
            const Place& at = regions_.plan_of(reader).compute;
            if (at.stage == place.stage && at.loop == place.loop) {
                return reader;
            }
            if (at.is_root()) {
                return ""; // not here
            }
            reader = regions_.owner(at).first;
        }
        return "";
    }

    /// The most scratch that one iteration of a loop, or a call, holds: stages are computed in their order, then comes
    /// `rest`; what is stored here lives from its turn to its last reader.
    template <class Rest>
    std::int64_t level(const Place& place, std::int64_t threads, const Rest& rest) {
        std::vector<std::string> events;
        std::vector<std::string> stored;
        for (const StagePlan& stage : plan_.stages) {
            if (stage.inlined || kept(stage.name)) {
                continue;
            }
            const bool computed = stage.compute.stage == place.stage && stage.compute.loop == place.loop;
            const Place& store = stage.store ? *stage.store : stage.compute;
            if (computed) {
                events.push_back(stage.name);
            }
            if (store.stage == place.stage && store.loop == place.loop && scratch_.contains(stage.name)) {
                stored.push_back(stage.name);
            }
        }
        std::int64_t peak = 0;
        for (std::size_t i = 0; i <= events.size(); ++i) {
            const bool last = i == events.size();
            std::int64_t live = 0;
            for (const std::string& name : stored) {
                if (is_live(name, events, i, place)) {
                    live += scratch_.at(name);
                }
            }
            const std::int64_t inner = last ? rest(threads) : computing(events[i], threads);
            peak = std::max(peak, live + inner);
        }
        return peak;
    }

    [[nodiscard]] bool kept(const std::string& name) const {
        return std::ranges::any_of(plan_.packs, [&](const Pack& pack) { return pack.once && pack.stage == name; });
    }

    /// Whether a stage that is stored at `place` exists while event `number` runs.
    [[nodiscard]] bool is_live(const std::string& name, const std::vector<std::string>& events, std::size_t number,
                               const Place& place) const {
        const auto turn = [&](const std::string& event) {
            return static_cast<std::size_t>(std::ranges::find(events, event) - events.begin());
        };
        // Where it is computed further inside, it waits among the others for its turn.
        std::size_t first = turn(name);
        if (first == events.size()) {
            first = static_cast<std::size_t>(
                std::ranges::find_if(events,
                                     [&](const std::string& event) { return order_.at(event) > order_.at(name); }) -
                events.begin());
        }
        std::size_t last = first;
        if (const auto all = readers_.find(name); all != readers_.end()) {
            for (const std::string& reader : all->second) {
                last = std::max(last, turn(event_of(reader, place)));
            }
        }
        return first <= number && number <= last;
    }

    /// The most scratch that computing a stage holds beside the stage itself.
    std::int64_t computing(const std::string& stage, std::int64_t threads) {
        const StagePlan& plan = regions_.plan_of(stage);
        std::int64_t peak = loops(stage, false, 0, threads);
        if (plan.init) {
            peak = std::max(peak, loops(stage, true, 0, threads));
        }
        return peak;
    }

    std::int64_t loops(const std::string& stage, bool init, std::size_t at, std::int64_t threads) {
        const Nest& nest = regions_.nest(stage, init);
        if (at == nest.loops().size()) {
            return 0;
        }
        const detail::LiveLoop& loop = nest.loops()[at];
        const std::int64_t here = workers(loop, threads);
        const Place place{init ? stage + ".init" : stage, loop.name};
        return saturating_mul(here, level(place, detail::ceil_div(threads, here),
                                          [&](std::int64_t left) { return loops(stage, init, at + 1, left); }));
    }

    const Plan& plan_;
    std::int64_t threads_;
    detail::Regions regions_;
    std::map<std::string, std::size_t> order_;
    std::map<std::string, std::set<std::string>> readers_;
    std::map<std::string, std::int64_t> scratch_; ///< bytes of each stage in the scratch pool
};

} // namespace

MemoryUse memory_use(const Plan& plan, const std::map<std::string, std::int64_t>& given, int threads) {
    std::vector<Diagnostic> ignored;
    const auto extents = resolve_extents(plan.kernel, infer_sizes(plan.kernel, ignored), given);
    COULTER_INTERNAL_ASSERT(extents.size() == plan.kernel.dims.size());
    return Footprints(plan, extents, std::max(threads, 1)).run();
}

} // namespace coulter::schedule
