// Groups: the frame of one call of a library function.

#include "language_nodes.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

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

Function& Function::macros(const std::string& file, SourceLoc loc) {
    const std::filesystem::path beside = std::filesystem::path(loc.file).parent_path() / file;
    for (const std::filesystem::path& path : {std::filesystem::path(file), beside}) {
        if (std::ifstream stream(path, std::ios::binary); stream) {
            std::ostringstream text;
            text << stream.rdbuf();
            return macros(std::filesystem::path(file).filename().string(), text.str());
        }
    }
    group_->problems.push_back(diagnose("L048", loc, group_, "the macro file `" + file + "` cannot be read",
                                        "give its path from the folder of this source file, or the text itself"));
    return *this;
}

Function& Function::macros(const std::string& name, std::string text) {
    if (!text.empty() && text.back() != '\n') {
        text += '\n';
    }
    group_->macro_file = name;
    group_->macro_text = std::move(text);
    return *this;
}

void Function::require(bool holds, const std::string& message, const std::string& help, SourceLoc loc) const {
    if (!holds) {
        throw LanguageError({diagnose("L060", loc, group_, group_->function + ": " + message,
                                      help.empty() ? "the declaration of the function says what it takes" : help)});
    }
}

} // namespace coulter
