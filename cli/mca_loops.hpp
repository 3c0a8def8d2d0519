#pragma once
/// The innermost loops of a kernel's assembly, and how much arithmetic is in each.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coulter::cli {

struct AsmLoop {
    std::string label; ///< `.LBB0_11`
    std::string stage; ///< whose loop it is, as the compiler's comment says; may be empty
    std::string loop;  ///< as the schedule names it
    int depth = 1;     ///< 1: not inside another loop of its function
    std::vector<std::string> instructions;
    double operations = 0;  ///< arithmetic of one iteration, an element of a vector counting one, multiply-add two
    int vector_bytes = 0;   ///< of the widest register that arithmetic uses; 0: none
    bool in_double = false; ///< most of its floating point arithmetic is f64
    bool in_floats = false; ///< there is any
};

/// Loops that have arithmetic and no other loop inside, in the order of the text. \pre AT&T syntax, as LLVM writes it.
[[nodiscard]] std::vector<AsmLoop> innermost_loops(std::string_view assembly);

/// At most `count` loops that take the most time as far as one can tell, at most one for each stage: stages with the
/// most `operations` first, and of each the loop with the most arithmetic, ten times as much for each loop around it.
/// `hosts` says in whose loops a stage is computed, for those that have no loop of their own left.
[[nodiscard]] std::vector<AsmLoop> hottest(const std::vector<AsmLoop>& loops, std::map<std::string, double> operations,
                                           const std::vector<std::pair<std::string, std::string>>& hosts,
                                           std::size_t count);

} // namespace coulter::cli
