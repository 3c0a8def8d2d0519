#include "names.hpp"

#include <cctype>

namespace coulter::lower {
namespace {

constexpr std::pair<char, char> codes[] = {{'_', '_'}, {'.', '1'}, {'[', '2'}, {']', '3'}, {':', '4'}};

std::string demangle_word(const std::string& word) {
    std::string out;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (word[i] != '_') {
            out += word[i];
            continue;
        }
        bool known = false;
        for (const auto& [plain, code] : codes) {
            if (i + 1 < word.size() && word[i + 1] == code) {
                out += plain;
                known = true;
                break;
            }
        }
        if (!known) {
            return word;
        }
        ++i;
    }
    return out;
}

} // namespace

std::string mangle(const std::string& name) {
    std::string out;
    for (const char c : name) {
        char code = 0;
        for (const auto& [plain, letter] : codes) {
            code = c == plain ? letter : code;
        }
        if (code != 0) {
            out += '_';
        }
        out += code != 0 ? code : c;
    }
    return out;
}

std::string demangle(const std::string& text) {
    std::string out;
    std::string word;
    const auto flush = [&] {
        out += demangle_word(word);
        word.clear();
    };
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
            word += c;
        } else {
            flush();
            out += c;
        }
    }
    flush();
    return out;
}

} // namespace coulter::lower
