#pragma once
/// The layers of a schedule, lowest first: what functions carry, the files, and above them what their variants say.

#include "expand_scope.hpp"

#include <algorithm>

namespace coulter::schedule::detail {

/// Macro files that functions carry, which lie below all files, by the function's name.
using Carried = std::map<std::string, ScheduleFile>;

class Layers {
public:
    Layers(const ir::Kernel& kernel, const std::vector<const ScheduleFile*>& files, const Carried& carried)
        : kernel_(kernel), files_(files), carried_(carried) {}

    /// Macros and holes. `variant`: with the holes of that one, empty for none.
    template <class Expander>
    void declare(Expander& expander, const std::string& variant) const {
        for (const auto& [function, file] : carried_) {
            expander.declare(file.statements, 0, function + ".");
        }
        for (std::size_t i = 0; i < files_.size(); ++i) {
            expander.declare(files_[i]->statements, layer_of(i), "");
        }
        for (std::size_t i = 0; i < files_.size() && !variant.empty(); ++i) {
            expander.declare_in_variant(files_[i]->statements, layer_of_variants(i), variant);
        }
    }

    template <class Expander>
    void statements(Expander& expander) const {
        for (const ir::Group& group : kernel_.groups) {
            if (const auto file = carried_.find(group.function); file != carried_.end()) {
                Scope scope;
                scope.prefix = group.function + ".";
                scope.bindings["self"].name.text = group.path;
                expander.common(file->second.statements, scope);
            }
        }
        for (std::size_t i = 0; i < files_.size(); ++i) {
            Scope scope;
            scope.layer = layer_of(i);
            expander.common(files_[i]->statements, scope);
        }
        for (std::size_t i = 0; i < files_.size(); ++i) {
            Scope scope;
            scope.layer = layer_of_variants(i);
            expander.variants(files_[i]->statements, scope);
        }
    }

    /// Names of the variants that give holes values of their own.
    [[nodiscard]] std::set<std::string> variants_with_holes() const {
        std::set<std::string> names;
        for (const ScheduleFile* file : files_) {
            add_variants_with_holes(file->statements, names);
        }
        return names;
    }

private:
    static int layer_of(std::size_t file) { return static_cast<int>(file) + 1; }
    [[nodiscard]] int layer_of_variants(std::size_t file) const { return static_cast<int>(files_.size() + file) + 1; }

    static void add_variants_with_holes(const std::vector<Statement>& statements, std::set<std::string>& names) {
        for (const Statement& s : statements) {
            if (s.kind == Statement::Kind::variant &&
                std::ranges::find(s.body, Statement::Kind::tune, &Statement::kind) != s.body.end()) {
                names.insert(s.stage.text);
            } else if (s.kind == Statement::Kind::include && s.included != nullptr) {
                add_variants_with_holes(s.included->statements, names);
            }
        }
    }

    const ir::Kernel& kernel_;
    const std::vector<const ScheduleFile*>& files_;
    const Carried& carried_;
};

} // namespace coulter::schedule::detail
