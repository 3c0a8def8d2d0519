#include "default_gpu_forms.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>

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

std::set<std::string> members_of(const Form& form) {
    std::set<std::string> names;
    for (const auto& [name, where] : form.members) {
        names.insert(name);
    }
    return names;
}

bool is_part(const Dims& dims, const Dims& of) {
    return !dims.empty() && std::all_of(dims.begin(), dims.end(), [&](const auto& dim) { return holds(of, dim); });
}

void add(std::vector<Dims>& rows, const Dims& dims) {
    if (std::none_of(rows.begin(), rows.end(), [&](const Dims& other) { return are_same(other, dims); })) {
        rows.push_back(dims);
    }
}

constexpr std::size_t most_block_dims = 6; ///< pairs of three loops
constexpr double serial_reduction = 32;    ///< steps of one thread for which a block may wait
constexpr double combining = 0.25;         ///< transactions in the time of such a step, while other blocks go on

} // namespace

LaunchForms::LaunchForms(const Analysis& analysis)
    : analysis_(analysis), kernel_(analysis.kernel()), device_(analysis.options().device_model),
      uses_(named_uses(analysis)), shared_(analysis) {}

std::vector<Form> LaunchForms::all(const ir::Definition& stage, const Family& family) const {
    std::vector<Form> forms;
    const auto keep = [&](Form form, const std::string& word) {
        form.word = word;
        form.unmet = unmet(form, stage, family);
        if (forms.empty() || form.cost < std::numeric_limits<double>::infinity()) {
            forms.push_back(std::move(form));
        }
    };
    keep(tiles(stage, family), "element");
    std::vector<Dims> rows;
    for (const ir::Definition* each : family) {
        if (each->reduction && is_part(each->dims, stage.dims)) {
            add(rows, each->dims);
        }
    }
    if (stage.reduction) {
        add(rows, stage.dims);
    }
    // What keeps its sums in memory has no rows.
    if (!can_be_inside(analysis_, stage)) {
        rows.clear();
    }
    for (const Dims& dims : rows) {
        std::string row;
        for (const std::string& dim : dims) {
            row += ' ' + display_name(dim);
        }
        keep(blocks(stage, family, dims), "block" + row);
        keep(threads(stage, family, dims), "thread" + row);
    }
    return forms;
}

/// The members of a form: those of a family for which `place` finds one, whose readers are members. Nothing from
/// `place` leaves a stage out.
template <class Place>
void LaunchForms::fill(Form& form, const ir::Definition& stage, const Family& family, const Place& place) const {
    for (const ir::Definition* each : family) {
        std::set<std::string> inside = members_of(form);
        inside.insert(stage.name);
        const std::optional<DevicePlace> where =
            is_read_by(uses_, *each, inside) ? place(*each) : std::optional<DevicePlace>();
        if (!where) {
            continue;
        }
        if (analysis_.decided("place", each->name, {"root", stage.name}) == "root") {
            form.apart.insert(each->name);
        } else {
            form.members[each->name] = *where;
        }
    }
}

/// Whether one of those that read a stage is computed at `place`.
bool LaunchForms::is_read_at(const Form& form, const ir::Definition& stage, const std::string& launch,
                             DevicePlace place, DevicePlace of_launch) const {
    const std::vector<NamedUse>& uses = uses_.at(stage.name);
    return std::any_of(uses.begin(), uses.end(), [&](const NamedUse& use) {
        return (use.reader == launch ? of_launch : form.members.at(use.reader)) == place;
    });
}

/// Values that a thread keeps of a stage, one tile of the spread dims and all of the others; nothing where those
/// are not constant.
std::optional<double> LaunchForms::kept_values(const Form& form, const ir::Definition& stage) const {
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

bool LaunchForms::fits_thread(const Form& form, const ir::Definition& stage) const {
    const std::optional<double> values = kept_values(form, stage);
    return values && *values <= static_cast<double>(device_.thread_values) &&
           std::all_of(form.spread.begin(), form.spread.end(),
                       [&](const std::string& dim) { return holds(stage.dims, dim); });
}

/// Each thread has a tile of the stage.
Form LaunchForms::tiles(const ir::Definition& stage, const Family& family) const {
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
    } else if (heaviest == nullptr) {
        form.tile = decided_map_tile(analysis_, stage);
    }
    const auto place = [&](const ir::Definition& each) {
        const bool parts =
            std::any_of(form.tile.dims.begin(), form.tile.dims.end(), [](const TileDim& dim) { return !dim.whole; });
        const bool follows = !parts || !each.reduction || !each.reduction->where;
        return follows && fits_thread(form, each) ? std::optional(DevicePlace::thread) : std::nullopt;
    };
    fill(form, stage, family, place);
    if (heaviest != nullptr && heaviest != &stage && form.members.count(heaviest->name) == 0) {
        form.tile = {}; // it serves nobody
        form.members.clear();
        form.apart.clear();
        fill(form, stage, family, place);
    }
    finish_threads(form, stage, family);
    return form;
}

/// Each thread has a row, and the elements of it one after the other.
Form LaunchForms::threads(const ir::Definition& stage, const Family& family, const Dims& rows) const {
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
bool LaunchForms::unrolls_inner(const Form& form) const {
    double values = 1;
    for (const std::string& dim : form.inner) {
        const std::optional<std::int64_t> whole = analysis_.constant(dim);
        values *= whole ? static_cast<double>(*whole) : 1e9;
    }
    return values <= static_cast<double>(device_.thread_values);
}

void LaunchForms::finish_threads(Form& form, const ir::Definition& stage, const Family& family) const {
    const ThreadWork work{members_of(form), form.tile, form.inner};
    double threads = analysis_.points(form.spread);
    for (const TileDim& dim : form.tile.dims) {
        threads /= static_cast<double>(dim.size);
    }
    const double slower = idle(device_, threads);
    std::vector<std::string> words; // dims of which a loop is left
    for (auto dim = form.spread.rbegin(); dim != form.spread.rend(); ++dim) {
        const auto tiled = std::find_if(form.tile.dims.begin(), form.tile.dims.end(),
                                        [&](const TileDim& each) { return each.dim == *dim; });
        if (tiled == form.tile.dims.end() || !tiled->whole) {
            words.push_back(*dim);
        }
    }
    const std::optional<std::string> decided = decided_first(stage, words);
    form.first_decided = decided.has_value();
    for (const std::string& dim : words) {
        if (decided && dim != *decided) {
            continue;
        }
        double cost = transactions(analysis_, stage, dim, work);
        for (const std::string& member : work.near) {
            cost += transactions(analysis_, definition(member), dim, work);
        }
        if (form.first.empty() || cost * slower < 0.999 * form.cost) {
            form.cost = cost * slower;
            form.first = dim;
        }
    }
    form.cost += left_over(form, family);
}

/// Each block has a row, whose elements its threads share.
Form LaunchForms::blocks(const ir::Definition& stage, const Family& family, const Dims& rows) const {
    Form form;
    form.rows = true;
    form.spread = rows;
    form.inner = without(stage.dims, rows);
    if (rows.size() > most_block_dims || (form.inner.empty() && stage.reduction && !shared_.is_shared(stage))) {
        return form;
    }
    double shared = 0;
    const DevicePlace own = form.inner.empty() ? DevicePlace::block : DevicePlace::step;
    fill(form, stage, family, [&](const ir::Definition& each) -> std::optional<DevicePlace> {
        if (are_same(each.dims, rows)) {
            const bool quick = !each.reduction || shared_.is_shared(each) ||
                               analysis_.points(each.reduction->dims) <= serial_reduction;
            double bytes = 0;
            for (const Type type : each.types) {
                bytes += coulter::bytes(type) *
                         (shared_.is_shared(each) ? 1.0 + static_cast<double>(shared_.threads_of(each)) : 1);
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
        if (shared_.is_shared(each)) {
            const auto parts = static_cast<double>(shared_.threads_of(each));
            threads = std::max(threads, parts);
            cost += transactions(analysis_, each, shared_.lanes_of(each), work) +
                    combining * parts * analysis_.points(rows);
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
        const std::optional<std::string> decided = decided_first(stage, form.inner);
        form.first_decided = decided.has_value();
        form.first = decided ? *decided : coalesced(analysis_, stage, form.inner, work);
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

/// The dim of neighbouring threads, where that is decided for the stage or for all of them.
std::optional<std::string> LaunchForms::decided_first(const ir::Definition& stage,
                                                      const std::vector<std::string>& words) const {
    if (words.size() < 2) {
        return std::nullopt;
    }
    if (const auto first = analysis_.decided("first", stage.name, words)) {
        return first;
    }
    const std::optional<std::string>& everywhere = analysis_.lanes_everywhere();
    return everywhere && holds(words, *everywhere) ? everywhere : std::nullopt;
}

/// Stages of the family that were decided to be inside, and are not.
int LaunchForms::unmet(const Form& form, const ir::Definition& stage, const Family& family) const {
    const Decided& decided = analysis_.options().decided;
    return static_cast<int>(std::count_if(family.begin(), family.end(), [&](const ir::Definition* each) {
        const auto place = decided.find("place of " + each->name);
        return place != decided.end() && place->second == stage.name && form.members.count(each->name) == 0;
    }));
}

/// What the stages of a family cost that a form has no place for.
double LaunchForms::left_over(const Form& form, const Family& family) const {
    double total = 0;
    for (const ir::Definition* each : family) {
        if (form.members.count(each->name) == 0) {
            const std::string dim = coalesced(analysis_, *each, each->dims);
            total += device_.launch_transactions + transactions(analysis_, *each, dim);
        }
    }
    return total;
}

double LaunchForms::work(const ir::Definition& stage) const {
    return analysis_.points(ir::loop_dims(stage)) * analysis_.cost(stage.name);
}

const ir::Definition& LaunchForms::definition(const std::string& name) const {
    return *kernel_.find_definition(name);
}

} // namespace coulter::schedule
