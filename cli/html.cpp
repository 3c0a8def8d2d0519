#include "html.hpp"

#include "describe.hpp"

#include <fmt/core.h>

namespace coulter::cli {

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        default: out += static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\t' ? ' ' : c;
        }
    }
    return out;
}

std::string bytes_text(double bytes) {
    const std::string text = with_prefix(bytes);
    return text.find(' ') == std::string::npos ? text + " B" : text + "B";
}

std::string numbered(std::string_view text) {
    std::string out;
    for (int number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        out += fmt::format("<span class=\"line\"><b>{}</b>{}\n</span>", number, escaped(text.substr(0, end)));
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    return out;
}

} // namespace coulter::cli
