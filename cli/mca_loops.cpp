#include "mca_loops.hpp"

#include "../schedules/lower/names.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>

namespace coulter::cli {
namespace {

struct Line {
    std::string label;       ///< of a line that has one
    std::string comment;     ///< behind a label
    std::string instruction; ///< of a line that has one
};

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

Line parse(std::string_view text) {
    const std::size_t hash = text.find('#');
    const std::string_view code = trimmed(text.substr(0, hash));
    Line line;
    if (hash != std::string_view::npos) {
        line.comment = trimmed(text.substr(hash + 1));
    }
    if (code.ends_with(':')) {
        line.label = code.substr(0, code.size() - 1);
    } else if (!code.empty() && code.front() != '.') {
        line.instruction = code;
    }
    return line;
}

std::string_view mnemonic(std::string_view instruction) {
    return instruction.substr(0, instruction.find_first_of(" \t"));
}

/// Where a jump inside the function goes, or nothing.
std::string_view jump_target(std::string_view instruction) {
    const std::string_view word = mnemonic(instruction);
    return word.starts_with('j') ? trimmed(instruction.substr(word.size())) : std::string_view();
}

struct Arithmetic {
    double operations = 0;
    int vector_bytes = 0;
    bool in_floats = false;
    bool in_double = false;
};

std::optional<Arithmetic> arithmetic(std::string_view instruction) {
    std::string_view word = mnemonic(instruction);
    word.remove_prefix(word.starts_with('v') ? 1 : 0);
    const auto is_any = [&](std::initializer_list<std::string_view> names) {
        return std::ranges::any_of(names, [&](std::string_view name) { return word.starts_with(name); });
    };
    const int width = instruction.find("%zmm") != std::string_view::npos   ? 64
                      : instruction.find("%ymm") != std::string_view::npos ? 32
                      : instruction.find("%xmm") != std::string_view::npos ? 16
                                                                           : 0;
    if (width == 0 || word.size() < 4) {
        return std::nullopt;
    }
    const bool fused = is_any({"fmadd", "fmsub", "fnmadd", "fnmsub"});
    if (fused || is_any({"add", "sub", "mul", "div", "max", "min", "sqrt"})) {
        const std::string_view type = word.substr(word.size() - 2);
        const bool packed = type == "ps" || type == "pd" || type == "ph";
        if (!packed && type != "ss" && type != "sd" && type != "sh") {
            return std::nullopt;
        }
        const int element = type[1] == 'd' ? 8 : type[1] == 's' ? 4 : 2;
        return Arithmetic{(fused ? 2.0 : 1.0) * (packed ? static_cast<double>(width) / element : 1), width, true,
                          element == 8};
    }
    if (is_any({"padd", "psub", "pmul", "pmax", "pmin", "pmadd", "pdp"})) {
        const char type = word.back();
        const int element = type == 'b' ? 1 : type == 'w' ? 2 : type == 'q' ? 8 : 4;
        return Arithmetic{(is_any({"pmadd", "pdp"}) ? 2.0 : 1.0) * width / element, width, false, false};
    }
    return std::nullopt;
}

// What LLVM appends to the names of blocks that it copies.
bool is_suffix(std::string_view part) {
    static constexpr std::array<std::string_view, 9> known{"us",   "rebased", "preheader", "loopexit", "split",
                                                           "peel", "epil",    "prol",      "lver"};
    return std::ranges::any_of(known, [&](std::string_view name) {
        return part.starts_with(name) && part.find_first_not_of("0123456789", name.size()) == std::string_view::npos;
    });
}

/// `%"4_for_votes_1acc.s1.in.us.us"` is the loop `in` of `votes.acc`.
void name_loop(std::string_view comment, AsmLoop& loop) {
    constexpr std::string_view begin = "_for_";
    const std::size_t start = comment.find(begin);
    if (start == std::string_view::npos) {
        return;
    }
    std::string_view rest = comment.substr(start + begin.size());
    rest = rest.substr(0, rest.find_first_of("\" "));
    std::vector<std::string_view> parts;
    while (!rest.empty()) {
        const std::size_t dot = rest.find('.');
        parts.push_back(rest.substr(0, dot));
        rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
    }
    while (parts.size() > 1 && is_suffix(parts.back())) {
        parts.pop_back();
    }
    if (parts.size() > 2) { // stage, step, and the loop behind those that it was split from
        // Halide tells functions of one name apart by a number behind a dollar sign.
        loop.stage = lower::demangle(std::string(parts.front().substr(0, parts.front().find('$'))));
        loop.loop = lower::demangle(std::string(parts.back()));
    }
}

struct Extent {
    std::size_t first = 0; ///< the line of the label
    std::size_t last = 0;  ///< of the last jump back to it
};

std::vector<Extent> loop_extents(const std::vector<Line>& lines) {
    std::map<std::string_view, std::size_t> labels;
    std::map<std::size_t, std::size_t> loops;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (!lines[i].label.empty()) {
            labels[lines[i].label] = i;
        }
        const auto target = labels.find(jump_target(lines[i].instruction));
        if (target != labels.end()) {
            loops[target->second] = i;
        }
    }
    std::vector<Extent> extents;
    for (const auto& [first, last] : loops) {
        extents.push_back({first, last});
    }
    return extents;
}

} // namespace

std::vector<AsmLoop> innermost_loops(std::string_view assembly) {
    std::vector<Line> lines;
    while (!assembly.empty()) {
        const std::size_t end = assembly.find('\n');
        lines.push_back(parse(assembly.substr(0, end)));
        assembly = end == std::string_view::npos ? std::string_view() : assembly.substr(end + 1);
    }
    const std::vector<Extent> extents = loop_extents(lines);
    std::vector<AsmLoop> loops;
    for (const Extent& extent : extents) {
        const auto contains = [](const Extent& outer, const Extent& inner) {
            return outer.first < inner.first && inner.last <= outer.last;
        };
        if (std::ranges::any_of(extents, [&](const Extent& other) { return contains(extent, other); })) {
            continue;
        }
        AsmLoop loop;
        loop.label = lines[extent.first].label;
        loop.depth += static_cast<int>(
            std::ranges::count_if(extents, [&](const Extent& other) { return contains(other, extent); }));
        name_loop(lines[extent.first].comment, loop);
        double doubles = 0;
        double floats = 0;
        for (std::size_t i = extent.first; i <= extent.last; ++i) {
            if (lines[i].instruction.empty()) {
                continue;
            }
            loop.instructions.push_back(lines[i].instruction);
            if (const auto found = arithmetic(lines[i].instruction)) {
                loop.operations += found->operations;
                loop.vector_bytes = std::max(loop.vector_bytes, found->vector_bytes);
                (found->in_double ? doubles : floats) += found->in_floats ? found->operations : 0;
            }
        }
        loop.in_double = doubles > floats;
        loop.in_floats = doubles + floats > 0;
        if (loop.operations > 0) {
            loops.push_back(std::move(loop));
        }
    }
    return loops;
}

std::vector<AsmLoop> hottest(const std::vector<AsmLoop>& loops, std::map<std::string, double> operations,
                             const std::vector<std::pair<std::string, std::string>>& hosts, std::size_t count) {
    const auto weight = [](const AsmLoop& loop) { return loop.operations * std::pow(10, loop.depth); };
    std::map<std::string, AsmLoop> best;
    for (const AsmLoop& loop : loops) {
        const auto [at, is_new] = best.emplace(loop.stage, loop);
        if (!is_new && weight(loop) > weight(at->second)) {
            at->second = loop;
        }
    }
    for (const auto& [stage, host] : hosts) {
        if (!best.contains(stage)) {
            operations[host] += operations[stage];
        }
    }
    std::vector<AsmLoop> all;
    double most = 0;
    for (const auto& [stage, loop] : best) {
        all.push_back(loop);
        most = std::max(most, operations[stage]);
    }
    std::ranges::stable_sort(all, [&](const AsmLoop& a, const AsmLoop& b) {
        const double mine = operations[a.stage];
        const double other = operations[b.stage];
        return mine != other ? mine > other : weight(a) > weight(b);
    });
    // What has a twentieth of the operations of the hottest does not decide the time.
    std::erase_if(all, [&](const AsmLoop& loop) { return operations[loop.stage] < 0.05 * most; });
    all.resize(std::min(all.size(), count));
    return all;
}

} // namespace coulter::cli
