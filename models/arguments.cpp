#include "models/arguments.hpp"

#include <algorithm>
#include <sstream>

namespace coulter::models {
namespace {

std::string text_of(double value) {
    std::ostringstream text;
    text << value;
    return text.str();
}

} // namespace

void require_dim(const Function& f, const Arg& argument, const std::string& what, const Dim& dim) {
    const std::vector<Dim> dims = argument.dims();
    std::string names;
    for (const Dim& each : dims) {
        names += (names.empty() ? "`" : ", `") + each.name() + "`";
    }
    f.require(std::any_of(dims.begin(), dims.end(), [&](const Dim& each) { return each.name() == dim.name(); }),
              what + " must have the dim `" + dim.name() + "`",
              dims.empty() ? "it is a scalar" : "its dims are " + names);
}

void require_at_least(const Function& f, std::int64_t value, std::int64_t least, const std::string& what) {
    f.require(value >= least,
              what + " is " + std::to_string(value) + ", where " + std::to_string(least) + " or more is needed");
}

void require_within(const Function& f, double value, double low, double high, const std::string& what) {
    f.require(value >= low && value <= high,
              what + " is " + text_of(value) + ", where " + text_of(low) + " to " + text_of(high) + " is needed");
}

Expr element_count(Type type, const std::vector<Dim>& dims) {
    Expr product = extent(dims.front());
    for (std::size_t i = 1; i < dims.size(); ++i) {
        product = product * extent(dims[i]);
    }
    return cast(type, product);
}

} // namespace coulter::models
