// Which stages a statement is about: wildcards, layers, and stages that have a new name.

#include "check_model.hpp"

#include "coulter/fingerprint.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {
namespace {

/// The name by which a statement chooses its stages.
const Name& chooser(const Statement& s) {
    using Kind = Statement::Kind;
    switch (s.kind) {
    case Kind::accumulate:
    case Kind::chunk:
    case Kind::pack: return s.source;
    case Kind::copy: return is_pattern(s.target.text) ? s.target : s.source;
    case Kind::clone:
        for (const Name& each : s.names) {
            if (is_pattern(each.text)) {
                return each;
            }
        }
        return s.source;
    case Kind::join: return s.names.front();
    default: return s.stage;
    }
}

const std::string& made_name(const Statement& s) {
    static const std::string none;
    using Kind = Statement::Kind;
    switch (s.kind) {
    case Kind::pack:
    case Kind::copy:
    case Kind::accumulate:
    case Kind::join:
    case Kind::chunk:
    case Kind::clone: return s.stage.text;
    case Kind::rfactor: return s.target.text;
    default: return none;
    }
}

/// All names of stages in a statement.
std::vector<Name*> stage_names_in(Statement& s) {
    std::vector<Name*> names{&s.stage, &s.source, &s.target};
    if (s.kind == Statement::Kind::rfactor) {
        names = {&s.stage, &s.target};
    }
    for (Name& each : s.names) {
        names.push_back(&each);
    }
    if (s.at) {
        names.push_back(&s.at->stage);
    }
    for (Directive& d : s.directives) {
        names.push_back(&d.place.stage);
        if (d.kind == Directive::Kind::like) {
            names.push_back(&d.loops.front());
        }
    }
    return names;
}

/// The stage that a block is about, or that a statement makes.
const std::string& subject_name(const Statement& s) {
    return s.kind == Statement::Kind::block ? s.stage.text : made_name(s);
}

} // namespace

// Whether a layer above takes back what is said of a stage.
bool Model::is_dropped(const ScheduleFile& file, int layer, const std::string& name) const {
    return !name.empty() && std::ranges::any_of(file.statements, [&](const Statement& other) {
        if (other.kind != Statement::Kind::drop || other.layer <= layer) {
            return false; // before anything is looked up: kernels of hundreds of stages ask for each of their blocks
        }
        const auto now = renamed_.find(other.stage.text);
        return match(now == renamed_.end() ? other.stage.text : now->second, name).has_value();
    });
}

void Model::check_drop(const ScheduleFile& file, std::size_t index) {
    const Statement& s = file.statements[index];
    for (std::size_t i = 0; i < index; ++i) {
        const std::string& name = subject_name(file.statements[i]);
        const bool lower = file.statements[i].layer < s.layer && !name.empty();
        if (lower && (s.stage.text == name || match(s.stage.text, name) || match(name, s.stage.text))) {
            return;
        }
    }
    via_ = s.via.empty() ? nullptr : &s.via;
    error("S104", s.stage.span, fmt::format("no lower layer has a block of `{}` or makes it", s.stage.text),
          "`drop` takes back a statement of a file given before, or of the common part of a variant");
    via_ = nullptr;
}

void Model::each_match(const ScheduleFile& file, std::size_t index) {
    const Statement& given = file.statements[index];
    if (given.kind == Statement::Kind::drop) {
        check_drop(file, index);
        return;
    }
    const std::string& making = made_name(given);
    if (std::ranges::find(early_, &given) != early_.end()) {
        return; // it stands where the statement of the lower layer stood
    }
    if (!making.empty()) {
        if (const auto other = replacement(file, index, making)) {
            early_.push_back(&file.statements[*other]);
            Statement s = file.statements[*other];
            if (!is_pattern(chooser(s).text)) {
                renamed(s);
                statement(file, *other, s);
                return;
            }
            early_.pop_back();
            if (is_pattern(making)) {
                return; // both choose their stages when the higher one is reached
            }
        }
    }
    const Name& pattern = chooser(given);
    if (!is_pattern(pattern.text)) {
        Statement s = given;
        for (const Name* name : stage_names_in(s)) {
            if (is_pattern(name->text)) {
                via_ = given.via.empty() ? nullptr : &given.via;
                error("S096", name->span,
                      fmt::format("the wildcard of `{}` stands for nothing: `{}` has none", name->text, pattern.text),
                      fmt::format("a wildcard takes what it stands for in the name of the stage: `stage {}[*] {{ ... }}`",
                                  pattern.text.substr(0, pattern.text.find('['))));
                via_ = nullptr;
                return;
            }
        }
        renamed(s);
        if (!is_dropped(file, s.layer, subject_name(s))) {
            statement(file, index, s);
        }
        return;
    }
    std::vector<std::string> names;
    if (given.kind == Statement::Kind::block) {
        names = stage_names();
    } else {
        names = tensor_names(kernel_);
    }
    bool matched = false;
    for (const std::string& name : names) {
        const auto captures = match(pattern.text, name);
        if (!captures) {
            continue;
        }
        matched = true;
        const auto s = filled(given, *captures);
        if (!s) {
            return;
        }
        if (!is_dropped(file, s->layer, subject_name(*s))) {
            statement(file, index, *s);
        }
    }
    if (!matched && one_kernel && !given.skip_missing) {
        via_ = given.via.empty() ? nullptr : &given.via;
        warning("S092", pattern.span, fmt::format("no stage is called `{}`", pattern.text),
                fmt::format("the statement has no effect; the stages are {}", quoted_list(stage_names(), 16)));
        via_ = nullptr;
    }
}

// The statement for one of the stages that its wildcard stands for.
std::optional<Statement> Model::filled(const Statement& given, const Captures& captures) {
    Statement s = given;
    for (Name* name : stage_names_in(s)) {
        if (!is_pattern(name->text)) {
            continue;
        }
        const auto text = fill(name->text, captures);
        if (!text) {
            via_ = given.via.empty() ? nullptr : &given.via;
            error("S096", name->span, fmt::format("the wildcard of `{}` stands for nothing here", name->text),
                  "on every side stand no more wildcards than in the name that is matched, and no index falls below 0");
            via_ = nullptr;
            return std::nullopt;
        }
        name->text = *text;
    }
    renamed(s);
    return s;
}

// The block that counts for a stage: of the highest layer, there one that names it before one with a wildcard.
const Statement* Model::in_force(const ScheduleFile& file, const std::string& name) const {
    const Statement* best = nullptr;
    const auto rank = [](const Statement& s) { return std::pair(s.layer, !is_pattern(s.stage.text)); };
    for (const Statement& s : file.statements) {
        if (s.kind != Statement::Kind::block || s.extend) {
            continue;
        }
        const auto other = renamed_.find(s.stage.text);
        const bool matches = other != renamed_.end() ? other->second == name : match(s.stage.text, name).has_value();
        if (matches && (best == nullptr || rank(s) > rank(*best)) && !is_dropped(file, s.layer, name)) {
            best = &s;
        }
    }
    return best;
}

// The statement of a higher layer that makes the stage instead.
std::optional<std::size_t> Model::replacement(const ScheduleFile& file, std::size_t index,
                                              const std::string& made) const {
    std::optional<std::size_t> best;
    for (std::size_t i = index + 1; i < file.statements.size(); ++i) {
        const Statement& s = file.statements[i];
        if (s.layer > file.statements[index].layer && made_name(s) == made) {
            best = i;
        }
    }
    return best;
}

// Whether a stamp is of this definition. A producer that has another name now is no change of those that read it.
bool Model::computes(const ir::Definition& definition, const std::string& stamp) const {
    return fingerprint(definition) == stamp || (!former_.empty() && fingerprint(definition, former_) == stamp);
}

// A block with a stamp whose stage is gone: the stage that computes the same now is meant, where there is just one.
void Model::follow_renames(const ScheduleFile& file) {
    std::vector<const Statement*> gone;
    for (const Statement& s : file.statements) {
        if (s.kind != Statement::Kind::block || s.stamp.empty() || is_pattern(s.stage.text) ||
            kernel_.find_definition(s.stage.text) != nullptr || renamed_.contains(s.stage.text)) {
            continue;
        }
        const bool made = std::ranges::any_of(
            file.statements, [&](const Statement& other) { return match(made_name(other), s.stage.text).has_value(); });
        const bool derived = s.stage.text.ends_with(".init") || s.stage.text.ends_with(".lanes");
        if (!made && !derived && !s.skip_missing) {
            gone.push_back(&s);
        }
    }
    const auto now_called = [&](const Statement& s) {
        std::vector<std::string> same;
        for (const ir::Definition& each : original_.definitions) {
            const bool taken = former_.contains(each.name) ||
                               std::ranges::any_of(file.statements, [&](const Statement& other) {
                                   return other.kind == Statement::Kind::block && other.stage.text == each.name;
                               });
            if (!taken && computes(each, s.stamp)) {
                same.push_back(each.name);
            }
        }
        return same;
    };
    // A stage that reads another one with a new name is found once that one is.
    for (bool more = true; more;) {
        more = false;
        for (const Statement* s : gone) {
            const std::vector<std::string> same =
                renamed_.contains(s->stage.text) ? std::vector<std::string>{} : now_called(*s);
            if (same.size() == 1) {
                renamed_[s->stage.text] = same.front();
                former_[same.front()] = s->stage.text;
                more = true;
            }
        }
    }
    std::set<std::string> told;
    for (const Statement* s : gone) {
        if (!told.insert(s->stage.text).second) {
            continue;
        }
        via_ = s->via.empty() ? nullptr : &s->via;
        if (const auto now = renamed_.find(s->stage.text); now != renamed_.end()) {
            warning("S027", s->stage.span,
                    fmt::format("`{}` is called `{}` now, and this block is its", s->stage.text, now->second),
                    fmt::format("write `stage {} @{} {{ ... }}`", now->second, s->stamp));
        } else {
            failed_.insert(s->stage.text);
            warning("S027", s->stage.span,
                    fmt::format("`{}` is gone from kernel `{}`; its block is left out", s->stage.text, kernel_.name),
                    choices(s->stage.text, stage_names(), "the stages are"));
        }
        via_ = nullptr;
    }
}

void Model::renamed(Statement& s) const {
    if (renamed_.empty()) {
        return;
    }
    for (Name* name : stage_names_in(s)) {
        if (const auto other = renamed_.find(name->text); other != renamed_.end()) {
            name->text = other->second;
        }
    }
}

} // namespace coulter::schedule::detail
