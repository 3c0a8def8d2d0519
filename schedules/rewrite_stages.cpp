// accumulate and copy: a stage of the same dims between a definition and its readers.

#include "rewrite_common.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

bool is_name_free(const ir::Kernel& kernel, const std::string& name) {
    return kernel.find_input(name) == nullptr && kernel.find_const(name) == nullptr &&
           kernel.find_definition(name) == nullptr;
}

} // namespace

ir::Kernel accumulate(const ir::Kernel& kernel, const std::string& stage, const std::string& name) {
    const std::size_t at = detail::position(kernel, stage);
    ir::Kernel result = kernel;
    ir::Definition accumulator = kernel.definitions[at];
    COULTER_INTERNAL_ASSERT(accumulator.reduction && accumulator.reduction->into.empty());
    COULTER_INTERNAL_ASSERT(is_name_free(kernel, name));
    accumulator.name = name;

    const auto components = static_cast<int>(accumulator.types.size());
    result.definitions.insert(result.definitions.begin() + static_cast<std::ptrdiff_t>(at), std::move(accumulator));
    ir::Definition& write_out = result.definitions[at + 1];
    write_out.reduction.reset();
    write_out.values.clear();
    for (int component = 0; component < components; ++component) {
        write_out.values.push_back(detail::read_by_name(result, name, component));
    }
    return result;
}

ir::Kernel copy(const ir::Kernel& kernel, const std::string& producer, const std::string& consumer,
                const std::string& name) {
    const std::size_t at = detail::position(kernel, consumer);
    const std::vector<std::string> read = ir::reads(kernel.definitions[at]);
    COULTER_INTERNAL_ASSERT(std::find(read.begin(), read.end(), producer) != read.end());
    COULTER_INTERNAL_ASSERT(is_name_free(kernel, name));

    ir::Kernel result = kernel;
    ir::Definition staged;
    staged.name = name;
    staged.dims = kernel.dims_of(producer);
    staged.types = kernel.types_of(producer);
    for (int component = 0; component < static_cast<int>(staged.types.size()); ++component) {
        staged.values.push_back(detail::read_by_name(kernel, producer, component));
    }
    staged.span = kernel.definitions[at].span;

    // The boundary stays on the consumer's access: the copy has the same dims, so "outside" means the same.
    detail::rewrite_definition(result.definitions[at], [&](const ir::Node& node, const std::vector<ir::Ref>& args) {
        if (node.kind != ir::Kind::access || node.name != producer) {
            return ir::Ref{};
        }
        ir::Node replacement = node;
        replacement.name = name;
        replacement.args = args;
        return ir::make_node(std::move(replacement));
    });
    result.definitions.insert(result.definitions.begin() + static_cast<std::ptrdiff_t>(at), std::move(staged));
    return result;
}

} // namespace coulter::schedule
