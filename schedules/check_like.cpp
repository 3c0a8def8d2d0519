// `like`: the directives on loops of another stage's block, without what the loops here lack.

#include "check_model.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {
namespace {

bool is_about_loops(Directive::Kind kind) {
    using Kind = Directive::Kind;
    switch (kind) {
    case Kind::compute_at:
    case Kind::compute_root:
    case Kind::compute_inline:
    case Kind::store_at:
    case Kind::store_root:
    case Kind::store_in:
    case Kind::layout: return false;
    default: return true;
    }
}

/// Loops that the stage here lacks, and what became of them.
class Missing {
public:
    explicit Missing(std::set<std::string> loops) : loops_(std::move(loops)) {}

    [[nodiscard]] bool has(const std::string& loop) const { return loops_.contains(loop); }

    /// What is left of a directive; nothing where all of it was about loops that are not here.
    std::optional<Directive> rest(Directive d) {
        using Kind = Directive::Kind;
        for (Name& loop : d.loops) {
            if (const auto other = other_names_.find(loop.text); other != other_names_.end()) {
                loop.text = other->second;
            }
        }
        switch (d.kind) {
        case Kind::split:
            if (has(d.loops[0].text)) {
                drop_halves(d.loops[0].text, d.as.empty() ? "" : d.as[0].text, d.as.empty() ? "" : d.as[1].text);
                return std::nullopt;
            }
            return d;
        case Kind::fuse: {
            const bool inner = has(d.loops[0].text);
            const bool outer = has(d.loops[1].text);
            if (inner && outer) {
                loops_.insert(d.as[0].text);
            } else if (inner || outer) {
                other_names_[d.as[0].text] = d.loops[inner ? 1 : 0].text; // the fused loop is the one that is here
            }
            return inner || outer ? std::nullopt : std::optional(d);
        }
        case Kind::tile: return tile(d);
        case Kind::vectorize:
        case Kind::unroll:
            if (!d.factors.empty()) {
                for (const Name& loop : d.loops) {
                    if (has(loop.text)) {
                        drop_halves(loop.text, "", "");
                    }
                }
            }
            [[fallthrough]];
        default: break;
        }
        std::erase_if(d.loops, [&](const Name& loop) { return has(loop.text); });
        if (d.loops.empty() || (d.kind == Kind::reorder && d.loops.size() < 2)) {
            return std::nullopt;
        }
        return d;
    }

private:
    void drop_halves(const std::string& loop, const std::string& outer, const std::string& inner) {
        loops_.insert(outer.empty() ? loop + ".o" : outer);
        loops_.insert(inner.empty() ? loop + ".i" : inner);
    }

    std::optional<Directive> tile(Directive d) {
        const std::size_t count = d.loops.size();
        Directive left = d;
        left.loops.clear();
        left.factors.clear();
        left.as.clear();
        std::vector<Name> inner;
        for (std::size_t i = 0; i < count; ++i) {
            if (has(d.loops[i].text)) {
                drop_halves(d.loops[i].text, d.as.empty() ? "" : d.as[i].text, d.as.empty() ? "" : d.as[count + i].text);
                continue;
            }
            left.loops.push_back(d.loops[i]);
            left.factors.push_back(d.factors[i]);
            if (!d.as.empty()) {
                left.as.push_back(d.as[i]);
                inner.push_back(d.as[count + i]);
            }
        }
        left.as.insert(left.as.end(), inner.begin(), inner.end());
        if (left.loops.size() == 1) {
            left.kind = Directive::Kind::split;
        }
        return left.loops.empty() ? std::nullopt : std::optional(left);
    }

    std::set<std::string> loops_;
    std::map<std::string, std::string> other_names_;
};

} // namespace

bool Model::like(const Subject& subject, const Directive& d) {
    const std::string& from = d.loops.front().text;
    const std::string here = subject.stage + (subject.init ? ".init" : "");
    if (from == here || std::ranges::find(liking_, from) != liking_.end()) {
        return error("S093", d.loops.front().span, fmt::format("`{}` is like itself", from),
                     "name a stage whose block has directives of its own");
    }
    const auto block = blocks_.find(from);
    if (block != blocks_.end()) {
        const std::vector<Directive> directives = block->second;
        liking_.push_back(from);
        const bool good = take_over(subject, d, directives);
        liking_.pop_back();
        return good;
    }
    if (d.skip_missing || failed_.contains(from)) {
        return true;
    }
    std::vector<std::string> names;
    for (const auto& [name, directives] : blocks_) {
        names.push_back(name);
    }
    std::erase(names, here);
    return error("S093", d.loops.front().span, fmt::format("`{}` has no block above that could be taken over", from),
                 names.empty() ? "write its block above this line"
                               : choices(from, names, "the stages with blocks are"));
}

bool Model::take_over(const Subject& subject, const Directive& d, const std::vector<Directive>& directives) {
    const std::string& from = d.loops.front().text;
    const std::vector<BaseLoop>& theirs = block_loops_.at(from);
    const std::vector<BaseLoop>& ours = nest(subject).base();
    std::set<std::string> missing;
    std::vector<std::string> lacking;
    bool good = true;
    for (const BaseLoop& loop : theirs) {
        if (std::ranges::find(ours, loop.name, &BaseLoop::name) != ours.end()) {
            continue;
        }
        missing.insert(loop.name);
        const bool used = std::ranges::any_of(directives, [&](const Directive& each) {
            return is_about_loops(each.kind) && each.kind != Directive::Kind::like &&
                   std::ranges::find(each.loops, loop.name, &Name::text) != each.loops.end();
        });
        if (!loop.reduced && !d.skip_missing && used) {
            lacking.push_back(loop.name);
        }
    }
    if (!lacking.empty()) {
        return error("S094", d.span,
                     fmt::format("`{}` is scheduled over {}, which `{}` does not have", from, quoted_list(lacking),
                                 subject.stage + (subject.init ? ".init" : "")),
                     fmt::format("write `like {} skip missing` to leave out what is about {}", from,
                                 lacking.size() == 1 ? "it" : "them"));
    }
    Missing lack(std::move(missing));
    for (const Directive& each : directives) {
        if (!is_about_loops(each.kind)) {
            continue; // places, memory and layout are each stage's own
        }
        if (each.kind == Directive::Kind::like) {
            good = like(subject, each) && good;
            continue;
        }
        if (std::optional<Directive> rest = lack.rest(each)) {
            good = directive(subject, *rest) && good;
        }
    }
    return good;
}

} // namespace coulter::schedule::detail
