// Statements of a file, in the written order.

#include "check_model.hpp"

#include "coulter/fingerprint.hpp"
#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coulter::schedule::detail {

void Model::apply(const ScheduleFile& file) {
    pending_.clear();
    for (std::size_t i = 0; i < file.statements.size(); ++i) {
        statement(file, i);
    }
    for (const std::size_t index : pending_) {
        const Statement& waiting = file.statements[index];
        if (!failed_.contains(waiting.kind == Statement::Kind::copy ? waiting.target.text : waiting.source.text)) {
            // What it waited for was made, but not as a stage that it can use: say so in the ordinary way.
            waiting.kind == Statement::Kind::copy ? copy(waiting) : pack(waiting);
        }
        failed_.insert(waiting.stage.text);
    }
}

void Model::statement(const ScheduleFile& file, std::size_t index) {
    const Statement& s = file.statements[index];
    const auto exists = [&](const std::string& name) {
        return kernel_.find_definition(name) != nullptr || kernel_.find_input(name) != nullptr ||
               kernel_.find_const(name) != nullptr;
    };
    const auto place_mentioned = [&](const std::optional<PlaceSyntax>& place) {
        if (place && !place->is_root()) {
            mentioned_.insert(place->stage.text);
        }
    };
    const auto rewrite = [&](bool good, const Name& name) {
        if (good) {
            failed_.erase(name.text);
            mention(s);
            retry_pending(file);
        } else {
            failed_.insert(name.text);
        }
    };
    Span later;
    place_mentioned(s.at);
    switch (s.kind) {
    case Statement::Kind::schedule: break;
    case Statement::Kind::target: target = s.patterns.empty() ? "" : s.patterns.front().text; break;
    case Statement::Kind::numerics: break; // in force for the whole file, see check()
    case Statement::Kind::block: block(file, index); break;
    case Statement::Kind::pack:
    case Statement::Kind::copy: {
        const bool is_copy = s.kind == Statement::Kind::copy;
        const bool wait = (!exists(s.source.text) && !made_later(file, index, s.source.text, later).empty()) ||
                          (is_copy && !exists(s.target.text) && !made_later(file, index, s.target.text, later).empty());
        if (wait) {
            pending_.push_back(index);
        } else {
            rewrite(is_copy ? copy(s) : pack(s), s.stage);
        }
        break;
    }
    case Statement::Kind::accumulate: rewrite(accumulate(s), s.stage); break;
    case Statement::Kind::rfactor: rewrite(rfactor(s), s.target); break;
    }
}

// A new stage that its statement places is the author's; one without a place is left to the default schedule.
void Model::mention(const Statement& rewrite) {
    if (rewrite.at || rewrite.memory) {
        mentioned_.insert(rewrite.stage.text);
    }
}

// A copy or pack may stand above the stage that it needs: it happens as soon as that stage is made.
void Model::retry_pending(const ScheduleFile& file) {
    for (std::size_t i = 0; i < pending_.size();) {
        const Statement& s = file.statements[pending_[i]];
        const bool is_copy = s.kind == Statement::Kind::copy;
        const std::string& wanted = is_copy ? s.target.text : s.source.text;
        const bool ready =
            kernel_.find_definition(wanted) != nullptr &&
            (kernel_.find_definition(s.source.text) != nullptr || kernel_.find_input(s.source.text) != nullptr ||
             kernel_.find_const(s.source.text) != nullptr);
        if (!ready) {
            ++i;
            continue;
        }
        pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
        if (is_copy ? copy(s) : pack(s)) {
            mention(s);
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
        error("S020", name.span, fmt::format("`{}` is a map and has no initialisation", stem),
              fmt::format("write `stage {} {{ ... }}`", stem));
        return std::nullopt;
    }
    if (failed_.contains(name.text) || failed_.contains(stem) ||
        std::ranges::any_of(pending_, [&](std::size_t i) { return file.statements[i].stage.text == name.text; })) {
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

void Model::block(const ScheduleFile& file, std::size_t index) {
    const Statement& s = file.statements[index];
    const std::optional<Subject> found = subject(file, index, s.stage);
    if (!found) {
        return;
    }
    mentioned_.insert(found->stage);
    Stage& stage = stages_.at(found->stage);
    Span& seen = found->init ? stage.init_block : stage.block;
    if (seen.line != 0) {
        error("S023", s.stage.span, fmt::format("a second block for `{}`", s.stage.text),
              "a stage has one block; put the directives together", {{seen, "the first one"}});
        return;
    }
    seen = s.span;
    if (!found->init || stage.span.line == 0) {
        stage.span = s.span;
    }
    stamp(s, found->stage);
    for (const Directive& each : s.directives) {
        if ((each.kind == Directive::Kind::compute_at || each.kind == Directive::Kind::store_at)) {
            mentioned_.insert(each.place.stage.text);
        }
        if (!directive(*found, each)) {
            stages_.at(found->stage).broken = true;
        }
    }
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
    if (const std::string now = fingerprint(*given); now != block.stamp) {
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
