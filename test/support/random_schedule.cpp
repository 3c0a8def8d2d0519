#include "random_schedule.hpp"

#include "coulter/schedule/rewrite.hpp"
#include "coulter/schedule/syntax.hpp"

#include <algorithm>
#include <random>
#include <set>

namespace coulter::test {
namespace {

using schedule::display_name;

struct Loop {
    std::string name;
    bool reduced = false;
    std::optional<std::int64_t> extent; ///< where the generator knows it
    bool whole = false;                 ///< a dim of its own: no split or fuse has made it
    std::string mark;                   ///< vectorize, unroll, parallel, or nothing
};

struct Nest {
    std::vector<Loop> loops; ///< outermost first
    bool placeable = true;   ///< other stages may be computed in it
};

class Generator {
public:
    Generator(const ir::Kernel& kernel, std::uint64_t seed, const RandomScheduleOptions& options)
        : kernel_(kernel), random_(seed), options_(options) {}

    std::string run() {
        text_ = "schedule " + kernel_.name + "\nnumerics " + std::string(schedule::name(options_.numerics)) + "\n";
        for (int i = below(options_.rewrites + 1); i > 0; --i) {
            rewrite();
        }
        // Consumers first, so that their loops are known where a producer is placed.
        std::vector<std::string> order;
        for (auto at = kernel_.definitions.rbegin(); at != kernel_.definitions.rend(); ++at) {
            order.push_back(at->name);
        }
        for (const std::string& name : order) {
            stage(name);
        }
        return text_;
    }

private:
    int below(int limit) { return limit <= 1 ? 0 : static_cast<int>(random_() % static_cast<std::uint64_t>(limit)); }
    bool chance(int percent) { return below(100) < percent; }
    bool careless() { return options_.careless > 0 && below(options_.careless) == 0; }
    template <class T>
    const T& pick(const std::vector<T>& list) {
        return list[static_cast<std::size_t>(below(static_cast<int>(list.size())))];
    }
    std::int64_t factor() { return pick<std::int64_t>({1, 2, 2, 3, 4, 4, 5, 7, 8, 8, 16}); }

    [[nodiscard]] bool reorders(const ir::Definition& stage) const {
        if (!stage.reduction || !stage.reduction->into.empty() || stage.reduction->op == ir::ReduceOp::argmin ||
            stage.reduction->op == ir::ReduceOp::argmax || stage.reduction->op == ir::ReduceOp::custom) {
            return false; // `combine` need not commute
        }
        const bool sums = stage.reduction->op == ir::ReduceOp::sum || stage.reduction->op == ir::ReduceOp::product;
        return options_.numerics != schedule::Numerics::exact || !sums || !is_float(stage.types.front());
    }

    void rewrite() {
        switch (below(6)) {
        case 4: clone(); break;
        case 5: join(); break;
        case 0: copy(); break;
        case 1: pack(); break;
        case 2: accumulate(); break;
        default: rfactor(); break;
        }
    }

    void copy() {
        const ir::Definition& consumer = pick(kernel_.definitions);
        const std::vector<std::string> reads = ir::reads(consumer);
        const std::string name = "copy" + std::to_string(++made_);
        if (reads.empty() || consumer.name.rfind("copy", 0) == 0) {
            return;
        }
        const std::string producer = pick(reads);
        text_ += "stage " + name + " = copy " + producer + " for " + consumer.name + "\n";
        kernel_ = schedule::copy(kernel_, producer, consumer.name, name);
    }

    void clone() {
        const ir::Definition& consumer = pick(kernel_.definitions);
        std::vector<std::string> reads = ir::reads(consumer);
        std::erase_if(reads, [&](const std::string& read) { return kernel_.find_definition(read) == nullptr; });
        if (reads.empty()) {
            return;
        }
        const std::string source = pick(reads);
        const std::string name = "clone" + std::to_string(++made_);
        text_ += "clone " + source + " for " + consumer.name + " as " + name + "\n";
        kernel_ = schedule::clone(kernel_, source, {consumer.name}, name);
    }

    void join() {
        std::vector<std::pair<std::string, std::string>> pairs;
        for (const ir::Definition& a : kernel_.definitions) {
            for (const ir::Definition& b : kernel_.definitions) {
                if (a.name < b.name && schedule::join_obstacle(kernel_, {a.name, b.name}).empty()) {
                    pairs.emplace_back(a.name, b.name);
                }
            }
        }
        if (pairs.empty()) {
            return;
        }
        const auto [a, b] = pick(pairs);
        const std::string name = "join" + std::to_string(++made_);
        text_ += "stage " + name + " = join " + a + " " + b + "\n";
        kernel_ = schedule::join(kernel_, {a, b}, name);
    }

    void pack() {
        std::vector<std::string> sources;
        for (const ir::Input& input : kernel_.inputs) {
            sources.push_back(input.name);
        }
        for (const ir::Definition& definition : kernel_.definitions) {
            if (definition.types.size() == 1) {
                sources.push_back(definition.name);
            }
        }
        if (sources.empty()) {
            return;
        }
        const std::string source = pick(sources);
        std::vector<std::string> dims = kernel_.dims_of(source);
        const bool is_read =
            std::any_of(kernel_.definitions.begin(), kernel_.definitions.end(), [&](const ir::Definition& definition) {
                const std::vector<std::string> reads = ir::reads(definition);
                return std::find(reads.begin(), reads.end(), source) != reads.end();
            });
        if (dims.empty() || !is_read || !packed_.insert(source).second) {
            return;
        }
        std::vector<schedule::PackTile> tiles;
        std::string by;
        for (int i = 1 + below(2); i > 0 && !dims.empty(); --i) {
            const auto at = dims.begin() + below(static_cast<int>(dims.size()));
            tiles.push_back({*at, factor()});
            by += " " + display_name(*at) + " " + std::to_string(tiles.back().factor);
            dims.erase(at);
        }
        const ir::Input* input = kernel_.find_input(source);
        const bool once = input != nullptr && input->frozen && chance(50);
        const std::string name = "packed" + std::to_string(++made_);
        text_ += "stage " + name + " = pack " + source + " by" + by + (once ? " once" : " per call") + "\n";
        kernel_ = schedule::pack(kernel_, source, tiles, name);
        if (once) {
            fixed_.insert(name);
        }
    }

    std::vector<std::string> reductions() {
        std::vector<std::string> names;
        for (const ir::Definition& definition : kernel_.definitions) {
            if (definition.reduction && definition.reduction->into.empty() && fixed_.count(definition.name) == 0) {
                names.push_back(definition.name);
            }
        }
        return names;
    }

    void accumulate() {
        const std::vector<std::string> stages = reductions();
        if (stages.empty()) {
            return;
        }
        const std::string stage = pick(stages);
        const std::string name = stage + ".acc" + std::to_string(++made_);
        text_ += "stage " + name + " = accumulate " + stage + "\n";
        kernel_ = schedule::accumulate(kernel_, stage, name);
        accumulators_[stage] = name;
    }

    /// Of a whole dim here; of a part of one in a block, see stage().
    void rfactor() {
        const std::vector<std::string> stages = reductions();
        if (stages.empty()) {
            return;
        }
        const std::string stage = pick(stages);
        const ir::Definition& definition = *kernel_.find_definition(stage);
        if (!reorders(definition)) {
            return;
        }
        const std::string dim = pick(definition.reduction->dims);
        const std::string name = stage + ".part" + std::to_string(++made_);
        text_ += "rfactor " + stage + ": " + display_name(dim) + " as " + name + "\n";
        kernel_ = schedule::rfactor(kernel_, stage, dim, 1, schedule::RfactorPart::whole, name);
    }

    [[nodiscard]] Nest nest_of(const ir::Definition& definition, bool init) const {
        Nest nest;
        const auto add = [&](const std::string& dim, bool reduced) {
            nest.loops.push_back({display_name(dim), reduced, kernel_.find_dim(dim)->size, true, ""});
        };
        for (const std::string& dim : definition.dims) {
            const bool is_bound = definition.reduction &&
                                  std::any_of(definition.reduction->into.begin(), definition.reduction->into.end(),
                                              [&](const ir::Into& into) { return into.dim == dim; });
            const bool is_scanned = definition.scan && definition.scan->dim == dim;
            if (init || (!is_bound && !is_scanned)) {
                add(dim, false);
            }
        }
        if (!init && definition.reduction) {
            for (const std::string& dim : definition.reduction->dims) {
                add(dim, true);
            }
        } else if (!init && definition.scan) {
            add(definition.scan->dim, true);
        }
        return nest;
    }

    void stage(const std::string& name) {
        const ir::Definition& definition = *kernel_.find_definition(name);
        Nest nest = nest_of(definition, false);
        if (fixed_.count(name) != 0 || nests_.count(name) != 0) {
            return;
        }
        const auto accumulator = accumulators_.find(name);
        if (accumulator != accumulators_.end() && !definition.dims.empty() && !definition.reduction) {
            const ir::Definition& reduction = *kernel_.find_definition(accumulator->second);
            if (reduction.reduction && chance(60)) {
                register_tile(definition, reduction);
                return;
            }
        }
        if (chance(20)) { // the default schedule, whose loops are unknown here
            nest.placeable = false;
            nests_[name] = nest;
            return;
        }
        std::string lines;
        const bool inlined = placement(definition, lines);
        if (!inlined) {
            memory(definition, lines);
            for (int i = below(options_.directives + 1); i > 0; --i) {
                directive(definition, nest, lines, false);
            }
            lanes(definition, nest, lines);
        }
        nest.placeable = nest.placeable && !inlined;
        if (!lines.empty()) {
            text_ += "stage " + name + " {\n" + lines + "}\n";
        }
        nests_[name] = nest;
        if (!inlined && (definition.reduction || definition.scan) && chance(30)) {
            Nest init = nest_of(definition, true);
            lines.clear();
            for (int i = 1 + below(2); i > 0; --i) {
                directive(definition, init, lines, true);
            }
            if (!lines.empty()) {
                text_ += "stage " + name + ".init {\n" + lines + "}\n";
            }
        }
    }

    /// The pattern of a fast reduction: constant tiles of some dims, kept in registers (or on the stack) and unrolled.
    void register_tile(const ir::Definition& write_out, const ir::Definition& reduction) {
        Nest nest;
        std::string splits;
        std::string inner; // innermost first
        std::string outer;
        std::string tiled;
        int copies = 1;
        for (std::size_t i = write_out.dims.size(); i-- > 0;) {
            const std::string loop = display_name(write_out.dims[i]);
            const auto by = pick<std::int64_t>({1, 2, 3, 4, 8});
            const bool split = copies * by <= 32 && (chance(60) || i == 0);
            outer += " " + loop + (split ? ".o" : "");
            nest.loops.insert(nest.loops.begin(), {loop + (split ? ".o" : ""), false, std::nullopt, !split, ""});
            if (split) {
                copies *= static_cast<int>(by);
                splits += "  split " + loop + " by " + std::to_string(by) + (chance(20) ? " tail predicate\n" : "\n");
                inner += " " + loop + ".i";
                tiled += " " + loop;
            }
        }
        const std::string place = nest.loops.back().name;
        const std::string first = inner.empty() ? "" : inner.substr(1, inner.find(' ', 1) - 1);
        const bool vector = !inner.empty() && chance(60);
        const std::string rest = vector ? inner.substr(1 + first.size()) : inner;
        text_ += "stage " + write_out.name + " {\n" + (kernel_.is_output(write_out.name) ? "" : "  compute root\n");
        text_ += splits + (inner.empty() ? "" : "  reorder" + inner + outer + "\n");
        text_ += (vector ? "  vectorize " + first + "\n" : "") + (rest.empty() ? "" : "  unroll" + rest + "\n");
        if (options_.parallel && chance(40)) {
            text_ += "  parallel " + nest.loops.front().name + "\n";
        }
        text_ += "}\n";
        nest.placeable = false;
        nests_[write_out.name] = nest;

        Nest sums = nest_of(reduction, false);
        const std::string lane = tiled.empty() ? "" : tiled.substr(1, tiled.find(' ', 1) - 1);
        text_ += "stage " + reduction.name + " {\n  compute at " + write_out.name + "/" + place + "\n";
        text_ += chance(80) ? "  store in registers\n" : "  store in stack\n";
        if (!tiled.empty() && !reduction.reduction->dims.empty()) {
            std::string reduced;
            for (auto dim = reduction.reduction->dims.rbegin(); dim != reduction.reduction->dims.rend(); ++dim) {
                reduced += " " + display_name(*dim);
            }
            text_ += "  reorder" + tiled + reduced + "\n";
        }
        const std::string others = vector ? tiled.substr(1 + lane.size()) : tiled;
        text_ += (vector ? "  vectorize " + lane + "\n" : "") + (others.empty() ? "" : "  unroll" + others + "\n");
        text_ += "}\n";
        sums.placeable = false;
        nests_[reduction.name] = sums;
    }

    /// Where the stage is computed; true when inline.
    bool placement(const ir::Definition& definition, std::string& lines) {
        if (kernel_.is_output(definition.name) && !careless()) {
            if (chance(30)) {
                lines += "  compute root\n";
            }
            return false;
        }
        const bool is_map = !definition.reduction && !definition.scan;
        if (is_map && chance(25)) {
            lines += "  compute inline\n";
            return true;
        }
        std::vector<std::string> readers;
        for (const ir::Definition& reader : kernel_.definitions) {
            const std::vector<std::string> reads = ir::reads(reader);
            if (std::find(reads.begin(), reads.end(), definition.name) != reads.end()) {
                readers.push_back(reader.name);
            }
        }
        if (readers.size() == 1 && nests_.count(readers.front()) != 0 && nests_.at(readers.front()).placeable &&
            chance(75)) {
            const std::vector<Loop>& loops = nests_.at(readers.front()).loops;
            std::size_t legal = 0; // not inside a vectorized loop
            while (legal < loops.size() && loops[legal].mark != "vectorize") {
                ++legal;
            }
            if (legal > 0) {
                const auto at = static_cast<std::size_t>(below(static_cast<int>(legal)));
                lines += "  compute at " + readers.front() + "/" + loops[at].name + "\n";
                if (chance(20)) {
                    const auto store = static_cast<std::size_t>(below(static_cast<int>(at) + 1));
                    const bool crosses = std::any_of(loops.begin() + static_cast<std::ptrdiff_t>(store),
                                                     loops.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                                     [](const Loop& loop) { return loop.mark == "parallel"; });
                    if (!crosses) {
                        lines += "  store at " + readers.front() + "/" + loops[store].name + "\n";
                    }
                }
                return false;
            }
        }
        lines += "  compute root\n";
        return false;
    }

    void memory(const ir::Definition& definition, std::string& lines) {
        if (kernel_.is_output(definition.name)) {
            return;
        }
        const bool placed = lines.find("compute at") != std::string::npos;
        if (chance(15)) {
            lines += "  store in heap\n";
        } else if (placed && lines.find("store") == std::string::npos && chance(15)) {
            lines += "  store in stack\n";
        }
        if (definition.dims.size() > 1 && chance(25)) {
            std::vector<std::string> dims = definition.dims;
            for (std::size_t i = dims.size(); i > 1; --i) {
                std::swap(dims[i - 1], dims[static_cast<std::size_t>(below(static_cast<int>(i)))]);
            }
            lines += "  layout";
            for (const std::string& dim : dims) {
                lines += " " + display_name(dim);
            }
            lines += "\n";
        }
    }

    void directive(const ir::Definition& definition, Nest& nest, std::string& lines, bool init) {
        if (nest.loops.empty()) {
            return;
        }
        const int kind = below(10);
        if (kind < 3) {
            split(definition, nest, lines, init);
        } else if (kind == 3) {
            tile(nest, lines);
        } else if (kind == 4) {
            fuse(nest, lines);
        } else if (kind < 7) {
            reorder(definition, nest, lines);
        } else {
            mark(nest, lines);
        }
    }

    std::vector<std::size_t> unmarked(const Nest& nest) {
        std::vector<std::size_t> found;
        for (std::size_t i = 0; i < nest.loops.size(); ++i) {
            if (nest.loops[i].mark.empty() || careless()) {
                found.push_back(i);
            }
        }
        return found;
    }

    static void split_at(Nest& nest, std::size_t at, std::int64_t by) {
        Loop outer = nest.loops[at];
        outer.whole = false;
        Loop inner = outer;
        outer.name += ".o";
        inner.name += ".i";
        outer.extent = outer.extent ? std::optional((*outer.extent + by - 1) / by) : std::nullopt;
        inner.extent = by;
        nest.loops[at] = outer;
        nest.loops.insert(nest.loops.begin() + static_cast<std::ptrdiff_t>(at) + 1, inner);
    }

    void split(const ir::Definition& definition, Nest& nest, std::string& lines, bool init) {
        const std::vector<std::size_t> legal = unmarked(nest);
        if (legal.empty()) {
            return;
        }
        const std::size_t at = pick(legal);
        const Loop& loop = nest.loops[at];
        const std::int64_t by = factor();
        std::string tail;
        const bool is_map = !definition.reduction && !definition.scan && !init;
        if (chance(15)) {
            tail = " tail guard";
        } else if (chance(25)) {
            tail = " tail predicate";
        } else if (loop.whole && loop.extent && *loop.extent % by == 0 && chance(50)) {
            tail = " tail round_up";
        } else if (loop.whole && is_map && loop.extent && *loop.extent >= by && kernel_.is_output(definition.name) &&
                   chance(70)) {
            tail = " tail shift";
        } else if (careless()) {
            tail = " tail " + pick<std::string>({"round_up", "shift"});
        }
        lines += "  split " + loop.name + " by " + std::to_string(by) + tail + "\n";
        split_at(nest, at, by);
    }

    void tile(Nest& nest, std::string& lines) {
        std::vector<std::size_t> legal = unmarked(nest);
        if (legal.size() < 2) {
            return;
        }
        const auto first = static_cast<std::size_t>(below(static_cast<int>(legal.size()) - 1));
        const std::size_t a = legal[first];
        const std::size_t b = legal[first + 1];
        if (nest.loops[a].reduced || nest.loops[b].reduced) {
            return;
        }
        const std::int64_t by_a = factor();
        const std::int64_t by_b = factor();
        lines += "  tile " + nest.loops[a].name + " " + nest.loops[b].name + " by " + std::to_string(by_a) + " " +
                 std::to_string(by_b) + "\n";
        split_at(nest, b, by_b);
        split_at(nest, a, by_a);
        // Places of the four, outermost first, hold b.o a.o b.i a.i: the listed order is innermost first.
        const std::vector<std::size_t> places{a, a + 1, b + 1, b + 2};
        const std::vector<Loop> made{nest.loops[b + 1], nest.loops[a], nest.loops[b + 2], nest.loops[a + 1]};
        for (std::size_t i = 0; i < places.size(); ++i) {
            nest.loops[places[i]] = made[i];
        }
    }

    void fuse(Nest& nest, std::string& lines) {
        std::vector<std::size_t> legal;
        for (std::size_t i = 0; i + 1 < nest.loops.size(); ++i) {
            const Loop& outer = nest.loops[i];
            const Loop& inner = nest.loops[i + 1];
            if (!outer.reduced && !inner.reduced && outer.mark.empty() && inner.mark.empty()) {
                legal.push_back(i);
            }
        }
        if (legal.empty()) {
            return;
        }
        const std::size_t at = pick(legal);
        Loop& outer = nest.loops[at];
        const Loop inner = nest.loops[at + 1];
        const std::string name = "fused" + std::to_string(++made_);
        lines += "  fuse " + inner.name + " " + outer.name + " as " + name + "\n";
        outer.name = name;
        outer.whole = false;
        outer.extent = outer.extent && inner.extent ? std::optional(*outer.extent * *inner.extent) : std::nullopt;
        nest.loops.erase(nest.loops.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }

    void reorder(const ir::Definition& definition, Nest& nest, std::string& lines) {
        if (nest.loops.size() < 2) {
            return;
        }
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < nest.loops.size(); ++i) {
            // The order of reduced loops is part of some results.
            const bool keeps = nest.loops[i].reduced && !reorders(definition);
            if ((!keeps && chance(70)) || careless()) {
                places.push_back(i);
            }
        }
        if (places.size() < 2) {
            return;
        }
        std::vector<Loop> listed; // innermost first
        for (const std::size_t at : places) {
            listed.push_back(nest.loops[at]);
        }
        for (std::size_t i = listed.size(); i > 1; --i) {
            std::swap(listed[i - 1], listed[static_cast<std::size_t>(below(static_cast<int>(i)))]);
        }
        lines += "  reorder";
        for (std::size_t i = 0; i < listed.size(); ++i) {
            lines += " " + listed[i].name;
            nest.loops[places[places.size() - 1 - i]] = listed[i];
        }
        lines += "\n";
    }

    void mark(Nest& nest, std::string& lines) {
        const std::vector<std::size_t> legal = unmarked(nest);
        if (legal.empty()) {
            return;
        }
        std::size_t at = pick(legal);
        const bool has_vector = std::any_of(nest.loops.begin(), nest.loops.end(),
                                            [](const Loop& loop) { return loop.mark == "vectorize"; });
        const auto word = pick<std::string>({"vectorize", "vectorize", "unroll", "parallel"});
        if (word == "parallel") {
            if (options_.parallel && (!nest.loops[at].reduced || careless())) {
                lines += "  parallel " + nest.loops[at].name + "\n";
                nest.loops[at].mark = word;
            }
            return;
        }
        if (word == "vectorize" && (has_vector || nest.loops[at].reduced) && !careless()) {
            return; // lanes() vectorizes reduced loops
        }
        const Loop& loop = nest.loops[at];
        std::string by;
        if (!loop.extent || *loop.extent > 32 || chance(30)) {
            const std::int64_t width = pick<std::int64_t>({2, 3, 4, 8});
            by = " by " + std::to_string(width);
        }
        lines += "  " + word + " " + loop.name + by + "\n";
        if (!by.empty()) {
            split_at(nest, at, std::stoll(by.substr(4)));
            ++at;
        }
        nest.loops[at].mark = word;
    }

    /// Partial results in lanes: the last directive, as the stage's loops change under it.
    void lanes(const ir::Definition& definition, Nest& nest, std::string& lines) {
        if (!reorders(definition) || !chance(30)) {
            return;
        }
        std::vector<std::size_t> legal;
        for (std::size_t i = 0; i < nest.loops.size(); ++i) {
            if (nest.loops[i].mark == "vectorize") {
                return;
            }
            if (nest.loops[i].reduced && nest.loops[i].mark.empty() && nest.loops[i].whole) {
                legal.push_back(i);
            }
        }
        if (legal.empty()) {
            return;
        }
        const Loop& loop = nest.loops[pick(legal)];
        const bool whole = loop.extent && *loop.extent <= 16 && chance(50);
        lines += "  vectorize " + loop.name;
        lines += whole ? std::string("\n") : " by " + std::to_string(pick<std::int64_t>({2, 3, 4, 8})) + "\n";
        nest.placeable = false;
    }

    ir::Kernel kernel_; ///< as the rewrites leave it
    std::mt19937_64 random_;
    RandomScheduleOptions options_;
    std::string text_;
    std::map<std::string, Nest> nests_;
    std::map<std::string, std::string> accumulators_; ///< write-out to reduction
    std::set<std::string> packed_;
    std::set<std::string> fixed_; ///< packed once: computed elsewhere
    int made_ = 0;
};

} // namespace

std::string random_schedule(const ir::Kernel& kernel, std::uint64_t seed, const RandomScheduleOptions& options) {
    return Generator(kernel, seed, options).run();
}

} // namespace coulter::test
