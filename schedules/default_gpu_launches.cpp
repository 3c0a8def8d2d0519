#include "default_gpu_launches.hpp"

#include "default_ordered.hpp"

#include <algorithm>
#include <tuple>

namespace coulter::schedule {
namespace {

class Chooser {
public:
    explicit Chooser(const Analysis& analysis)
        : analysis_(analysis), kernel_(analysis.kernel()), device_(analysis.options().device_model),
          uses_(named_uses(analysis)), shared_(analysis), forms_(analysis) {}

    std::map<std::string, DeviceStage> run() {
        for (const ir::Definition& each : kernel_.definitions) {
            DeviceStage stage;
            if (analysis_.is_scheduled(each.name)) {
                stage.place = DevicePlace::given;
            } else if (analysis_.is_inlined(each.name)) {
                stage.place = DevicePlace::inlined;
            } else if (stage.why = host_reason(analysis_, each); !stage.why.empty()) {
                stage.place = DevicePlace::host;
                std::tie(stage.lanes, stage.threads) = shared_.parts_of(each);
            } else if (is_ordered(each)) {
                stage.place = DevicePlace::ordered;
                stage.loops = spread(each, free_dims_of(each));
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
    /// An element of those dims for each thread.
    [[nodiscard]] std::vector<DeviceLoop> spread(const ir::Definition& stage,
                                                 const std::vector<std::string>& dims) const {
        return spread_loops(analysis_, stage, dims, {}, coalesced(analysis_, stage, dims), {});
    }

    void launch(const ir::Definition& stage) {
        // What keeps its sums in memory has a launch of its own for them, of which its producers know nothing.
        const std::vector<Form> forms =
            forms_.all(stage, can_be_inside(analysis_, stage) ? family_of(stage) : Family());
        for (const Form& form : forms) {
            apart_.insert(form.apart.begin(), form.apart.end());
        }
        take(stage, choose(stage, forms));
    }

    /// The one decided, else that of least cost which keeps to what was decided of places.
    const Form& choose(const ir::Definition& stage, const std::vector<Form>& forms) const {
        if (forms.size() > 1) {
            std::vector<std::string> words;
            for (const Form& form : forms) {
                words.push_back(form.word);
            }
            if (const auto decided = analysis_.decided("form", stage.name, words)) {
                return *std::find_if(forms.begin(), forms.end(),
                                     [&](const Form& form) { return form.word == *decided; });
            }
        }
        const Form* best = &forms.front();
        for (const Form& form : forms) {
            if (form.unmet < best->unmet || (form.unmet == best->unmet && form.cost < 0.999 * best->cost)) {
                best = &form;
            }
        }
        return *best;
    }

    /// The stages that only a stage and others of its family read, readers first.
    [[nodiscard]] Family family_of(const ir::Definition& stage) const {
        Family family;
        std::set<std::string> names{stage.name};
        for (auto at = kernel_.definitions.rbegin(); at != kernel_.definitions.rend(); ++at) {
            if (names.count(at->name) == 0 && open_.count(at->name) != 0 && !kernel_.is_output(at->name) &&
                can_be_inside(analysis_, *at) && is_read_by(uses_, *at, names)) {
                names.insert(at->name);
                family.push_back(&*at);
            }
        }
        return family;
    }

    void take(const ir::Definition& stage, const Form& form) {
        DeviceStage& shape = stages_.at(stage.name);
        shape.place = DevicePlace::launch;
        shape.tile = form.tile;
        shape.first_decided = form.first_decided;
        if (apart_.count(stage.name) != 0) {
            shape.why = "so decided";
        }
        open_.erase(stage.name);
        const auto shared = [&](const ir::Definition& each, DeviceStage& of) {
            if (shared_.is_shared(each)) {
                of.lanes = shared_.lanes_of(each);
                of.threads = shared_.threads_of(each);
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
                most = std::max(most,
                                where == DevicePlace::block && shared_.is_shared(each) ? shared_.threads_of(each) : 0);
            }
            if (form.inner.empty()) {
                shared(stage, shape);
            } else {
                DeviceLoop loop{form.first, threads_of_row(stage, form, most)};
                loop.serial = true;
                shape.loops.push_back(loop);
                for (auto dim = form.inner.rbegin(); dim != form.inner.rend(); ++dim) {
                    if (*dim != form.first) {
                        shape.loops.push_back({*dim, 1, 1, false, true});
                    }
                }
            }
        } else {
            shape.loops = spread_loops(analysis_, stage, form.spread, form.inner, form.first, form.tile);
            shape.sums = can_be_inside(analysis_, stage) ? DevicePlace::thread : DevicePlace::launch;
            if (!form.inner.empty()) {
                const bool unrolls = forms_.unrolls_inner(form);
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

    /// Threads of a block along the elements of its row, of which the reductions inside have `most`.
    [[nodiscard]] std::int64_t threads_of_row(const ir::Definition& stage, const Form& form, std::int64_t most) const {
        if (const auto decided = analysis_.decided("threads", stage.name, {"32", "64", "128", "256"}, true)) {
            return std::stoll(*decided);
        }
        return std::max(threads_along(analysis_.extent(form.first), most == 0 ? 64 : most), device_.warp);
    }

    [[nodiscard]] const ir::Definition& definition(const std::string& name) const {
        return *kernel_.find_definition(name);
    }

    const Analysis& analysis_;
    const ir::Kernel& kernel_;
    const DeviceModel& device_;
    NamedUses uses_;
    SharedReductions shared_;
    LaunchForms forms_;
    std::set<std::string> apart_; ///< that were decided to be launches of their own
    std::set<std::string> open_;  ///< device stages without a place
    std::map<std::string, DeviceStage> stages_;
};

} // namespace

std::map<std::string, DeviceStage> choose_launches(const Analysis& analysis) {
    return Chooser(analysis).run();
}

} // namespace coulter::schedule
