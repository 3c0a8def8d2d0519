#include "syntax_words.hpp"

#include <array>
#include <utility>

namespace coulter::schedule {
namespace {

using Entry = std::pair<std::string_view, std::string_view>;

constexpr std::array planned{
    Entry{"tensorize", "tensor instructions"}, Entry{"pipeline", "asynchronous copies"},
    Entry{"prefetch", "prefetching"},          Entry{"hoist_storage", "hoisting an allocation"},
    Entry{"ring_buffer", "ring buffers"},      Entry{"async", "producers in a thread of their own"},
    Entry{"fold_storage", "folded storage"},
};

constexpr std::array halide{
    Entry{"compute_at", "write `compute at STAGE/LOOP`"},
    Entry{"compute_root", "write `compute root`"},
    Entry{"compute_inline", "write `compute inline`"},
    Entry{"inline", "write `compute inline`"},
    Entry{"root", "write `compute root`"},
    Entry{"store_at", "write `store at STAGE/LOOP`"},
    Entry{"store_root", "write `store root`"},
    Entry{"store_in", "write `store in heap`, `stack` or `registers`"},
    Entry{"reorder_storage", "write `layout DIM ...`, outermost first"},
    Entry{"bound", "extents belong to the kernel: give the dim a constant one there"},
    Entry{"specialize", "write `variant NAME when CONDITION { ... }` around statements"},
    Entry{"atomic", "`vectorize` and `rfactor` on a reduced loop need no such word"},
    Entry{"in", "write `stage NEW = copy SOURCE for CONSUMER`"},
    Entry{"clone_in", "write `clone STAGE for CONSUMER as NEW`"},
    Entry{"gpu", "write `gpu_blocks LOOP ...` and `gpu_threads LOOP ...`"},
    Entry{"gpu_tile", "write `tile A B by N M`, `gpu_blocks A.o B.o` and `gpu_threads A.i B.i`"},
    Entry{"gpu_single_thread", "write `gpu_blocks LOOP`, without threads"},
    Entry{"blocks", "write `gpu_blocks LOOP ...`"},
    Entry{"threads", "write `gpu_threads LOOP ...`"},
    Entry{"lanes", "write `gpu_lanes LOOP`"},
    Entry{"compute_with", "write `stage NEW = join STAGE STAGE`"},
};

template <std::size_t N>
std::string_view look_up(const std::array<Entry, N>& table, std::string_view word) {
    for (const auto& [key, value] : table) {
        if (key == word) {
            return value;
        }
    }
    return {};
}

} // namespace

const std::vector<std::string>& statement_words() {
    static const std::vector<std::string> words{"schedule", "target",  "numerics", "stage",  "rfactor",
                                                "clone",    "extend",  "include",  "macro",  "use",
                                                "tune",     "variant", "drop",     "require"};
    return words;
}

const std::vector<std::string>& directive_words() {
    static const std::vector<std::string> words{
        "split",      "tile",        "fuse",      "reorder", "vectorize", "unroll", "parallel", "serial",
        "gpu_blocks", "gpu_threads", "gpu_lanes", "compute", "store",     "layout", "like",     "use"};
    return words;
}

const std::vector<std::string>& rewrite_words() {
    static const std::vector<std::string> words{"pack", "copy", "accumulate", "join", "chunk"};
    return words;
}

std::string_view planned_word(std::string_view word) {
    return look_up(planned, word);
}

std::string_view halide_spelling(std::string_view word) {
    return look_up(halide, word);
}

} // namespace coulter::schedule
