#pragma once
/// What the programs of the lessons share.

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

/// The contents of a file.
inline std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw std::runtime_error("cannot read " + path);
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

/// What a command of the shell prints, on both its outputs; `status` is what it ended with.
inline std::string output_of(const std::string& command, int* status = nullptr) {
    std::FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) {
        throw std::runtime_error("cannot run " + command);
    }
    std::string text;
    std::array<char, 4096> buffer{};
    for (std::size_t count = 0; (count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
        text.append(buffer.data(), count);
    }
    const int ended = pclose(pipe);
    if (status != nullptr) {
        *status = ended;
    }
    return text;
}

/// The text with two spaces before each line.
inline std::string indented(const std::string& text) {
    std::string out;
    bool begins = true;
    for (const char c : text) {
        if (begins && c != '\n') {
            out += "  ";
        }
        out += c;
        begins = c == '\n';
    }
    return out;
}

/// A path in single quotes, for the shell.
inline std::string quoted(const std::string& path) {
    std::string out = "'";
    for (const char c : path) {
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return out + "'";
}
