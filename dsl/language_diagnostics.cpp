// Places and names in messages.

#include "language_nodes.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace coulter::detail {
namespace {

bool is_identifier(const std::string& text) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    return !text.empty() && text.size() <= 200 && letter(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || digit(c); });
}

} // namespace

Span span_of(SourceLoc loc) {
    std::string_view file(loc.file);
    std::size_t cut = file.rfind('/');
    if (cut != std::string_view::npos && cut > 0) {
        cut = file.rfind('/', cut - 1);
        if (cut != std::string_view::npos) file.remove_prefix(cut + 1);
    }
    return {std::string(file), loc.line, 0, 1};
}

Diagnostic diagnose(const char* code, SourceLoc loc, const GroupRef& group, std::string message, std::string help,
                    std::vector<Note> notes) {
    Diagnostic diagnostic{Severity::error, code, span_of(loc), std::move(message), {}, std::move(help)};
    std::vector<const GroupState*> chain;
    for (const GroupState* at = group.get(); at != nullptr; at = at->outer.get()) {
        chain.push_back(at);
    }
    const auto same_line = [&](SourceLoc a, SourceLoc b) {
        return a.line == b.line && std::string_view(a.file) == std::string_view(b.file);
    };
    if (!chain.empty()) {
        std::reverse(chain.begin(), chain.end());
        diagnostic.span = span_of(chain.front()->call);
        for (std::size_t i = 0; i < chain.size(); ++i) {
            const SourceLoc before = chain[i]->call;
            SourceLoc at = i + 1 < chain.size() ? chain[i + 1]->call : loc;
            // An operand that the caller passed on carries the caller's line; the function's own line says more.
            if (same_line(at, before) || same_line(at, chain.front()->call))
                at = i + 1 < chain.size() ? chain[i + 1]->body : chain[i]->body;
            if (!same_line(at, before)) {
                diagnostic.notes.push_back(
                    {span_of(at), fmt::format("in the library function `{}`", chain[i]->function)});
            }
        }
    }
    diagnostic.notes.insert(diagnostic.notes.end(), notes.begin(), notes.end());
    return diagnostic;
}

Diagnostic diagnose(const char* code, SourceLoc loc, std::string message, std::string help, std::vector<Note> notes) {
    return diagnose(code, loc, current_group(), std::move(message), std::move(help), std::move(notes));
}

std::vector<Diagnostic> check_identifier(const char* what, const std::string& name, SourceLoc loc) {
    if (is_identifier(name)) return {};
    return {diagnose("L001", loc, fmt::format("`{}` cannot name a {}", name, what),
                     "a name is a letter or `_`, then letters, digits and `_`; dots and brackets are made by Coulter")};
}

std::string called(const TensorState& tensor) {
    if (!tensor.name.empty()) return fmt::format("`{}`", tensor.name);
    return tensor.role.empty() ? "this tensor" : fmt::format("this `{}`", tensor.role);
}

std::string describe(const ExprNode& node) {
    switch (node.literal) {
    case Literal::integer:
        return node.above_i64 ? fmt::format("the literal {}", static_cast<std::uint64_t>(node.integer))
                              : fmt::format("the literal {}", node.integer);
    case Literal::real: {
        std::string digits = fmt::format("{}", node.real);
        if (digits.find_first_of(".en") == std::string::npos) digits += ".0";
        return fmt::format("the literal {}", digits);
    }
    case Literal::boolean: return fmt::format("the literal {}", node.integer != 0);
    case Literal::none: break;
    }
    return fmt::format("{}", name(node.type));
}

} // namespace coulter::detail
