#include "coulter/fingerprint.hpp"

#include "coulter/text.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>
#include <unordered_map>

namespace coulter {
namespace {

/// Writes a definition as lines that do not depend on the names of its dims, on which nodes are shared, or on the
/// order of its dims.
class Canonical {
public:
    Canonical(const ir::Definition& definition, const std::map<std::string, std::string>& former) : former_(former) {
        for (const Type type : definition.types) {
            text_ += fmt::format("type {}\n", name(type));
        }
        roots("value", definition.values);
        if (definition.reduction) {
            const ir::Reduction& reduction = *definition.reduction;
            text_ += fmt::format("reduce {}\n", ir::name(reduction.op));
            if (reduction.where) {
                roots("where", {reduction.where});
            }
            std::vector<std::string> into;
            for (const ir::Into& bound : reduction.into) {
                into.push_back(fmt::format("{}={}", dim(bound.dim), number(bound.index)));
            }
            std::sort(into.begin(), into.end());
            text_ += fmt::format("into {}{}\n", fmt::join(into, " "), reduction.atomic ? " atomic" : "");
            roots("identity", reduction.identity);
            roots("combine", reduction.combine);
            set("over", reduction.dims);
        }
        if (definition.scan) {
            const ir::Scan& scan = *definition.scan;
            text_ += fmt::format("scan {} {} {}{}\n", dim(scan.dim), scan.reversed, scan.exclusive,
                                 scan.associative ? " associative" : "");
            for (const std::string& inner : scan.inner) {
                text_ += fmt::format("inner {}\n", dim(inner));
            }
            roots("identity", scan.identity);
            roots("combine", scan.combine);
        }
        // Its other dims do not count: for each index of a dim that no expression mentions the same is computed.
    }

    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::size_t dim(const std::string& original) { return dims_.try_emplace(original, dims_.size()).first->second; }

    // Dims that no expression mentions are equal to each other: only their number counts.
    void set(const char* what, const std::vector<std::string>& names) {
        std::vector<std::size_t> known;
        for (const std::string& original : names) {
            if (const auto at = dims_.find(original); at != dims_.end()) {
                known.push_back(at->second);
            }
        }
        std::sort(known.begin(), known.end());
        text_ += fmt::format("{} {} of {}\n", what, fmt::join(known, " "), names.size());
    }

    void roots(const char* what, const std::vector<ir::Ref>& list) {
        for (const ir::Ref& root : list) {
            const std::size_t value = number(root);
            text_ += fmt::format("{} {}\n", what, value);
        }
    }

    // Equal subexpressions get one number, and each number one line.
    std::size_t number(const ir::Ref& root) {
        for (const ir::Node* node : ir::postorder({root})) {
            if (numbers_.contains(node)) {
                continue;
            }
            std::string line = describe(*node);
            const auto [at, added] = lines_.try_emplace(line, lines_.size());
            if (added) {
                text_ += line + '\n';
            }
            numbers_.emplace(node, at->second);
        }
        return numbers_.at(root.get());
    }

    std::string describe(const ir::Node& node) {
        const bool of_dim = node.kind == ir::Kind::dim || node.kind == ir::Kind::extent;
        const auto bits = std::isnan(node.real) ? 0x7ff8000000000000U : std::bit_cast<std::uint64_t>(node.real);
        std::string line =
            fmt::format("{} {} {} {} {:x} {} {} {} ", static_cast<int>(node.kind), ir::name(node.op), name(node.type),
                        node.integer, bits, node.component, node.right, static_cast<int>(node.boundary));
        const auto other = node.kind == ir::Kind::access ? former_.find(node.name) : former_.end();
        line += of_dim ? fmt::format("d{}", dim(node.name)) : other == former_.end() ? node.name : other->second;
        for (const std::string& bound : node.dims) {
            line += fmt::format(" d{}", dim(bound));
        }
        for (const ir::Ref& arg : node.args) {
            line += fmt::format(" %{}", numbers_.at(arg.get()));
        }
        return line;
    }

    const std::map<std::string, std::string>& former_; ///< names of producers
    std::string text_;
    std::unordered_map<std::string, std::size_t> dims_;
    std::unordered_map<std::string, std::size_t> lines_;
    std::unordered_map<const ir::Node*, std::size_t> numbers_;
};

} // namespace

std::string fingerprint(const ir::Definition& definition, const std::map<std::string, std::string>& former) {
    return sha256(Canonical(definition, former).text()).substr(0, 8);
}

std::string fingerprint(const ir::Kernel& kernel) {
    ir::Kernel bare = kernel;
    bare.estimates.clear();
    return sha256(print(bare)).substr(0, 16);
}

} // namespace coulter
