// Where stages are computed and stored, judged on the finished nests.

#include "check_finish.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {
namespace {

std::string shown(const ChainLink& link) {
    return fmt::format("{}/{}", link.stage, link.loop);
}

} // namespace

// Who reads whom, with the inlined stages between them taken out.
void Finish::uses() {
    const ir::Kernel& kernel = model_.kernel();
    struct Read {
        std::string reader;
        std::set<std::string> identity;
    };
    std::map<std::string, std::vector<Read>> direct;
    for (const ir::Definition& each : kernel.definitions) {
        std::map<std::string, std::set<std::string>> identity;
        for (const ir::Node* node : ir::postorder(ir::roots(each))) {
            if (node->kind != ir::Kind::access || kernel.find_definition(node->name) == nullptr) {
                continue;
            }
            std::set<std::string> dims;
            for (const std::string& dim : kernel.dims_of(node->name)) {
                if (std::ranges::find(node->dims, dim) == node->dims.end()) {
                    dims.insert(dim);
                }
            }
            const auto [at, fresh] = identity.emplace(node->name, dims);
            if (!fresh) {
                std::erase_if(at->second, [&](const std::string& dim) { return !dims.contains(dim); });
            }
        }
        for (auto& [read, dims] : identity) {
            direct[read].push_back({each.name, dims});
        }
    }
    // Consumers first, so that the uses of an inlined reader are known.
    for (std::size_t i = kernel.definitions.size(); i-- > 0;) {
        const std::string& name = kernel.definitions[i].name;
        std::map<std::string, std::set<std::string>> merged;
        const auto add = [&](const std::string& reader, const std::set<std::string>& dims) {
            const auto [at, fresh] = merged.emplace(reader, dims);
            if (!fresh) {
                std::erase_if(at->second, [&](const std::string& dim) { return !dims.contains(dim); });
            }
        };
        for (const Read& read : direct[name]) {
            if (!done_.at(read.reader).inlined) {
                add(read.reader, read.identity);
                continue;
            }
            for (const Use& use : uses_[read.reader]) {
                std::set<std::string> dims = read.identity;
                std::erase_if(dims, [&](const std::string& dim) { return !use.identity.contains(dim); });
                add(use.reader, dims);
            }
        }
        for (auto& [reader, dims] : merged) {
            uses_[name].push_back({reader, dims});
        }
    }
}

std::vector<ChainLink> Finish::around(const Use& use) const {
    const Done& reader = done_.at(use.reader);
    std::vector<ChainLink> chain = reader.prefix;
    for (const LiveLoop& live : model_.stages_.at(use.reader).main.loops()) {
        chain.push_back({use.reader, live.name, live.kind, live.marked});
    }
    return chain;
}

std::vector<ChainLink> Finish::common(const std::string& name) const {
    const auto at = uses_.find(name);
    if (at == uses_.end() || at->second.empty()) {
        return {};
    }
    std::vector<ChainLink> chain = around(at->second.front());
    for (std::size_t i = 1; i < at->second.size(); ++i) {
        const std::vector<ChainLink> other = around(at->second[i]);
        std::size_t same = 0;
        while (same < std::min(chain.size(), other.size()) && chain[same].stage == other[same].stage &&
               chain[same].loop == other[same].loop) {
            ++same;
        }
        chain.resize(same);
    }
    return chain;
}

std::string Finish::legal(const std::string& name) const {
    std::vector<std::string> places{"root"};
    for (const ChainLink& link : common(name)) {
        if (link.kind == LoopStep::Kind::vectorize) {
            break;
        }
        if (splits_kernel(link.stage, link.loop) == nullptr) {
            places.push_back(shown(link));
        }
    }
    return fmt::format("legal places for `{}`, outermost first: {}", name, quoted_list(places, 24));
}

bool Finish::placed_inside(const std::string& outer, const std::string& inner) const {
    std::string at = outer;
    for (std::size_t i = 0; i <= model_.stages_.size(); ++i) {
        const auto found = model_.stages_.find(at);
        if (at == inner || found == model_.stages_.end() || found->second.where != Stage::Where::at) {
            return at == inner;
        }
        at = found->second.place.stage.text;
    }
    return false;
}

std::string Finish::loop_of(const std::string& stage, const std::string& loop) const {
    const Nest& nest = model_.stages_.at(stage).main;
    const auto alias = nest.aliases.find(loop);
    return alias == nest.aliases.end() ? loop : alias->second;
}

// The innermost pure loop outside all reduced loops of the stage whose partial results these are.
Place Finish::lanes_place(const std::string& name) const {
    const std::string& reduction = model_.stages_.at(name).lanes_of;
    Place place;
    for (const LiveLoop& live : model_.stages_.at(reduction).main.loops()) {
        if (live.reduced || live.kind == LoopStep::Kind::vectorize) {
            break;
        }
        place = {reduction, live.name};
    }
    return place;
}

void Finish::place(const std::string& name) {
    Stage& stage = model_.stages_.at(name);
    Done& done = done_.at(name);
    if (done.inlined) {
        return;
    }
    done.known = !stage.broken;
    model_.via_ = &stage.where_via;
    const bool placed = compute(name, stage, done);
    model_.via_ = nullptr;
    if (!placed) {
        return;
    }
    const auto unread = uses_.find(name);
    const bool output = model_.kernel().is_output(name);
    if (!output && (unread == uses_.end() || unread->second.empty()) && stage.block.line != 0) {
        model_.warning("S026", stage.block, fmt::format("no stage reads `{}`, and it is no output", name),
                       "its result is computed for nothing");
    }
    model_.via_ = &stage.store_via;
    store(name, stage, done);
    model_.via_ = nullptr;
}

// Where the stage is computed; false where it is not known where it would be stored.
bool Finish::compute(const std::string& name, Stage& stage, Done& done) {
    if (model_.kernel().is_output(name) && stage.where == Stage::Where::at) {
        return model_.error("S066", stage.where_span,
                            fmt::format("`{}` is an output and cannot be computed at `{}/{}`", name,
                                        stage.place.stage.text, stage.place.loop.text),
                            "outputs are computed at root; place their producers inside them");
    }
    if (stage.pack_once && stage.where == Stage::Where::at) {
        return model_.error("S053", stage.where_span,
                            fmt::format("`{}` is packed once and has no place in a call", name),
                            "write `per call`, or leave the place out");
    }
    if (stage.where == Stage::Where::unset && !stage.lanes_of.empty()) {
        const Place place = lanes_place(name);
        if (!place.is_root()) {
            stage.where = Stage::Where::at;
            stage.place = {{place.stage, {}}, {place.loop, {}}, {}};
            stage.where_span = stage.lanes_span;
        }
    }
    if (stage.where == Stage::Where::at && !place_at(name, stage, done)) {
        done.known = false;
        return false;
    }
    return true;
}

bool Finish::place_at(const std::string& name, Stage& stage, Done& done) {
    const PlaceSyntax& wanted = stage.place;
    const std::string& at = wanted.stage.text;
    const auto found = model_.stages_.find(at);
    if (at == name || at == name + ".init") {
        return model_.error("S062", stage.where_span, fmt::format("`{}` is placed inside itself", name), legal(name));
    }
    if (found == model_.stages_.end()) {
        if (model_.failed_.contains(at)) {
            return false;
        }
        const bool init = at.ends_with(".init") && model_.stages_.contains(at.substr(0, at.size() - 5));
        return model_.error(init ? "S060" : "S020", wanted.stage.span,
                            init ? fmt::format("`{}` reads no stage, so nothing can be computed in its loops", at)
                                 : fmt::format("kernel `{}` has no stage `{}`", model_.kernel().name, at),
                            init ? legal(name) : choices(at, model_.stage_names(), "the stages are"));
    }
    const auto& order = model_.kernel().definitions;
    const bool earlier =
        std::ranges::find(order, at, &ir::Definition::name) < std::ranges::find(order, name, &ir::Definition::name);
    if (earlier && placed_inside(at, name)) {
        return model_.error("S062", stage.where_span,
                            fmt::format("`{}` is placed inside `{}`, which is placed inside `{}`", name, at, name),
                            "a producer is computed inside its consumer, not the other way round");
    }
    if (done_.at(at).inlined) {
        return model_.error("S060", stage.where_span, fmt::format("`{}` is inlined and has no loops", at), legal(name));
    }
    const std::string loop = loop_of(at, wanted.loop.text);
    const Nest& nest = found->second.main;
    if (nest.find(loop) == nullptr) {
        if (found->second.broken) {
            return false;
        }
        std::vector<Note> notes;
        if (const LoopStep* step = nest.consumer(loop)) {
            notes.push_back({step->span, fmt::format("`{}` ended here; a place is a loop of the finished nest", loop)});
        }
        return model_.error("S021", wanted.loop.span, fmt::format("`{}` has no loop `{}` in the end", at, loop),
                            choices(loop, nest.names(), "its loops, outermost first, are"), std::move(notes));
    }
    const std::vector<ChainLink> chain = common(name);
    const auto link =
        std::ranges::find_if(chain, [&](const ChainLink& each) { return each.stage == at && each.loop == loop; });
    if (link == chain.end()) {
        const auto uses = uses_.find(name);
        std::vector<Note> notes;
        if (uses == uses_.end() || uses->second.empty()) {
            notes.push_back({{}, fmt::format("no stage reads `{}`", name)});
        } else {
            for (const Use& use : uses->second) {
                if (!done_.at(use.reader).known) {
                    return false;
                }
                const std::vector<ChainLink> reading = around(use);
                const bool inside = std::ranges::any_of(
                    reading, [&](const ChainLink& each) { return each.stage == at && each.loop == loop; });
                if (!inside && notes.size() < 4) {
                    notes.push_back({model_.definition(use.reader).span,
                                     fmt::format("`{}` reads `{}` outside of `{}/{}`", use.reader, name, at, loop)});
                }
            }
        }
        return model_.error(
            "S060", stage.where_span,
            fmt::format("`{}` cannot be computed at `{}/{}`, which does not enclose all its uses", name, at, loop),
            legal(name), std::move(notes));
    }
    for (auto each = chain.begin(); each <= link; ++each) {
        if (each->kind == LoopStep::Kind::vectorize) {
            return model_.error(
                "S061", stage.where_span,
                fmt::format("`{}` cannot be computed inside the vectorized loop `{}`", name, shown(*each)), legal(name),
                {{each->marked, fmt::format("`{}` is vectorized here", shown(*each))}});
        }
    }
    if (const LiveLoop* inner = splits_kernel(at, loop)) {
        return model_.error("S116", stage.where_span,
                            fmt::format("`{}` cannot be computed between `{}/{}` and `{}/{}`, two loops over {}", name,
                                        at, loop, at, inner->name,
                                        inner->kind == LoopStep::Kind::gpu_block ? "blocks" : "threads"),
                            legal(name), {{inner->marked, "said here"}});
    }
    done.known = done.known && done_.at(at).known; // extents follow from a nest that is not what was meant
    done.compute = {at, loop};
    done.prefix.assign(chain.begin(), link + 1);
    return true;
}

void Finish::store(const std::string& name, const Stage& stage, Done& done) {
    if (!stage.store_given) {
        return;
    }
    if (stage.store.is_root()) {
        if (!done.compute.is_root()) {
            done.store = Place{};
        }
        return;
    }
    const std::string& at = stage.store.stage.text;
    const std::string loop = model_.stages_.contains(at) ? loop_of(at, stage.store.loop.text) : stage.store.loop.text;
    const auto link =
        std::ranges::find_if(done.prefix, [&](const ChainLink& each) { return each.stage == at && each.loop == loop; });
    if (link != done.prefix.end()) {
        if (link + 1 != done.prefix.end()) {
            done.store = Place{at, loop};
        }
        return;
    }
    std::vector<std::string> places{"root"};
    for (const ChainLink& each : done.prefix) {
        places.push_back(shown(each));
    }
    const std::string where =
        done.compute.is_root() ? "root" : fmt::format("{}/{}", done.compute.stage, done.compute.loop);
    model_.error("S063", stage.store_span,
                 fmt::format("`{}` cannot be stored at `{}/{}`, which is not outside `{}`, where it is computed", name,
                             at, stage.store.loop.text, where),
                 fmt::format("legal places to store `{}`, outermost first: {}", name, quoted_list(places, 24)));
}

// The elements of `dim` that `reader` covers in one iteration of the loop of `place`, which encloses it.
std::optional<std::int64_t> Finish::region(std::string reader, const std::string& dim, const Place& place) const {
    while (reader != place.stage) {
        const Done& done = done_.at(reader);
        const std::vector<std::string>& dims = model_.definition(reader).dims;
        if (std::ranges::find(dims, dim) == dims.end()) {
            // It reduces over the dim, and all of that happens inside.
            const auto all = done.extents.find(dim);
            return all == done.extents.end() ? std::nullopt : std::optional(all->second);
        }
        const auto known = done.tile.find(dim);
        if (known == done.tile.end() || done.compute.is_root()) {
            return std::nullopt;
        }
        const auto whole = model_.constants().find(dim);
        const bool all = whole != model_.constants().end() && whole->second == known->second; // wherever it is placed
        if (all || (done.compute.stage == place.stage && done.compute.loop == place.loop)) {
            return known->second;
        }
        // Placed further inside: it follows the stage around it, which reads it by name.
        reader = done.compute.stage;
    }
    const Done& done = done_.at(reader);
    std::optional<std::int64_t> size = done.main.span_inside(dim, done.main.position(place.loop));
    if (const auto whole = done.extents.find(dim); size && whole != done.extents.end()) {
        size = std::min(*size, whole->second); // a guarded split may round up
    }
    return size;
}

// The elements of each dim that one realisation computes, where every use fixes them alike.
void Finish::tile(const std::string& name, Done& done) {
    const auto uses = uses_.find(name);
    if (done.compute.is_root() || uses == uses_.end()) {
        return;
    }
    // What is stored for several realisations covers more than one of them, unless each covers the whole dim.
    const auto may_be = [&](const std::string& dim, std::int64_t size) {
        const auto whole = model_.constants().find(dim);
        return !done.store || (whole != model_.constants().end() && whole->second == size);
    };
    const std::vector<std::string> whole_dims = ir::whole_dims(model_.definition(name));
    for (const std::string& dim : model_.definition(name).dims) {
        if (std::ranges::find(whole_dims, dim) != whole_dims.end()) {
            // Whatever a reader takes: all prefixes of a scan, and every place that a scatter may write.
            if (const auto all = model_.constants().find(dim); all != model_.constants().end()) {
                done.tile[dim] = all->second;
            }
            continue;
        }
        std::optional<std::int64_t> size;
        bool agreed = true;
        for (const Use& use : uses->second) {
            if (!use.identity.contains(dim)) {
                agreed = false;
                break;
            }
            const std::optional<std::int64_t> here = region(use.reader, dim, done.compute);
            if (!here || (size && *size != *here)) {
                agreed = false;
                break;
            }
            size = here;
        }
        const auto whole = model_.constants().find(dim);
        if (agreed && size && may_be(dim, *size)) {
            done.tile[dim] = *size;
        } else if (dim != display_name(dim) && dim.ends_with(".i") && whole != model_.constants().end()) {
            done.tile[dim] = whole->second; // the inside of a packed tile is always computed whole
        }
    }
}

} // namespace coulter::schedule::detail
