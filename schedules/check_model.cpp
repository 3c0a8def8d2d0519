#include "check_model.hpp"

#include "coulter/sizes.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule {

std::map<std::string, std::int64_t> constant_extents(const ir::Kernel& kernel) {
    ir::Kernel copy = kernel;
    copy.estimates.clear(); // only what no caller can change
    std::vector<Diagnostic> ignored;
    const Sizes sizes = infer_sizes(copy, ignored);
    return resolve_extents(copy, sizes, {});
}

namespace detail {
namespace {

constexpr std::size_t diagnostics_limit = 500;

} // namespace

std::string choices(std::string_view given, const std::vector<std::string>& candidates, std::string_view what) {
    std::string close = closest_match(given, candidates);
    // Two one-letter names are always close, and a single candidate stands in the list anyway.
    if (!close.empty() && (candidates.size() == 1 || (given.size() < 3 && close.front() != given.front()))) {
        close.clear();
    }
    const std::string list = candidates.empty() ? "" : fmt::format("{} {}", what, quoted_list(candidates, 16));
    return close.empty() ? list : fmt::format("did you mean `{}`? {}", close, list);
}

std::vector<std::string> tensor_names(const ir::Kernel& kernel) {
    std::vector<std::string> names;
    for (const ir::Input& input : kernel.inputs) {
        names.push_back(input.name);
    }
    for (const ir::Const& each : kernel.consts) {
        names.push_back(each.name);
    }
    for (const ir::Definition& each : kernel.definitions) {
        names.push_back(each.name);
    }
    return names;
}

bool order_matters(const ir::Definition& definition) {
    if (definition.scan) {
        return true;
    }
    if (!definition.reduction || std::ranges::none_of(definition.types, is_float)) {
        return false;
    }
    const ir::ReduceOp op = definition.reduction->op;
    return op == ir::ReduceOp::sum || op == ir::ReduceOp::product || op == ir::ReduceOp::custom;
}

Model::Model(ir::Kernel kernel, std::vector<Diagnostic>& diagnostics)
    : original_(std::move(kernel)), kernel_(original_), diagnostics_(diagnostics) {
    for (const ir::Definition& each : kernel_.definitions) {
        made(each.name, each.name, {});
    }
}

Nest& Model::nest(const Subject& subject) {
    Stage& stage = stages_.at(subject.stage);
    return subject.init ? stage.init : stage.main;
}

const ir::Definition& Model::definition(const std::string& name) const {
    const ir::Definition* found = kernel_.find_definition(name);
    COULTER_INTERNAL_ASSERT(found != nullptr);
    return *found;
}

std::vector<std::string> Model::stage_names() const {
    std::vector<std::string> names;
    for (const ir::Definition& each : kernel_.definitions) {
        names.push_back(each.name);
    }
    for (const ir::Definition& each : kernel_.definitions) {
        if (has_init(each)) {
            names.push_back(each.name + ".init");
        }
    }
    return names;
}

std::vector<std::string> Model::mentioned() const {
    std::vector<std::string> names;
    for (const ir::Definition& each : kernel_.definitions) {
        if (mentioned_.contains(each.name)) {
            names.push_back(each.name);
        }
    }
    return names;
}

Span Model::span_of(const std::string& stage) const {
    const auto at = stages_.find(stage);
    return at == stages_.end() ? Span{} : at->second.span;
}

void Model::leave_out_unread() {
    std::set<std::string> read;
    ir::Kernel kept = kernel_;
    // Readers come after what they read, so that one pass from the end sees through chains.
    for (std::size_t i = kept.definitions.size(); i-- > 0;) {
        const ir::Definition& each = kept.definitions[i];
        // Inlined nowhere, a stage would have what it reads computed for nothing.
        const auto stage = stages_.find(each.name);
        const bool is_inlined = stage != stages_.end() && stage->second.where == Stage::Where::inlined;
        const bool is_wanted = mentioned_.contains(each.name) && !is_inlined;
        if (kept.is_output(each.name) || is_wanted || read.contains(each.name)) {
            for (const std::string& name : ir::reads(each)) {
                read.insert(name);
            }
        } else {
            for (ir::Group& group : kept.groups) { // they name only what there is
                std::erase(group.inputs, each.name);
                std::erase(group.outputs, each.name);
            }
            kept.definitions.erase(kept.definitions.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
    std::erase_if(kept.groups, [](const ir::Group& group) { return group.outputs.empty(); });
    rewritten(std::move(kept));
}

// The name itself where a statement below `index` makes it (or the stage whose initialisation it is).
std::string Model::made_later(const ScheduleFile& file, std::size_t index, std::string_view name, Span& where) const {
    const std::string_view stem = name.ends_with(".init") ? name.substr(0, name.size() - 5) : name;
    for (std::size_t i = index + 1; i < file.statements.size(); ++i) {
        const Statement& later = file.statements[i];
        const bool rfactored = later.kind == Statement::Kind::rfactor;
        const bool makes = rfactored || later.kind == Statement::Kind::pack || later.kind == Statement::Kind::copy ||
                           later.kind == Statement::Kind::accumulate || later.kind == Statement::Kind::join ||
                           later.kind == Statement::Kind::chunk || later.kind == Statement::Kind::clone;
        const Name& made_name = rfactored ? later.target : later.stage;
        if (makes && (match(made_name.text, stem) || match(made_name.text, name))) {
            where = later.span;
            return made_name.text;
        }
    }
    return {};
}

bool Model::has_errors() const {
    return std::ranges::any_of(diagnostics_, [](const Diagnostic& d) { return d.severity == Severity::error; });
}

bool Model::error(std::string code, const Span& span, std::string message, std::string help, std::vector<Note> notes) {
    if (diagnostics_.size() >= diagnostics_limit) {
        return false; // an error is among them: the last one was let in here
    }
    if (via_ != nullptr) {
        notes.insert(notes.end(), via_->begin(), via_->end());
    }
    diagnostics_.push_back(
        {Severity::error, std::move(code), span, std::move(message), std::move(notes), std::move(help)});
    return false;
}

void Model::warning(std::string code, const Span& span, std::string message, std::string help,
                    std::vector<Note> notes) {
    if (diagnostics_.size() + 1 >= diagnostics_limit) {
        return; // leaves room for an error
    }
    if (via_ != nullptr) {
        notes.insert(notes.end(), via_->begin(), via_->end());
    }
    diagnostics_.push_back(
        {Severity::warning, std::move(code), span, std::move(message), std::move(notes), std::move(help)});
}

const std::map<std::string, std::int64_t>& Model::constants() {
    if (!constants_) {
        constants_ = constant_extents(kernel_);
    }
    return *constants_;
}

void Model::rewritten(ir::Kernel kernel) {
    kernel_ = std::move(kernel);
    constants_.reset();
}

void Model::made(const std::string& name, const std::string& origin, const Span& span) {
    const ir::Definition& made_definition = definition(name);
    Stage stage;
    stage.origin = origin;
    stage.span = span;
    stage.main = Nest(main_loops(made_definition));
    stage.init = Nest(init_loops(made_definition));
    stages_[name] = std::move(stage);
}

} // namespace detail
} // namespace coulter::schedule
