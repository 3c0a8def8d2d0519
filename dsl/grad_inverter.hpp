#pragma once
// The class behind `invert`, in two files: what the equations are and what becomes of them, and how they are solved.

#include "grad_invert.hpp"
#include "grad_math.hpp"

namespace coulter::gradient {

/// A loop of the reader, or a part of one. Its key is no name of a dim.
struct Unknown {
    std::string key;
    std::string base; ///< what a dim for it is called after
    ir::Ref extent;
    std::optional<std::int64_t> size;
    bool reduced = false;
    bool digit = false; ///< a remainder
    bool loop = false;  ///< a whole loop
};

struct Linear {
    std::map<std::string, std::int64_t> coefficients; ///< of unknowns
    ir::Ref rest;
};

struct Equation {
    std::string dim;
    ir::Ref index; ///< over unknowns, by key; null: `original` reads data or is bent, and no loop can be solved for
    ir::Ref original;
};

/// One access of one reader. What it is given must outlive it.
class Inverter {
public:
    Inverter(Builder& builder, const ir::Node& access, const std::vector<std::string>& loops,
             const std::vector<std::string>& reduced, const ir::Ref& where);
    Inverse run();

private:
    static std::string key_of(const std::string& loop) { return "'" + loop; }
    void add_equation(const std::string& dim, const ir::Ref& where);
    [[nodiscard]] bool proved_inside(const ir::Ref& index, const std::string& dim, const ir::Ref& where);
    [[nodiscard]] Unknown* find(const std::string& key);
    [[nodiscard]] std::vector<std::string> unknowns_in(const ir::Ref& index);
    void split_digits();
    void split(const std::string& key, std::int64_t m, std::int64_t shift);
    [[nodiscard]] ir::Ref without_digit_atoms(const ir::Ref& index, const std::string& digit, std::int64_t m);
    void note_free_loops();
    [[nodiscard]] std::optional<Linear> linear(const ir::Ref& index);
    bool solve_one();
    void solve(Linear equation, ir::Ref wanted);
    [[nodiscard]] std::string most_worth(const Linear& equation);
    ir::Ref reindexed(Linear& equation, const ir::Ref& wanted, const std::string& target, std::int64_t m);
    void define(const std::string& key, const ir::Ref& value);
    void add_condition(const ir::Ref& condition) { conditions_.push_back(condition); }
    void name_open();
    [[nodiscard]] ir::Ref wanted_extent(const Unknown& each) const;
    void finish_loops();
    void bound(const ir::Ref& index, const ir::Ref& size);
    void finish_equations();

    Builder& builder_;
    const ir::Node& access_;
    const std::vector<std::string>& loops_;
    std::vector<std::string> dims_;
    std::vector<Equation> equations_;
    std::vector<Unknown> unknowns_;
    std::map<std::string, ir::Ref> solved_;
    std::vector<std::string> order_; ///< of solving
    std::map<std::string, ir::Ref> final_;
    std::vector<std::pair<ir::Ref, ir::Ref>> checks_; ///< remainders with their divisor
    std::vector<ir::Ref> conditions_;
    std::vector<std::string> all_loops_;
    Inverse result_;
};

// Small index arithmetic.
[[nodiscard]] ir::Ref number(std::int64_t value);
[[nodiscard]] ir::Ref plus(const ir::Ref& a, const ir::Ref& b);
[[nodiscard]] ir::Ref minus(const ir::Ref& a, const ir::Ref& b);
[[nodiscard]] ir::Ref times(std::int64_t factor, const ir::Ref& a);
[[nodiscard]] ir::Ref divided(const ir::Ref& a, std::int64_t divisor);
[[nodiscard]] ir::Ref remainder(const ir::Ref& a, std::int64_t divisor);
/// Loop indices that an index without accesses uses.
[[nodiscard]] std::vector<std::string> dims_in(const ir::Ref& index);
/// Loop indices of an index without accesses replaced.
[[nodiscard]] ir::Ref replaced(const ir::Ref& index, const std::map<std::string, ir::Ref>& with);
[[nodiscard]] bool reads_data(const ir::Ref& expression);

} // namespace coulter::gradient
