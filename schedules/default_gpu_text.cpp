// Launches as text.

#include "default_gpu_text.hpp"

#include "default_lines.hpp"

#include "default_nests.hpp"
#include "default_ordered.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coulter::schedule {
namespace {

constexpr std::int64_t most_copies = 32;          ///< of a body, by unrolling
constexpr std::int64_t most_decided_copies = 128; ///< the same, where that is decided
constexpr std::size_t most_loops = 3;             ///< over blocks

std::string joined(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, " "));
}

/// The loops of a launch's stage, each innermost first.
struct LoopNames {
    std::vector<std::string> tile; ///< a vectorized one comes first
    std::vector<std::string> serial;
    std::vector<std::string> threads;
    std::vector<std::string> blocks;
    std::size_t tiled = 0; ///< so many of those over blocks, the innermost, are over tiles of threads
    std::size_t inner = 0; ///< so many of the serial ones are over dims that are not spread over threads and blocks

    /// The innermost loop outside of what a thread, a step and a block compute.
    [[nodiscard]] std::string place(DevicePlace of) const {
        if (of == DevicePlace::block) {
            return blocks.front();
        }
        if (of == DevicePlace::step && !serial.empty()) {
            return serial.front();
        }
        return inner < serial.size() ? serial[inner] : threads.empty() ? blocks.front() : threads.front();
    }
};

class Writer : private DefaultLines {
public:
    Writer(const Analysis& analysis, const std::map<std::string, DeviceStage>& stages)
        : DefaultLines(analysis.kernel()), kernel_(analysis.kernel()), analysis_(analysis), stages_(stages) {}

    std::string run() {
        // Launches come before what is computed in them, which asks for the names of their loops.
        for (auto at = kernel_.definitions.rbegin(); at != kernel_.definitions.rend(); ++at) {
            stage(*at, stages_.at(at->name));
        }
        return text();
    }

private:
    void stage(const ir::Definition& definition, const DeviceStage& shape) {
        switch (shape.place) {
        case DevicePlace::given: break;
        case DevicePlace::inlined:
            line(fmt::format("stage {} {{ compute inline }}", definition.name),
                 "cheaper to compute again than to store");
            break;
        case DevicePlace::host: host(definition, shape); break;
        case DevicePlace::launch: launch(definition, shape); break;
        case DevicePlace::ordered: ordered(definition, shape); break;
        default: member(definition, definition.name, shape, shape.place, shape.launch);
        }
    }

    void host(const ir::Definition& definition, const DeviceStage& shape) {
        if (!shape.lanes.empty()) {
            value(definition, shape);
            return;
        }
        open(definition.name);
        step("compute root", "by the processor: " + shape.why);
        if (!is_ordered(definition) && !definition.dims.empty() && !Analysis::is_packed(definition) &&
            work_of(analysis_, definition.name) >= worth_threads) {
            step("parallel " + display_name(definition.dims.front()), "tasks of its threads");
        }
        close();
    }

    /// One value of many parts.
    void value(const ir::Definition& definition, const DeviceStage& shape) {
        const std::string loop = display_name(shape.lanes);
        open(definition.name);
        step("compute root", "by the processor: " + shape.why);
        step(fmt::format("split {} by {}", loop, shape.threads), "the device makes so many parts of it");
        close();
        const std::string part = free_name(definition.name + ".part");
        line(fmt::format("rfactor {}: {}.i as {}", definition.name, loop, part), "a part of each thread");
        const std::int64_t threads = std::min<std::int64_t>(shape.threads, 64);
        open(part);
        step("compute root", "a launch");
        step(fmt::format("split {0}.i by {1} as {0}.block {0}.thread", loop, threads), "whole warps");
        step(fmt::format("gpu_blocks {}.block", loop), fmt::format("{} blocks", shape.threads / threads));
        step(fmt::format("gpu_threads {}.thread", loop), "neighbours read what lies side by side");
        close();
    }

    void launch(const ir::Definition& definition, const DeviceStage& shape) {
        if (definition.reduction && shape.sums == DevicePlace::launch && kernel_.is_output(definition.name)) {
            // The caller's tensor has no room beyond its extents.
            const std::string apart = free_name(definition.name + ".acc");
            line(fmt::format("stage {} = accumulate {}", apart, definition.name),
                 "of its condition Halide may make more results than there are");
            open(apart);
            step("compute root", "a launch of its own, in memory of its own");
            nest(definition, shape);
            close();
        }
        std::string sums;
        if (definition.reduction && shape.sums != DevicePlace::launch) {
            sums = free_name(definition.name + ".acc");
            line(fmt::format("stage {} = accumulate {}", sums, definition.name),
                 "results stay in registers until final");
        }
        open(definition.name);
        step("compute root", !shape.why.empty() ? "a launch: " + shape.why
                             : kernel_.is_output(definition.name)
                                 ? "a launch: an output"
                                 : "a launch: not all that reads it can have it inside");
        loops_[definition.name] = nest(definition, shape);
        close();
        if (!sums.empty()) {
            member(definition, sums, shape, shape.sums, definition.name);
        }
    }

    /// The elements of the free dims to threads, each of which goes through the others in their order.
    void ordered(const ir::Definition& definition, const DeviceStage& shape) {
        open(definition.name);
        step("compute root",
             definition.scan ? "a launch: each thread scans in order" : "a launch: each thread scatters in order");
        (void)nest(definition, shape);
        close();
        if (definition.reduction) {
            DeviceStage start;
            start.loops = spread_loops(analysis_, definition, definition.dims, {}, definition.dims.back(), {});
            open(definition.name + ".init");
            (void)spread(start);
            close();
        }
    }

    LoopNames nest(const ir::Definition& definition, const DeviceStage& shape) {
        LoopNames names = splits(shape);
        layout(definition, shape, names);
        spread(shape, names);
        return names;
    }

    LoopNames spread(const DeviceStage& shape) {
        LoopNames names = splits(shape);
        spread(shape, names);
        return names;
    }

    void spread(const DeviceStage& shape, LoopNames& names) {
        order(names);
        fuse(names);
        share(names, shape);
    }

    /// The dim of the innermost threads is innermost in memory where nothing is said.
    void layout(const ir::Definition& definition, const DeviceStage& shape, const LoopNames& names) {
        const std::vector<std::string>& wanted = analysis_.layout(definition.name);
        std::vector<std::string> usual = definition.dims;
        std::string moved = shape.tile.vector;
        if (moved.empty() && !names.threads.empty()) {
            const auto first = std::find_if(shape.loops.begin(), shape.loops.end(),
                                            [](const DeviceLoop& loop) { return loop.threads > 1; });
            moved = first->dim;
        }
        const auto at = std::find(usual.begin(), usual.end(), moved);
        if (at != usual.end()) {
            std::rotate(at, at + 1, usual.end());
        }
        if (wanted != usual && !kernel_.is_output(definition.name)) {
            std::vector<std::string> dims;
            for (const std::string& dim : wanted) {
                dims.push_back(display_name(dim));
            }
            step("layout " + joined(dims), "contiguous for most threads that read or write it");
        }
    }

    LoopNames splits(const DeviceStage& shape) {
        LoopNames names;
        const char* const several = "what is loaded once serves several results of a thread";
        std::vector<std::string> spread_serial;
        for (const DeviceLoop& loop : shape.loops) {
            const std::string name = display_name(loop.dim);
            const bool vector = loop.dim == shape.tile.vector;
            const auto unroll = [&](const std::string& unrolled) {
                names.tile.insert(vector ? names.tile.begin() : names.tile.end(), unrolled);
            };
            const std::string outer = name + (loop.serial ? ".step" : ".block");
            const std::string rest = loop.threads * loop.tile > 1 && !loop.whole ? outer : name;
            if (loop.whole && (loop.tile > 1 || loop.serial)) {
                unroll(name);
                continue;
            }
            if (loop.whole) {
                names.threads.push_back(name);
                continue;
            }
            if (loop.threads > 1 && loop.tile > 1) {
                step(fmt::format("split {0} by {1} as {2} {0}.tile", name, loop.threads * loop.tile, outer),
                     "what a block has");
                step(fmt::format("split {0}.tile by {1} as {0}.thread {0}.i", name, loop.tile), several);
            } else if (loop.threads > 1) {
                step(fmt::format("split {0} by {1} as {2} {0}.thread", name, loop.threads, outer),
                     !names.threads.empty() ? "threads of a block"
                     : shape.first_decided  ? "neighbouring threads lie along it"
                                            : "neighbouring threads touch what lies side by side");
            } else if (loop.tile > 1) {
                step(fmt::format("split {0} by {1} as {2} {0}.i", name, loop.tile, outer), several);
            }
            if (loop.threads > 1) {
                names.threads.push_back(name + ".thread");
            }
            if (loop.tile > 1) {
                unroll(name + ".i");
            }
            if (loop.serial) {
                names.serial.push_back(rest);
            } else if (loop.tile > 1) {
                names.blocks.insert(names.blocks.begin() + static_cast<std::ptrdiff_t>(names.tiled++), rest);
            } else {
                names.blocks.push_back(rest);
            }
        }
        names.inner = names.serial.size();
        return names;
    }

    void order(LoopNames& names) {
        while (names.blocks.size() > 2 * most_loops - names.tiled) {
            names.serial.push_back(names.blocks.back());
            names.blocks.pop_back();
        }
        std::vector<std::string> order = names.tile;
        for (const auto* part : {&names.serial, &names.threads, &names.blocks}) {
            order.insert(order.end(), part->begin(), part->end());
        }
        if (order.size() > 1) {
            step("reorder " + joined(order), "blocks outermost, then threads");
        }
    }

    /// At most three loops over blocks. Of two by two, and none over tiles: inside of such a loop, Halide no longer
    /// knows that a tile ends where it does.
    void fuse(LoopNames& names) {
        std::vector<std::string>& blocks = names.blocks;
        const std::size_t pairs = blocks.size() > most_loops ? blocks.size() - most_loops : 0;
        for (std::size_t i = 0; i < pairs; ++i) {
            const std::size_t at = blocks.size() - 2 - i;
            const std::string name = fmt::format("{}.{}", blocks[at + 1], blocks[at]);
            step(fmt::format("fuse {} {} as {}", blocks[at], blocks[at + 1], name), "at most three loops over blocks");
            blocks[at] = name;
            blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        }
    }

    void share(const LoopNames& names, const DeviceStage& shape) {
        step("gpu_blocks " + joined(names.blocks), "each has a part that depends on no other");
        if (!names.threads.empty()) {
            std::int64_t threads = 1;
            for (const DeviceLoop& loop : shape.loops) {
                threads *= loop.threads;
            }
            step("gpu_threads " + joined(names.threads), fmt::format("{} threads of a block", threads));
        }
        unrolled(names.tile, !shape.tile.vector.empty());
    }

    void unrolled(const std::vector<std::string>& loops, bool vector) {
        if (vector) {
            step("vectorize " + loops.front(), "moved in one instruction");
        }
        if (loops.size() > (vector ? 1U : 0U)) {
            step("unroll " + joined({loops.begin() + (vector ? 1 : 0), loops.end()}),
                 "so that each result is a register");
        }
    }

    /// A stage inside a launch, by the name `name`: the sums of a launch have one of their own.
    void member(const ir::Definition& definition, const std::string& name, const DeviceStage& shape, DevicePlace place,
                const std::string& launch) {
        const std::string loop = fmt::format("{}/{}", launch, loops_.at(launch).place(place));
        if (place == DevicePlace::block) {
            in_block(name, shape, loop);
            return;
        }
        open(name);
        step("compute at " + loop, "only this thread reads it");
        step("store in registers", "a few values at a time");
        if (place == DevicePlace::thread) {
            in_thread(definition, shape, stages_.at(launch));
        }
        close();
    }

    /// The values of a thread, all at each reduced index.
    void in_thread(const ir::Definition& definition, const DeviceStage& shape, const DeviceStage& launch) {
        std::vector<std::string> loops;
        bool vector = false;
        std::int64_t copies = 1;
        for (auto dim = definition.dims.rbegin(); dim != definition.dims.rend(); ++dim) {
            const bool spread = std::any_of(launch.loops.begin(), launch.loops.end(),
                                            [&](const DeviceLoop& loop) { return loop.dim == *dim && !loop.serial; });
            const std::int64_t size = spread ? shape.tile.size(*dim) : *analysis_.constant(*dim);
            if (size == 1) {
                continue;
            }
            copies *= size;
            const bool lanes = *dim == shape.tile.vector && is_vectorizable(analysis_, definition);
            vector = vector || lanes;
            loops.insert(lanes ? loops.begin() : loops.end(), display_name(*dim));
        }
        if (!definition.reduction) {
            unrolled(loops, vector);
            return;
        }
        const Unrolled unrolled_steps = unrolled_reduced(definition, copies);
        std::vector<std::string> order = loops;
        for (const std::string& loop : unrolled_steps.order) {
            order.push_back(loop);
        }
        if (!unrolled_steps.split.empty()) {
            step(unrolled_steps.split, "so many steps without a jump");
        }
        if (!loops.empty() || !unrolled_steps.split.empty()) {
            step("reorder " + joined(order), "all of them at each reduced index");
        }
        loops.insert(loops.end(), unrolled_steps.loops.begin(), unrolled_steps.loops.end());
        unrolled(loops, vector);
    }

    /// What a thread does of the reduced loops without a jump.
    struct Unrolled {
        std::string split;              ///< of the innermost one; empty: none
        std::vector<std::string> order; ///< all of them, innermost first
        std::vector<std::string> loops; ///< of those, without a jump
    };

    /// Decided may be `unroll of STAGE`: how many of the innermost ones, or `by` so many steps of the innermost one.
    Unrolled unrolled_reduced(const ir::Definition& definition, std::int64_t copies) const {
        const ir::Reduction& reduction = *definition.reduction;
        std::vector<std::string> words{"0"};
        std::size_t automatically = 0;
        for (auto dim = reduction.dims.rbegin(); dim != reduction.dims.rend(); ++dim) {
            copies *= analysis_.constant(*dim).value_or(most_decided_copies + 1);
            if (copies > most_decided_copies) {
                break;
            }
            words.push_back(std::to_string(words.size()));
            automatically += copies <= most_copies ? 1 : 0;
        }
        const std::string& innermost = reduction.dims.back();
        for (const std::int64_t steps : {2, 4, 8}) {
            if (!reduction.where && analysis_.extent(innermost) >= 2 * steps) {
                words.push_back(fmt::format("by {}", steps));
            }
        }
        const std::string word = (words.size() > 1 ? analysis_.decided("unroll", definition.name, words) : std::nullopt)
                                     .value_or(std::to_string(automatically));
        Unrolled result;
        for (auto dim = reduction.dims.rbegin(); dim != reduction.dims.rend(); ++dim) {
            result.order.push_back(display_name(*dim));
        }
        if (word.starts_with("by ")) {
            const std::string name = display_name(innermost);
            result.split = fmt::format("split {} {}", name, word);
            result.order.front() = name + ".o";
            result.order.insert(result.order.begin(), name + ".i");
            result.loops = {name + ".i"};
        } else {
            result.loops = {result.order.begin(), result.order.begin() + std::stoi(word)};
        }
        return result;
    }

    /// One value for all threads of a block; `parts` of a reduction first.
    void in_block(const std::string& name, const DeviceStage& shape, const std::string& loop) {
        open(name);
        step("compute at " + loop, "once for the threads of a block");
        if (shape.lanes.empty()) {
            close();
            return;
        }
        const std::string lanes = display_name(shape.lanes);
        step(fmt::format("split {} by {}", lanes, shape.threads), "the threads of the block share the reduction");
        close();
        const std::string part = free_name(name + ".part");
        line(fmt::format("rfactor {}: {}.i as {}", name, lanes, part),
             "what each thread has; one thread combines them");
        open(part);
        step("compute at " + loop, "in shared memory, where the combining thread finds it");
        step(fmt::format("gpu_threads {}.i", lanes), "neighbours read what lies side by side");
        close();
    }

    const ir::Kernel& kernel_;
    const Analysis& analysis_;
    const std::map<std::string, DeviceStage>& stages_;
    std::map<std::string, LoopNames> loops_; ///< of launches
};

} // namespace

std::string device_text(const Analysis& analysis, const std::map<std::string, DeviceStage>& stages) {
    return Writer(analysis, stages).run();
}

} // namespace coulter::schedule
