#include "syntax_words.hpp"

#include <array>
#include <utility>

namespace coulter::schedule {
namespace {

using Entry = std::pair<std::string_view, std::string_view>;

constexpr std::array planned{
    Entry{"macro", "macros"},
    Entry{"use", "macros"},
    Entry{"like", "taking over another stage's directives"},
    Entry{"variant", "variants"},
    Entry{"tune", "holes for the tuner"},
    Entry{"include", "files that include files"},
    Entry{"extend", "layers of schedules"},
    Entry{"clone", "a copy of a definition for one consumer"},
    Entry{"skip", "statements that may miss their stage"},
    Entry{"tensorize", "tensor instructions"},
    Entry{"pipeline", "asynchronous copies"},
    Entry{"gpu", "schedules for GPUs"},
    Entry{"gpu_blocks", "schedules for GPUs"},
    Entry{"gpu_threads", "schedules for GPUs"},
    Entry{"gpu_lanes", "schedules for GPUs"},
    Entry{"gpu_tile", "schedules for GPUs"},
    Entry{"blocks", "schedules for GPUs"},
    Entry{"threads", "schedules for GPUs"},
    Entry{"lanes", "schedules for GPUs"},
    Entry{"prefetch", "prefetching"},
    Entry{"hoist_storage", "hoisting an allocation"},
    Entry{"ring_buffer", "ring buffers"},
    Entry{"async", "producers in a thread of their own"},
    Entry{"fold_storage", "folded storage"},
};

constexpr std::array halide{
    Entry{"compute_at", "compute at STAGE/LOOP"},
    Entry{"compute_root", "compute root"},
    Entry{"compute_inline", "compute inline"},
    Entry{"inline", "compute inline"},
    Entry{"root", "compute root"},
    Entry{"store_at", "store at STAGE/LOOP"},
    Entry{"store_root", "store root"},
    Entry{"store_in", "store in stack"},
    Entry{"reorder_storage", "layout DIM ..."},
    Entry{"bound", "nothing: extents belong to the kernel"},
    Entry{"specialize", "nothing yet: variants are not built"},
    Entry{"atomic", "vectorize or rfactor on the reduced loop"},
    Entry{"in", "stage NEW = copy SOURCE for CONSUMER"},
};

template <std::size_t N> std::string_view look_up(const std::array<Entry, N>& table, std::string_view word) {
    for (const auto& [key, value] : table) {
        if (key == word) {
            return value;
        }
    }
    return {};
}

} // namespace

const std::vector<std::string>& statement_words() {
    static const std::vector<std::string> words{"schedule", "target", "numerics", "stage", "rfactor"};
    return words;
}

const std::vector<std::string>& directive_words() {
    static const std::vector<std::string> words{"split",    "tile",   "fuse",    "reorder", "vectorize", "unroll",
                                                "parallel", "serial", "compute", "store",   "layout"};
    return words;
}

const std::vector<std::string>& rewrite_words() {
    static const std::vector<std::string> words{"pack", "copy", "accumulate"};
    return words;
}

std::string_view planned_word(std::string_view word) {
    return look_up(planned, word);
}

std::string_view halide_spelling(std::string_view word) {
    return look_up(halide, word);
}

} // namespace coulter::schedule
