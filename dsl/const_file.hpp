#pragma once
/// `<kernel>.const.safetensors`: the consts that are too large for the text, each under the hash of what it holds.

#include "coulter/ir.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coulter::text {

/// Consts of more elements than this stand outside the text.
inline constexpr std::size_t largest_inline_const = 64;

[[nodiscard]] bool is_external(const ir::Const& constant);

/// SHA-256 over type, shape and data; `shape` outermost first.
[[nodiscard]] std::string const_hash(Type type, const std::vector<std::int64_t>& shape, std::string_view data);
[[nodiscard]] std::string const_hash(const ir::Kernel& kernel, const ir::Const& constant);

/// The safetensors file with all external consts of a kernel, in the order of their hashes; empty when there are none.
[[nodiscard]] std::string write_const_file(const ir::Kernel& kernel);

/// The header of such a file. Holds views of the content, which must outlive it.
class ConstFile {
public:
    /// Reads the header; problem() tells what is wrong with a malformed one.
    explicit ConstFile(std::string_view content);

    [[nodiscard]] const std::string& problem() const { return problem_; }

    struct Found {
        std::string_view data;
        std::string problem; ///< not empty: the data must not be used
    };
    /// The data under `hash`, checked against type, shape and the hash itself.
    [[nodiscard]] Found find(const std::string& hash, Type type, const std::vector<std::int64_t>& shape) const;

private:
    struct Entry {
        std::string type;
        std::vector<std::int64_t> shape;
        std::string_view data;
    };
    void read_header(std::string_view header, std::string_view data);

    std::map<std::string, Entry> entries_;
    std::string problem_;
};

} // namespace coulter::text
