// Names of what nobody named.
//
// Tensors and groups form a tree: a role stands under its group, a group under the tensor that its result became or
// that uses it, an anonymous reduction under its one user. Equal labels under one parent get [0], [1] ... in textual
// order. Nothing here depends on what else the process has built.

#include "language_nodes.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::detail {
namespace {

constexpr int none = -1;
constexpr int deepest = 64;

struct Entity {
    int parent = none;
    std::string label;
    std::string name;
    int depth = 0; ///< 0: not yet named
};

class Namer {
public:
    Namer(const std::vector<TensorRef>& order, const std::vector<TensorRef>& outputs)
        : order_(order), outputs_(outputs) {}

    Names run() {
        register_entities();
        find_users();
        place_groups();
        place_tensors();
        number_equals();
        return collect();
    }

private:
    void register_entities() {
        for (const TensorRef& tensor : order_) {
            std::vector<GroupRef> chain;
            for (GroupRef at = tensor->home; at && !group_entity_.contains(at.get()); at = at->outer) {
                chain.push_back(at);
            }
            for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
                group_entity_[at->get()] = static_cast<int>(entities_.size());
                groups_.push_back(*at);
                entities_.push_back({none, (*at)->function, {}, 0});
            }
            tensor_entity_[tensor.get()] = static_cast<int>(entities_.size());
            entities_.push_back({none, tensor->name.empty() ? tensor->role : tensor->name, {}, 0});
        }
    }

    void find_users() {
        for (const TensorRef& user : order_) {
            for (const TensorRef& read : producers(*user)) {
                users_[read.get()].push_back(user.get());
            }
        }
    }

    [[nodiscard]] const std::vector<const TensorState*>& users(const TensorState& tensor) const {
        static const std::vector<const TensorState*> empty;
        const auto at = users_.find(&tensor);
        return at == users_.end() ? empty : at->second;
    }

    [[nodiscard]] bool leaves(const TensorState& tensor, const GroupRef& group) const {
        const auto& list = users(tensor);
        return std::any_of(list.begin(), list.end(),
                           [&](const TensorState* user) { return !within(user->home, group); });
    }

    /// What stands for `user` where things of `level` are named after it.
    [[nodiscard]] int seen_from(const TensorState& user, const GroupRef& level) const {
        if (!within(user.home, level)) return group_entity_.at(level.get());
        if (user.home == level) {
            const bool outside = user.name.empty() ? level && leaves(user, level) : !within(user.name_group, level);
            return outside ? group_entity_.at(level.get()) : tensor_entity_.at(&user);
        }
        GroupRef call = user.home;
        while (call->outer != level) {
            call = call->outer;
        }
        return group_entity_.at(call.get());
    }

    void place_groups() {
        for (const GroupRef& group : groups_) {
            Entity& entity = entities_[static_cast<std::size_t>(group_entity_.at(group.get()))];
            for (const TensorRef& tensor : order_) {
                if (within(tensor->home, group) && !tensor->name.empty() && !within(tensor->name_group, group)) {
                    const bool here = within(tensor->name_group, group->outer);
                    entity.parent = here ? tensor_entity_.at(tensor.get()) : group_entity_.at(group->outer.get());
                    break;
                }
            }
            for (const TensorRef& tensor : order_) {
                if (entity.parent != none) break;
                if (!within(tensor->home, group)) continue;
                for (const TensorState* user : users(*tensor)) {
                    if (entity.parent == none && !within(user->home, group)) {
                        entity.parent = seen_from(*user, group->outer);
                    }
                }
            }
        }
    }

    void place_tensors() {
        std::unordered_map<const GroupState*, int> results;
        for (const TensorRef& tensor : order_) {
            const int self = tensor_entity_.at(tensor.get());
            Entity& entity = entities_[static_cast<std::size_t>(self)];
            if (!tensor->name.empty()) {
                entity.parent = tensor->name_group ? group_entity_.at(tensor->name_group.get()) : none;
                continue;
            }
            GroupRef level = tensor->home;
            GroupRef crossed;
            while (level && leaves(*tensor, level)) {
                crossed = level;
                level = level->outer;
            }
            std::vector<int> uses;
            for (const TensorState* user : users(*tensor)) {
                const int use = seen_from(*user, level);
                if (std::find(uses.begin(), uses.end(), use) == uses.end()) uses.push_back(use);
            }
            if (uses.size() > 1) report_shared(*tensor);
            if (crossed) {
                entity.parent = group_entity_.at(crossed.get());
                ++results[crossed.get()];
                result_of_[tensor.get()] = crossed.get();
            } else if (!uses.empty()) {
                entity.parent = uses.front();
            }
        }
        // The one result of a call is called as the call is.
        for (auto at = result_of_.begin(); at != result_of_.end();) {
            at = results.at(at->second) == 1 ? std::next(at) : result_of_.erase(at);
        }
    }

    void report_shared(const TensorState& tensor) {
        std::vector<Note> notes;
        for (const TensorState* user : users(tensor)) {
            if (notes.size() < 4)
                notes.push_back({span_of(user->definition_loc), fmt::format("used by {}", called(*user))});
        }
        const std::string what = tensor.home && leaves(tensor, tensor.home)
                                     ? fmt::format("this result of `{}`", tensor.home->function)
                                     : called(tensor);
        problems_.push_back(diagnose(
            "L025", tensor.definition_loc, tensor.definition_group,
            fmt::format("{} has no name and is used by {} definitions", what, users(tensor).size()),
            tensor.types.size() > 1 ? "name it: `Tensor t(\"t\"); t = ...;`, then t[0], t[1] (argmax: `.both()`)"
                                    : "name it: `Tensor t(\"t\"); t = ...;`, and use t",
            std::move(notes)));
    }

    void number_equals() {
        std::map<std::pair<int, std::string>, std::vector<int>> equals;
        std::vector<bool> is_result(entities_.size(), false);
        for (const auto& item : result_of_) {
            is_result[static_cast<std::size_t>(tensor_entity_.at(item.first))] = true;
        }
        for (std::size_t i = 0; i < entities_.size(); ++i) {
            if (entities_[i].parent != none && !is_result[i]) {
                equals[{entities_[i].parent, entities_[i].label}].push_back(static_cast<int>(i));
            }
        }
        for (const auto& [key, list] : equals) {
            for (std::size_t n = 0; list.size() > 1 && n < list.size(); ++n) {
                entities_[static_cast<std::size_t>(list[n])].label += fmt::format("[{}]", n);
            }
        }
    }

    const Entity& named(int id) {
        std::vector<int> path;
        for (int at = id; at != none && entities_[static_cast<std::size_t>(at)].depth == 0;) {
            path.push_back(at);
            at = entities_[static_cast<std::size_t>(at)].parent;
            if (path.size() > entities_.size()) break;
        }
        for (auto at = path.rbegin(); at != path.rend(); ++at) {
            Entity& entity = entities_[static_cast<std::size_t>(*at)];
            const Entity* parent =
                entity.parent == none ? nullptr : &entities_[static_cast<std::size_t>(entity.parent)];
            entity.depth = parent == nullptr ? 1 : parent->depth + 1;
            if (entity.depth > deepest) {
                entity.name = entity.label;
                too_deep_ = true;
            } else {
                entity.name = parent == nullptr ? entity.label : parent->name + "." + entity.label;
            }
        }
        return entities_[static_cast<std::size_t>(id)];
    }

    Names collect() {
        Names names;
        for (const TensorRef& tensor : order_) {
            const auto result = result_of_.find(tensor.get());
            const int id =
                result == result_of_.end() ? tensor_entity_.at(tensor.get()) : group_entity_.at(result->second);
            names.tensors[tensor.get()] = named(id).name;
            if (too_deep_) {
                problems_.push_back(
                    diagnose("L044", tensor->definition_loc, tensor->definition_group,
                             fmt::format("reductions and results without names are nested more than {} deep", deepest),
                             "name some of them: `Tensor t(\"t\"); t = ...;`"));
                break;
            }
        }
        for (const GroupRef& group : groups_) {
            names.groups.emplace_back(group.get(), named(group_entity_.at(group.get())).name);
            for (const TensorRef& tensor : order_) {
                if (!within(tensor->home, group)) continue;
                const bool adopted = !tensor->name.empty() && !within(tensor->name_group, group);
                const bool output = std::find(outputs_.begin(), outputs_.end(), tensor) != outputs_.end();
                if (adopted || output || leaves(*tensor, group)) names.outputs[group.get()].push_back(tensor.get());
            }
        }
        names.problems = std::move(problems_);
        return names;
    }

    const std::vector<TensorRef>& order_;
    const std::vector<TensorRef>& outputs_;
    std::vector<Entity> entities_;
    std::vector<GroupRef> groups_;
    std::unordered_map<const GroupState*, int> group_entity_;
    std::unordered_map<const TensorState*, int> tensor_entity_;
    std::unordered_map<const TensorState*, std::vector<const TensorState*>> users_;
    std::unordered_map<const TensorState*, const GroupState*> result_of_;
    std::vector<Diagnostic> problems_;
    bool too_deep_ = false;
};

} // namespace

Names name_tensors(const std::vector<TensorRef>& order, const std::vector<TensorRef>& outputs) {
    return Namer(order, outputs).run();
}

} // namespace coulter::detail
