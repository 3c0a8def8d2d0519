// Components of a scan's state that nothing reads.

#include "rewrite_unread.hpp"

#include "rewrite_common.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace coulter::schedule {
namespace {

using Components = std::vector<bool>;

bool is_state(const ir::Node& node) {
    return node.kind == ir::Kind::operand && !node.right;
}

/// Adds the components that those read already are combined from.
void close_over(const ir::Scan& scan, Components& read) {
    for (bool changed = true; changed;) {
        changed = false;
        for (std::size_t i = 0; i < scan.combine.size(); ++i) {
            if (!read[i]) {
                continue;
            }
            for (const ir::Node* node : ir::postorder({scan.combine[i]})) {
                if (is_state(*node) && !read[static_cast<std::size_t>(node->component)]) {
                    read[static_cast<std::size_t>(node->component)] = changed = true;
                }
            }
        }
    }
}

/// For each scan with several components, which of them something reads.
std::map<std::string, Components> components_read(const ir::Kernel& kernel) {
    std::map<std::string, Components> read;
    for (const ir::Definition& each : kernel.definitions) {
        if (each.scan && each.types.size() > 1) {
            read[each.name].assign(each.types.size(), kernel.is_output(each.name));
        }
    }
    if (read.empty()) {
        return read;
    }
    for (const ir::Definition& each : kernel.definitions) {
        for (const ir::Node* node : ir::postorder(ir::roots(each))) {
            const auto scan = node->kind == ir::Kind::access ? read.find(node->name) : read.end();
            if (scan != read.end()) {
                scan->second[static_cast<std::size_t>(node->component)] = true;
            }
        }
    }
    for (auto& [name, components] : read) {
        close_over(*kernel.find_definition(name)->scan, components);
    }
    return read;
}

/// Where the components and values of a scan are when those that nothing reads are left out. Values of these stay where
/// others are combined from them, behind the values that have a component; the rest is gone: -1.
struct Places {
    std::vector<int> components;
    std::vector<int> values;
};

Places places_of(const ir::Definition& definition, const Components& read) {
    Places places{std::vector<int>(read.size(), -1), std::vector<int>(definition.values.size(), -1)};
    Components used(definition.values.size(), false);
    int next = 0;
    for (std::size_t i = 0; i < read.size(); ++i) {
        if (!read[i]) {
            continue;
        }
        places.components[i] = places.values[i] = next++;
        for (const ir::Node* node : ir::postorder({definition.scan->combine[i]})) {
            if (node->kind == ir::Kind::operand && node->right) {
                used[static_cast<std::size_t>(node->component)] = true;
            }
        }
    }
    for (std::size_t i = 0; i < used.size(); ++i) {
        if (used[i] && places.values[i] < 0) {
            places.values[i] = next++;
        }
    }
    return places;
}

/// Elements with a place, there.
template <class T>
std::vector<T> placed(const std::vector<T>& all, const std::vector<int>& places) {
    std::vector<T> result(
        static_cast<std::size_t>(std::count_if(places.begin(), places.end(), [](int place) { return place >= 0; })));
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (places[i] >= 0) {
            result[static_cast<std::size_t>(places[i])] = all[i];
        }
    }
    return result;
}

void leave_out(ir::Definition& definition, const Places& places) {
    ir::Scan& scan = *definition.scan;
    const auto moved = [&](const ir::Node& node, const std::vector<ir::Ref>& args) -> ir::Ref {
        if (node.kind != ir::Kind::operand) {
            return nullptr;
        }
        ir::Node operand = node;
        operand.args = args;
        operand.component = (node.right ? places.values : places.components)[static_cast<std::size_t>(node.component)];
        return ir::make_node(std::move(operand));
    };
    const std::vector<ir::Ref> keep_alive = scan.combine; // the memo is keyed by node
    scan.combine = placed(scan.combine, places.components);
    ir::RewriteMemo memo;
    for (ir::Ref& each : scan.combine) {
        each = ir::rewrite(each, moved, memo);
    }
    scan.identity = placed(scan.identity, places.components);
    scan.associative = false; // the state is another than that of a single value
    definition.types = placed(definition.types, places.components);
    definition.values = placed(definition.values, places.values);
}

std::set<std::string> tensors_read(const ir::Kernel& kernel) {
    std::set<std::string> all;
    for (const ir::Definition& each : kernel.definitions) {
        const auto reads = ir::reads(each);
        all.insert(reads.begin(), reads.end());
    }
    return all;
}

} // namespace

ir::Kernel without_unread(const ir::Kernel& kernel) {
    ir::Kernel result = kernel;
    for (const auto& [name, read] : components_read(kernel)) {
        if (std::find(read.begin(), read.end(), false) == read.end() ||
            std::find(read.begin(), read.end(), true) == read.end()) {
            continue;
        }
        ir::Kernel less = result;
        const Places places = places_of(*kernel.find_definition(name), read);
        detail::pin_inferred_extents(less);
        leave_out(less.definitions[detail::position(less, name)], places);
        for (ir::Definition& each : less.definitions) {
            detail::rewrite_definition(each, [&, name = name](const ir::Node& node, const std::vector<ir::Ref>& args) {
                if (node.kind != ir::Kind::access || node.name != name) {
                    return ir::Ref();
                }
                ir::Node access = node;
                access.args = args;
                access.component = places.components[static_cast<std::size_t>(node.component)];
                return ir::make_node(std::move(access));
            });
        }
        // What only the component needs stays with it: a stage without a reader has no place.
        if (tensors_read(less) == tensors_read(result)) {
            result = std::move(less);
        }
    }
    return result;
}

} // namespace coulter::schedule
