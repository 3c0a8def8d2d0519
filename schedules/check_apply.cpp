// Statements of a file, in the written order.

#include "check_model.hpp"

#include "coulter/fingerprint.hpp"
#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {

void Model::apply(const ScheduleFile& file) {
    pending_.clear();
    follow_renames(file);
    for (std::size_t i = 0; i < file.statements.size(); ++i) {
        each_match(file, i);
    }
    for (const Pending& waiting : pending_) {
        const Statement& s = waiting.statement;
        if (!failed_.contains(s.kind == Statement::Kind::copy ? s.target.text : s.source.text)) {
            // What it waited for was made, but not as a stage that it can use: say so in the ordinary way.
            via_ = &s.via;
            make(s);
        }
        failed_.insert(s.stage.text);
    }
    via_ = nullptr;
}

bool Model::within_limit(const Span& span) {
    if (first_directives && spans_.size() >= *first_directives) {
        return false;
    }
    spans_.push_back(span);
    return true;
}

void Model::statement(const ScheduleFile& file, std::size_t index, const Statement& s) {
    via_ = s.via.empty() ? nullptr : &s.via;
    if (s.at && !s.at->is_root()) {
        mentioned_.insert(s.at->stage.text);
    }
    if (s.kind == Statement::Kind::block) {
        block(file, index, s);
    } else if (static_cast<std::size_t>(s.kind) > 2) { // the header is check()'s
        rewrite(file, index, s);
    }
    via_ = nullptr;
}

bool Model::make(const Statement& s) {
    switch (s.kind) {
    case Statement::Kind::copy: return copy(s);
    case Statement::Kind::pack: return pack(s);
    case Statement::Kind::accumulate: return accumulate(s);
    case Statement::Kind::rfactor: return rfactor(s);
    case Statement::Kind::join: return join(s);
    case Statement::Kind::chunk: return chunk(s);
    case Statement::Kind::clone: return clone(s);
    default: return false;
    }
}

void Model::rewrite(const ScheduleFile& file, std::size_t index, const Statement& s) {
    const auto exists = [&](const std::string& name) {
        return kernel_.find_definition(name) != nullptr || kernel_.find_input(name) != nullptr ||
               kernel_.find_const(name) != nullptr;
    };
    const bool is_copy = s.kind == Statement::Kind::copy;
    Span later;
    const bool wait =
        (is_copy || s.kind == Statement::Kind::pack) &&
        ((!exists(s.source.text) && !made_later(file, index, s.source.text, later).empty()) ||
         (is_copy && !exists(s.target.text) && !made_later(file, index, s.target.text, later).empty()));
    if (!within_limit(s.span)) {
        return;
    }
    if (wait) {
        pending_.push_back({s, index});
        return;
    }
    const std::string& name = s.kind == Statement::Kind::rfactor ? s.target.text : s.stage.text;
    if (make(s)) {
        failed_.erase(name);
        mention(s);
        applied_.push_back(s);
        retry_pending();
    } else {
        failed_.insert(name);
        if (s.kind == Statement::Kind::chunk) {
            failed_.insert(name + carry_suffix);
        }
    }
}

// A new stage that its statement places is the author's; one without a place is left to the default schedule.
void Model::mention(const Statement& rewrite) {
    if (rewrite.at || rewrite.memory) {
        mentioned_.insert(rewrite.stage.text);
    }
}

// A copy or pack may stand above the stage that it needs: it happens as soon as that stage is made.
void Model::retry_pending() {
    for (std::size_t i = 0; i < pending_.size();) {
        const Statement s = pending_[i].statement;
        const std::string& wanted = s.kind == Statement::Kind::copy ? s.target.text : s.source.text;
        const bool ready =
            kernel_.find_definition(wanted) != nullptr &&
            (kernel_.find_definition(s.source.text) != nullptr || kernel_.find_input(s.source.text) != nullptr ||
             kernel_.find_const(s.source.text) != nullptr);
        if (!ready) {
            ++i;
            continue;
        }
        pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
        if (make(s)) {
            mention(s);
            applied_.push_back(s);
            i = 0; // it may be what another one waits for
        } else {
            failed_.insert(s.stage.text);
        }
    }
}

std::optional<Model::Subject> Model::subject(const ScheduleFile& file, std::size_t index, const Name& name) {
    if (kernel_.find_definition(name.text) != nullptr) {
        return Subject{name.text, false};
    }
    const std::string stem = name.text.ends_with(".init") ? name.text.substr(0, name.text.size() - 5) : "";
    if (const ir::Definition* stage = stem.empty() ? nullptr : kernel_.find_definition(stem); stage != nullptr) {
        if (has_init(*stage)) {
            return Subject{stem, true};
        }
        error("S020", name.span,
              fmt::format("`{}` is a {} and has no initialisation", stem, stage->scan ? "scan" : "map"),
              fmt::format("write `stage {} {{ ... }}`", stem));
        return std::nullopt;
    }
    if (failed_.contains(name.text) || failed_.contains(stem) ||
        std::ranges::any_of(pending_, [&](const Pending& each) { return each.statement.stage.text == name.text; })) {
        if (!failed_.contains(name.text) && !failed_.contains(stem)) {
            error("S020", name.span,
                  fmt::format("`{}` does not exist yet: it waits for a stage that is made below", name.text),
                  "write its block below that statement");
        }
        return std::nullopt;
    }
    if (kernel_.find_input(name.text) != nullptr || kernel_.find_const(name.text) != nullptr) {
        error("S020", name.span, fmt::format("`{}` is an argument and has no loops", name.text),
              fmt::format("`stage {0}.staged = copy {0} for CONSUMER at STAGE/LOOP` or `stage {0}.packed = pack {0} by "
                          "DIM FACTOR` makes a stage of it",
                          name.text));
        return std::nullopt;
    }
    Span where;
    if (const std::string later = made_later(file, index, name.text, where); !later.empty()) {
        error("S020", name.span, fmt::format("`{}` does not exist yet", name.text),
              "write its block below the statement that makes it", {{where, fmt::format("`{}` is made here", later)}});
        return std::nullopt;
    }
    error("S020", name.span, fmt::format("kernel `{}` has no stage `{}`", kernel_.name, name.text),
          choices(name.text, stage_names(), "the stages are"));
    return std::nullopt;
}

void Model::block(const ScheduleFile& file, std::size_t index, const Statement& s) {
    if (s.skip_missing) {
        const std::vector<std::string> names = stage_names();
        if (std::ranges::find(names, s.stage.text) == names.end()) {
            return;
        }
    }
    const std::optional<Subject> found = subject(file, index, s.stage);
    if (!found) {
        return;
    }
    const std::string shown = found->stage + (found->init ? ".init" : "");
    if (!s.extend) {
        const Statement* winner = in_force(file, shown);
        const Statement* self = &file.statements[index];
        const bool equals = winner != nullptr && winner != self && winner->layer == self->layer &&
                            is_pattern(winner->stage.text) == is_pattern(self->stage.text);
        if (equals) {
            error("S023", s.stage.span, fmt::format("a second block for `{}`", s.stage.text),
                  is_pattern(self->stage.text) ? "two wildcards match this stage; name it in a block of its own, which counts "
                                                 "more than a wildcard"
                                               : "a stage has one block; put the directives together",
                  {{winner->span, "the first one"}});
            return;
        }
        if (winner != nullptr && winner != self) {
            // A later statement may need loops that a block makes here; else the block stands where it is written.
            const std::size_t until = static_cast<std::size_t>(winner - file.statements.data());
            bool needed = false;
            for (std::size_t i = index + 1; i < until; ++i) {
                const Statement& between = file.statements[i];
                needed = needed || (between.kind == Statement::Kind::rfactor && match(between.stage.text, shown));
            }
            if (!needed || blocks_.contains(shown)) {
                return;
            }
            if (const auto captures = match(winner->stage.text, shown)) {
                if (const auto concrete = filled(*winner, *captures)) {
                    apply_block(*found, *concrete);
                }
            }
            return;
        }
        if (blocks_.contains(shown)) {
            return; // it took the place of a lower one
        }
    } else if (!blocks_.contains(shown)) {
        error("S095", s.stage.span, fmt::format("`{}` has no block above that could be extended", s.stage.text),
              fmt::format("write `stage {} {{ ... }}`", s.stage.text));
        return;
    }
    apply_block(*found, s);
}

void Model::apply_block(const Subject& found, const Statement& s) {
    mentioned_.insert(found.stage);
    Stage& stage = stages_.at(found.stage);
    Span& seen = found.init ? stage.init_block : stage.block;
    if (!s.extend) {
        seen = s.span;
        if (!found.init || stage.span.line == 0) {
            stage.span = s.span;
        }
    }
    stamp(s, found.stage);
    const std::string shown = found.stage + (found.init ? ".init" : "");
    block_loops_.emplace(shown, nest(found).base()); // a vectorized reduced loop moves to a stage of its own
    std::vector<Directive>& kept = blocks_[shown];
    kept.insert(kept.end(), s.directives.begin(), s.directives.end());
    Statement in_force = s;
    in_force.extend = false;
    in_force.skip_missing = false;
    in_force.directives.clear();
    for (const Directive& each : s.directives) {
        if (!within_limit(each.span)) {
            break;
        }
        via_ = each.via.empty() ? nullptr : &each.via;
        if ((each.kind == Directive::Kind::compute_at || each.kind == Directive::Kind::store_at)) {
            mentioned_.insert(each.place.stage.text);
        }
        const bool good = each.kind == Directive::Kind::like ? like(found, each) : directive(found, each);
        if (!good) {
            stages_.at(found.stage).broken = true;
        }
        in_force.directives.push_back(each);
    }
    via_ = nullptr;
    const auto before = std::ranges::find_if(applied_, [&](const Statement& each) {
        return each.kind == Statement::Kind::block && each.stage.text == in_force.stage.text;
    });
    if (before == applied_.end()) {
        applied_.push_back(std::move(in_force));
    } else {
        before->directives.insert(before->directives.end(), in_force.directives.begin(), in_force.directives.end());
    }
}

std::vector<Statement> Model::applied() const {
    return applied_;
}

void Model::stamp(const Statement& block, const std::string& stage) {
    if (block.stamp.empty()) {
        return;
    }
    const std::string& origin = stages_.at(stage).origin;
    const ir::Definition* given = original_.find_definition(origin);
    if (given == nullptr) {
        warning("S025", block.stamp_span, fmt::format("`{}` derives from an argument, which has no fingerprint", stage),
                "leave the stamp out");
        return;
    }
    if (const std::string now = fingerprint(*given); !computes(*given, block.stamp)) {
        warning("S025", block.stamp_span,
                fmt::format("`{}` has changed since this block was written: its fingerprint is {}", origin, now),
                fmt::format("read the block again, then write `@{}`, or let `coulter fmt --stamp` do it", now));
    }
}

void Model::placement(Stage& stage, const std::string& name, const Directive& d) {
    using Kind = Directive::Kind;
    const auto once = [&](const Span& before, std::string_view what) {
        return before.line == 0 || error("S067", d.keyword, fmt::format("`{}` is said to be {} twice", name, what),
                                         "keep one of the two", {{before, "said here"}});
    };
    switch (d.kind) {
    case Kind::compute_at:
    case Kind::compute_root:
    case Kind::compute_inline:
        if (once(stage.where_span, "computed")) {
            stage.where_span = d.span;
            stage.where_via = d.via;
            stage.where = d.kind == Kind::compute_at     ? Stage::Where::at
                          : d.kind == Kind::compute_root ? Stage::Where::root
                                                         : Stage::Where::inlined;
            stage.place = d.place;
        }
        break;
    case Kind::store_at:
    case Kind::store_root:
        if (once(stage.store_span, "stored at a place")) {
            stage.store_span = d.span;
            stage.store_via = d.via;
            stage.store_given = true;
            stage.store = d.place;
        }
        break;
    default:
        if (once(stage.memory_span, "stored in a memory")) {
            stage.memory_span = d.span;
            stage.memory = d.memory;
        }
        break;
    }
}

void Model::layout(Stage& stage, const std::string& name, const Directive& d) {
    const ir::Definition& stage_definition = definition(name);
    if (stage.layout_span.line != 0) {
        error("S067", d.keyword, fmt::format("`{}` has two layouts", name), "keep one of the two",
              {{stage.layout_span, "the first one"}});
        return;
    }
    stage.layout_span = d.span;
    std::vector<std::string> shown;
    for (const std::string& dim : stage_definition.dims) {
        shown.push_back(display_name(dim));
    }
    if (kernel_.is_output(name)) {
        error("S073", d.span, fmt::format("`{}` is an output: the caller decides its layout", name),
              "the order of an output's dims is that of its definition");
        return;
    }
    bool good = true;
    std::vector<std::string> order;
    for (const Name& dim : d.loops) {
        const auto at = std::ranges::find(shown, dim.text);
        if (at == shown.end()) {
            good = error("S073", dim.span, fmt::format("`{}` has no dim `{}`", name, dim.text),
                         choices(dim.text, shown, "a layout lists the dims, not the loops:"));
            continue;
        }
        const std::string& real = stage_definition.dims[static_cast<std::size_t>(at - shown.begin())];
        if (std::ranges::count(order, real) > 0) {
            good = error("S073", dim.span, fmt::format("`{}` is listed twice", dim.text));
        } else {
            order.push_back(real);
        }
    }
    if (good && order.size() != shown.size()) {
        std::vector<std::string> missing;
        for (std::size_t i = 0; i < shown.size(); ++i) {
            if (std::ranges::count(order, stage_definition.dims[i]) == 0) {
                missing.push_back(shown[i]);
            }
        }
        good = error("S073", d.span, fmt::format("the layout of `{}` lacks {}", name, quoted_list(missing)),
                     "list every dim, outermost first");
    }
    if (good) {
        stage.layout = std::move(order);
    }
}

} // namespace coulter::schedule::detail
