#pragma once
// Tensors under other names, and those that are needed at all.

#include "coulter/ir.hpp"

#include <functional>
#include <unordered_set>

namespace coulter {

/// Expressions in which some tensors are called differently. A tensor of the new name has the same dims in any order:
/// `dims_of` tells it, for the bindings of an access stand in that order.
class Renaming {
public:
    explicit Renaming(std::function<std::vector<std::string>(const std::string&)> dims_of)
        : dims_of_(std::move(dims_of)) {}

    void add(const std::string& from, const std::string& to) { names_[from] = to; }

    /// Null stays null. What was renamed before names were added stays as it is: add first.
    [[nodiscard]] ir::Ref operator()(const ir::Ref& expression);
    /// The values, `where` and `into` of a definition.
    void apply(ir::Definition& definition);

private:
    std::function<std::vector<std::string>(const std::string&)> dims_of_;
    std::map<std::string, std::string> names_;
    ir::RewriteMemo memo_;
};

/// Names of what the outputs of a kernel need, themselves included.
[[nodiscard]] std::unordered_set<std::string> needed_tensors(const ir::Kernel& kernel);

} // namespace coulter
