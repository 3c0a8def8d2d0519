// Groups: the frame of one call of a library function.

#include "language_nodes.hpp"

namespace coulter {

using namespace detail;

Function::Function(std::string name, const std::vector<Arg>& inputs, SourceLoc loc)
    : group_(std::make_shared<GroupState>()), outer_(current_group()) {
    group_->outer = outer_;
    group_->body = loc;
    group_->call = inputs.empty() ? loc : inputs.front().call();
    group_->function = std::move(name);
    for (const Arg& input : inputs) {
        group_->inputs.push_back(input.node());
    }
    current_group() = group_;
}

Function::~Function() {
    current_group() = outer_;
}

Function& Function::macros(std::string file) {
    group_->macro_file = std::move(file);
    return *this;
}

} // namespace coulter
