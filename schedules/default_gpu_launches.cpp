#include "default_gpu_launches.hpp"

#include <algorithm>
#include <limits>

namespace coulter::schedule {
namespace {

using Dims = std::vector<std::string>;

bool holds(const Dims& dims, const std::string& dim) {
    return std::find(dims.begin(), dims.end(), dim) != dims.end();
}

bool are_same(const Dims& a, const Dims& b) {
    return a.size() == b.size() && std::is_permutation(a.begin(), a.end(), b.begin());
}

/// Those of `a` that are not in `b`.
Dims without(const Dims& a, const Dims& b) {
    Dims rest;
    std::copy_if(a.begin(), a.end(), std::back_inserter(rest), [&](const std::string& dim) { return !holds(b, dim); });
    return rest;
}

constexpr std::size_t most_block_dims = 6; ///< pairs of three loops
constexpr double worth_sharing = 32;       ///< reduced indices, so that each thread of a warp has one
constexpr std::int64_t most_parts = 4096;  ///< of a reduction to one value that a device begins
constexpr double serial_reduction = 32;    ///< steps of one thread for which a block may wait
constexpr double combining = 0.25;         ///< transactions in the time of such a step, while other blocks go on

/// One way to share out the loops of a launch.
struct Form {
    bool rows = false; ///< each block has an element of `spread`; else each thread
    Dims spread;
    Dims inner; ///< the other dims of the launch's stage
    std::string first;
    ThreadTile tile;
    std::map<std::string, DevicePlace> members;
    double cost = std::numeric_limits<double>::infinity();
};

class Chooser {
public:
    explicit Chooser(const Analysis& analysis)
        : analysis_(analysis), kernel_(analysis.kernel()), device_(analysis.options().device_model),
          uses_(named_uses(analysis)) {}

    std::map<std::string, DeviceStage> run() {
        for (const ir::Definition& each : kernel_.definitions) {
            DeviceStage stage;
            if (analysis_.is_scheduled(each.name)) {
                stage.place = DevicePlace::given;
            } else if (analysis_.is_inlined(each.name)) {
                stage.place = DevicePlace::inlined;
            } else if (stage.why = host_reason(analysis_, each); !stage.why.empty()) {
                stage.place = DevicePlace::host;
                parts_of_value(each, stage);
            } else {
                open_.insert(each.name);
            }
            stages_[each.name] = stage;
        }
        for (auto at = kernel_.definitions.rbegin(); at != kernel_.definitions.rend(); ++at) {
            if (open_.count(at->name) != 0) {
                launch(*at);
            }
        }
        return stages_;
    }

private:
    /// A large reduction to one value: the device makes many of it.
    void parts_of_value(const ir::Definition& stage, DeviceStage& shape) const {
        if (!stage.dims.empty() || !stage.reduction || !analysis_.is_on_device(stage) ||
            !may_reassociate(analysis_, stage)) {
            return;
        }
        const std::string lanes = coalesced(analysis_, stage, stage.reduction->dims);
        const std::int64_t extent = analysis_.extent(lanes);
        if (extent >= 4 * device_.warp) {
            shape.lanes = lanes;
            shape.threads = device_.warp;
            while (2 * shape.threads <= std::min(extent / 4, most_parts)) {
                shape.threads *= 2;
            }
        }
    }

    void launch(const ir::Definition& stage) {
        // What keeps its sums in memory has a launch of its own for them, of which its producers know nothing.
        const bool encloses = can_be_inside(analysis_, stage);
        const std::vector<const ir::Definition*> family =
            encloses ? family_of(stage) : std::vector<const ir::Definition*>();
        Form best = tiles(stage, family);
        std::vector<Dims> rows;
        for (const ir::Definition* each : family) {
            if (each->reduction && is_part(each->dims, stage.dims)) {
                add(rows, each->dims);
            }
        }
        if (stage.reduction) {
            add(rows, stage.dims);
        }
        if (!encloses) {
            rows.clear();
        }
        for (const Dims& dims : rows) {
            for (const bool block : {true, false}) {
                Form form = block ? blocks(stage, family, dims) : threads(stage, family, dims);
                if (form.cost < 0.999 * best.cost) {
                    best = std::move(form);
                }
            }
        }
        take(stage, best);
    }

    static bool is_part(const Dims& dims, const Dims& of) {
        return !dims.empty() && std::all_of(dims.begin(), dims.end(), [&](const auto& dim) { return holds(of, dim); });
    }

    static void add(std::vector<Dims>& rows, const Dims& dims) {
        if (std::none_of(rows.begin(), rows.end(), [&](const Dims& other) { return are_same(other, dims); })) {
            rows.push_back(dims);
        }
    }

    /// Whether all readers of a stage are among `names` and read it by name.
    [[nodiscard]] bool is_read_by(const ir::Definition& stage, const std::set<std::string>& names) const {
        const auto uses = uses_.find(stage.name);
        return uses != uses_.end() && std::all_of(uses->second.begin(), uses->second.end(), [&](const NamedUse& use) {
                   return names.count(use.reader) != 0 && use.dims.size() == stage.dims.size();
               });
    }

    /// The stages that only a stage and others of its family read, readers first.
    [[nodiscard]] std::vector<const ir::Definition*> family_of(const ir::Definition& stage) const {
        std::vector<const ir::Definition*> family;
        std::set<std::string> names{stage.name};
        for (auto at = kernel_.definitions.rbegin(); at != kernel_.definitions.rend(); ++at) {
            if (names.count(at->name) == 0 && open_.count(at->name) != 0 && !kernel_.is_output(at->name) &&
                can_be_inside(analysis_, *at) && is_read_by(*at, names)) {
                names.insert(at->name);
                family.push_back(&*at);
            }
        }
        return family;
    }

    /// The members of a form: those of a family for which `place` finds one, whose readers are members. Nothing from
    /// `place` leaves a stage out.
    template <class Place>
    void fill(Form& form, const ir::Definition& stage, const std::vector<const ir::Definition*>& family,
              const Place& place) const {
        for (const ir::Definition* each : family) {
            std::set<std::string> inside = members_of(form);
            inside.insert(stage.name);
            const std::optional<DevicePlace> where =
                is_read_by(*each, inside) ? place(*each) : std::optional<DevicePlace>();
            if (where) {
                form.members[each->name] = *where;
            }
        }
    }

    [[nodiscard]] static std::set<std::string> members_of(const Form& form) {
        std::set<std::string> names;
        for (const auto& [name, where] : form.members) {
            names.insert(name);
        }
        return names;
    }

    /// Whether one of those that read a stage is computed at `place`.
    [[nodiscard]] bool is_read_at(const Form& form, const ir::Definition& stage, const std::string& launch,
                                  DevicePlace place, DevicePlace of_launch) const {
        const std::vector<NamedUse>& uses = uses_.at(stage.name);
        return std::any_of(uses.begin(), uses.end(), [&](const NamedUse& use) {
            return (use.reader == launch ? of_launch : form.members.at(use.reader)) == place;
        });
    }

    /// Values that a thread keeps of a stage, one tile of the spread dims and all of the others; nothing where those
    /// are not constant.
    [[nodiscard]] std::optional<double> kept_values(const Form& form, const ir::Definition& stage) const {
        auto values = static_cast<double>(stage.types.size());
        for (const std::string& dim : stage.dims) {
            const std::optional<std::int64_t> whole = analysis_.constant(dim);
            if (!holds(form.spread, dim) && !whole) {
                return std::nullopt;
            }
            values *= static_cast<double>(holds(form.spread, dim) ? form.tile.size(dim) : *whole);
        }
        return values;
    }

    [[nodiscard]] bool fits_thread(const Form& form, const ir::Definition& stage) const {
        const std::optional<double> values = kept_values(form, stage);
        return values && *values <= static_cast<double>(device_.thread_values) &&
               std::all_of(form.spread.begin(), form.spread.end(),
                           [&](const std::string& dim) { return holds(stage.dims, dim); });
    }

    /// Each thread has a tile of the stage.
    [[nodiscard]] Form tiles(const ir::Definition& stage, const std::vector<const ir::Definition*>& family) const {
        Form form;
        form.spread = stage.dims;
        // The reduction with the most to do has the tile: the stage itself, or one of the same dims.
        const ir::Definition* heaviest = stage.reduction ? &stage : nullptr;
        for (const ir::Definition* each : family) {
            if (each->reduction && are_same(each->dims, stage.dims) &&
                (heaviest == nullptr || work(*each) > work(*heaviest))) {
                heaviest = each;
            }
        }
        if (heaviest != nullptr && can_be_inside(analysis_, stage)) {
            form.tile = choose_thread_tile(analysis_, *heaviest, heaviest == &stage);
        }
        const auto place = [&](const ir::Definition& each) {
            const bool parts = std::any_of(form.tile.dims.begin(), form.tile.dims.end(),
                                           [](const TileDim& dim) { return !dim.whole; });
            const bool follows = !parts || !each.reduction || !each.reduction->where;
            return follows && fits_thread(form, each) ? std::optional(DevicePlace::thread) : std::nullopt;
        };
        fill(form, stage, family, place);
        if (heaviest != nullptr && heaviest != &stage && form.members.count(heaviest->name) == 0) {
            form.tile = {}; // it serves nobody
            form.members.clear();
            fill(form, stage, family, place);
        }
        finish_threads(form, stage, family);
        return form;
    }

    /// Each thread has a row, and the elements of it one after the other.
    [[nodiscard]] Form threads(const ir::Definition& stage, const std::vector<const ir::Definition*>& family,
                               const Dims& rows) const {
        Form form;
        if (are_same(rows, stage.dims)) {
            return form; // that is a tile of one element
        }
        form.spread = rows;
        form.inner = without(stage.dims, rows);
        const DevicePlace own = unrolls_inner(form) ? DevicePlace::thread : DevicePlace::step;
        fill(form, stage, family, [&](const ir::Definition& each) -> std::optional<DevicePlace> {
            if (fits_thread(form, each)) {
                return DevicePlace::thread;
            }
            const bool by_steps =
                are_same(each.dims, stage.dims) && !is_read_at(form, each, stage.name, DevicePlace::thread, own);
            return by_steps ? std::optional(DevicePlace::step) : std::nullopt;
        });
        finish_threads(form, stage, family);
        return form;
    }

    /// Whether what a thread has of the inner dims is a few values.
    [[nodiscard]] bool unrolls_inner(const Form& form) const {
        double values = 1;
        for (const std::string& dim : form.inner) {
            const std::optional<std::int64_t> whole = analysis_.constant(dim);
            values *= whole ? static_cast<double>(*whole) : 1e9;
        }
        return values <= static_cast<double>(device_.thread_values);
    }

    void finish_threads(Form& form, const ir::Definition& stage,
                        const std::vector<const ir::Definition*>& family) const {
        const ThreadWork work{members_of(form), form.tile, form.inner};
        double threads = analysis_.points(form.spread);
        for (const TileDim& dim : form.tile.dims) {
            threads /= static_cast<double>(dim.size);
        }
        const double slower = idle(device_, threads);
        for (auto dim = form.spread.rbegin(); dim != form.spread.rend(); ++dim) {
            const auto tiled = std::find_if(form.tile.dims.begin(), form.tile.dims.end(),
                                            [&](const TileDim& each) { return each.dim == *dim; });
            if (tiled != form.tile.dims.end() && tiled->whole) {
                continue;
            }
            double cost = transactions(analysis_, stage, *dim, work);
            for (const std::string& member : work.near) {
                cost += transactions(analysis_, definition(member), *dim, work);
            }
            if (form.first.empty() || cost * slower < 0.999 * form.cost) {
                form.cost = cost * slower;
                form.first = *dim;
            }
        }
        form.cost += left_over(form, family);
    }

    /// Each block has a row, whose elements its threads share.
    [[nodiscard]] Form blocks(const ir::Definition& stage, const std::vector<const ir::Definition*>& family,
                              const Dims& rows) const {
        Form form;
        form.rows = true;
        form.spread = rows;
        form.inner = without(stage.dims, rows);
        if (rows.size() > most_block_dims || (form.inner.empty() && stage.reduction && !is_shared(stage))) {
            return form;
        }
        double shared = 0;
        const DevicePlace own = form.inner.empty() ? DevicePlace::block : DevicePlace::step;
        fill(form, stage, family, [&](const ir::Definition& each) -> std::optional<DevicePlace> {
            if (are_same(each.dims, rows)) {
                const bool quick =
                    !each.reduction || is_shared(each) || analysis_.points(each.reduction->dims) <= serial_reduction;
                double bytes = 0;
                for (const Type type : each.types) {
                    bytes +=
                        coulter::bytes(type) * (is_shared(each) ? 1.0 + static_cast<double>(row_threads(each)) : 1);
                }
                if (!quick || shared + bytes > static_cast<double>(device_.shared_bytes)) {
                    return std::nullopt;
                }
                shared += bytes;
                return DevicePlace::block;
            }
            const bool by_steps = !form.inner.empty() && are_same(each.dims, stage.dims) &&
                                  !is_read_at(form, each, stage.name, DevicePlace::block, own);
            return by_steps ? std::optional(DevicePlace::step) : std::nullopt;
        });
        const ThreadWork work{members_of(form), {}, {}};
        double threads = 0;
        double cost = 0;
        const auto share = [&](const ir::Definition& each) {
            if (is_shared(each)) {
                const auto parts = static_cast<double>(row_threads(each));
                threads = std::max(threads, parts);
                cost +=
                    transactions(analysis_, each, lanes_of(each), work) + combining * parts * analysis_.points(rows);
            } else {
                cost += combining * analysis_.points(ir::loop_dims(each));
            }
        };
        for (const auto& [name, where] : form.members) {
            if (where == DevicePlace::block) {
                share(definition(name));
            }
        }
        if (form.inner.empty()) {
            if (stage.reduction) {
                share(stage);
            }
        } else {
            form.first = coalesced(analysis_, stage, form.inner, work);
            threads = std::max(threads, static_cast<double>(std::min<std::int64_t>(64, analysis_.extent(form.first))));
            cost += transactions(analysis_, stage, form.first, work);
            for (const auto& [name, where] : form.members) {
                cost += where == DevicePlace::step ? transactions(analysis_, definition(name), form.first, work) : 0;
            }
        }
        if (threads >= static_cast<double>(device_.warp)) {
            form.cost = cost * idle(device_, threads * analysis_.points(rows)) + left_over(form, family);
        }
        return form;
    }

    /// What the stages of a family cost that a form has no place for.
    [[nodiscard]] double left_over(const Form& form, const std::vector<const ir::Definition*>& family) const {
        double total = 0;
        for (const ir::Definition* each : family) {
            if (form.members.count(each->name) == 0) {
                const std::string dim = coalesced(analysis_, *each, each->dims);
                total += device_.launch_transactions + transactions(analysis_, *each, dim);
            }
        }
        return total;
    }

    /// Whether the threads of a block share a reduction.
    [[nodiscard]] bool is_shared(const ir::Definition& stage) const {
        return stage.reduction && may_reassociate(analysis_, stage) &&
               static_cast<double>(analysis_.extent(lanes_of(stage))) >= worth_sharing;
    }

    [[nodiscard]] std::string lanes_of(const ir::Definition& stage) const {
        return coalesced(analysis_, stage, stage.reduction->dims);
    }

    /// Threads that share a reduction: one of them combines what they have, which takes as many steps.
    [[nodiscard]] std::int64_t row_threads(const ir::Definition& stage) const {
        const std::int64_t extent = analysis_.extent(lanes_of(stage));
        const bool few = analysis_.points(stage.dims) * 64 < device_.busy_threads / 4;
        return extent >= 16384 && few ? device_.block_threads : extent <= 64 ? device_.warp : 64;
    }

    void take(const ir::Definition& stage, const Form& form) {
        DeviceStage& shape = stages_.at(stage.name);
        shape.place = DevicePlace::launch;
        shape.tile = form.tile;
        open_.erase(stage.name);
        const auto shared = [&](const ir::Definition& each, DeviceStage& of) {
            if (is_shared(each)) {
                of.lanes = lanes_of(each);
                of.threads = row_threads(each);
            }
        };
        if (form.rows) {
            shape.sums = form.inner.empty() ? DevicePlace::block : DevicePlace::step;
            for (auto dim = form.spread.rbegin(); dim != form.spread.rend(); ++dim) {
                shape.loops.push_back({*dim});
            }
            std::int64_t most = 0;
            for (const auto& [name, where] : form.members) {
                const ir::Definition& each = definition(name);
                most = std::max(most, where == DevicePlace::block && is_shared(each) ? row_threads(each) : 0);
            }
            if (form.inner.empty()) {
                shared(stage, shape);
            } else {
                const std::int64_t own = threads_along(analysis_.extent(form.first), most == 0 ? 64 : most);
                DeviceLoop loop{form.first, std::max(own, device_.warp)};
                loop.serial = true;
                shape.loops.push_back(loop);
                for (auto dim = form.inner.rbegin(); dim != form.inner.rend(); ++dim) {
                    if (*dim != form.first) {
                        shape.loops.push_back({*dim, 1, 1, false, true});
                    }
                }
            }
        } else {
            shape.loops = spread_loops(analysis_, form.spread, form.inner, form.first, form.tile);
            shape.sums = can_be_inside(analysis_, stage) ? DevicePlace::thread : DevicePlace::launch;
            if (!form.inner.empty()) {
                const bool unrolls = unrolls_inner(form);
                for (DeviceLoop& loop : shape.loops) {
                    if (loop.serial && unrolls) {
                        loop.tile = *analysis_.constant(loop.dim);
                        loop.whole = true;
                    }
                }
                shape.sums = unrolls ? DevicePlace::thread : DevicePlace::step;
            }
        }
        for (const auto& [name, where] : form.members) {
            DeviceStage& member = stages_.at(name);
            member.place = where;
            member.launch = stage.name;
            member.tile = form.tile;
            if (where == DevicePlace::block) {
                shared(definition(name), member);
            }
            open_.erase(name);
        }
    }

    [[nodiscard]] const ir::Definition& definition(const std::string& name) const {
        return *kernel_.find_definition(name);
    }

    [[nodiscard]] double work(const ir::Definition& stage) const {
        return analysis_.points(ir::loop_dims(stage)) * analysis_.cost(stage.name);
    }

    const Analysis& analysis_;
    const ir::Kernel& kernel_;
    const DeviceModel& device_;
    NamedUses uses_;
    std::set<std::string> open_; ///< device stages without a place
    std::map<std::string, DeviceStage> stages_;
};

} // namespace

std::map<std::string, DeviceStage> choose_launches(const Analysis& analysis) {
    return Chooser(analysis).run();
}

} // namespace coulter::schedule
