// Macros and holes: `use` becomes what the macro holds, `?n` its value.

#include "expand.hpp"

#include "expand_layers.hpp"
#include "expand_names.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace coulter::schedule::detail {
namespace {

class Expander {
public:
    Expander(std::vector<Diagnostic>& diagnostics, Expanded& out) : diagnostics_(diagnostics), out_(out) {}

    /// Macros and holes first: they may be used above their line.
    void declare(const std::vector<Statement>& statements, int layer, const std::string& prefix) {
        for (const Statement& s : statements) {
            if (s.kind == Statement::Kind::macro) {
                declare_macro(s, layer, prefix);
            } else if (s.kind == Statement::Kind::tune) {
                declare_hole(s, layer);
            } else if (s.kind == Statement::Kind::include && s.included != nullptr) {
                declare(s.included->statements, layer, prefix);
            }
        }
    }

    /// The values that holes have in one variant alone.
    void declare_in_variant(const std::vector<Statement>& statements, int layer, const std::string& variant) {
        for (const Statement& s : statements) {
            if (s.kind == Statement::Kind::variant && s.stage.text == variant) {
                for (const Statement& inner : s.body) {
                    if (inner.kind == Statement::Kind::tune) {
                        declare_hole(inner, layer);
                    }
                }
            } else if (s.kind == Statement::Kind::include && s.included != nullptr) {
                declare_in_variant(s.included->statements, layer, variant);
            }
        }
    }

    void common(const std::vector<Statement>& statements, Scope scope) {
        for (const Statement& s : statements) {
            if (s.kind == Statement::Kind::variant && scope.layer > 0) {
                const auto at = std::ranges::find_if(
                    out_.variants, [&](const ExpandedVariant& each) { return each.line->stage.text == s.stage.text; });
                if (at == out_.variants.end()) {
                    out_.variants.push_back({&s, {}, {}});
                } else if (format(at->line->condition) != format(s.condition)) {
                    error("S103", s.span, fmt::format("a second condition for variant `{}`", s.stage.text),
                          "a variant has one condition; repeat it, or choose another name",
                          {{at->line->span, "the first one"}});
                }
            }
            put(s, scope, out_.common.statements);
        }
    }

    void variants(const std::vector<Statement>& statements, const Scope& scope) {
        for (const Statement& s : statements) {
            if (s.kind == Statement::Kind::variant) {
                const auto at = std::ranges::find_if(
                    out_.variants, [&](const ExpandedVariant& each) { return each.line->stage.text == s.stage.text; });
                for (const Statement& inner : s.body) {
                    if ((!only_ || *only_ == s.stage.text) && !left_out_.contains(s.stage.text)) {
                        put(inner, scope, at->statements);
                    }
                }
            } else if (s.kind == Statement::Kind::include && s.included != nullptr) {
                variants(s.included->statements, scope);
            }
        }
    }

    /// Of variants, only the statements of this one are expanded.
    void keep_to(const std::string& variant) { only_ = variant; }
    /// The statements of these variants are not expanded.
    void leave_out(const std::set<std::string>& variants) { left_out_ = variants; }

    [[nodiscard]] const std::set<std::string>& used() const { return used_; }

    /// Warns of holes from that layer on that are used neither here nor in `elsewhere`.
    void finish(int layer, const std::set<std::string>& elsewhere) {
        for (const Hole& hole : out_.holes) {
            if (hole_layers_[hole.name] >= layer && !used_.contains(hole.name) && !elsewhere.contains(hole.name)) {
                diagnostics_.push_back({Severity::warning,
                                        "S087",
                                        hole.span,
                                        fmt::format("the hole `{}` is used nowhere", hole.name),
                                        {},
                                        fmt::format("write `?{}` where its value belongs", hole.name)});
            }
        }
    }

private:
    bool error(std::string code, const Span& span, std::string message, std::string help,
               std::vector<Note> notes = {}) {
        if (diagnostics_.size() < 500) {
            diagnostics_.push_back(
                {Severity::error, std::move(code), span, std::move(message), std::move(notes), std::move(help)});
        }
        return false;
    }

    void declare_macro(const Statement& s, int layer, const std::string& prefix) {
        const std::string name = prefix + s.stage.text;
        const auto [at, fresh] = macros_.emplace(std::pair(name, layer), Macro{&s, layer, prefix});
        if (!fresh && at->second.statement != &s) {
            error("S081", s.stage.span, fmt::format("a second macro `{}`", name), "choose another name",
                  {{at->second.statement->stage.span, "the first one"}});
        }
    }

    void declare_hole(const Statement& s, int layer) {
        const auto at = std::ranges::find(out_.holes, s.stage.text, &Hole::name);
        std::vector<std::int64_t> domain;
        for (const Number& each : s.domain) {
            domain.push_back(each.value);
        }
        Hole hole{s.stage.text, std::move(domain), s.value.value, s.stage.span};
        if (at == out_.holes.end()) {
            out_.holes.push_back(std::move(hole));
        } else if (hole_layers_[s.stage.text] == layer) {
            error("S084", s.stage.span, fmt::format("a second hole `{}`", s.stage.text), "choose another name",
                  {{at->span, "the first one"}});
        } else {
            *at = std::move(hole);
        }
        hole_layers_[s.stage.text] = layer;
    }

    /// The macro of that name in the nearest layer, from `layer` downwards.
    const Macro* find(const Name& name, const Scope& scope) {
        const Macro* found = nullptr;
        // Macros of the file that this one stands in need no prefix there.
        for (const std::string& full : {scope.prefix + name.text, name.text}) {
            for (auto at = macros_.lower_bound({full, 0}); at != macros_.end() && at->first.first == full; ++at) {
                if (at->second.layer <= scope.layer) {
                    found = &at->second; // layers come in their order
                }
            }
            if (found != nullptr) {
                return found;
            }
        }
        std::vector<std::string> names;
        for (const auto& [key, macro] : macros_) {
            names.push_back(key.first);
        }
        const std::string close = closest_match(name.text, names);
        error("S080", name.span, fmt::format("there is no macro `{}`", name.text),
              names.empty()
                  ? "write `macro NAME(PARAMETER, ...) { ... }`, or include the file that holds it"
                  : fmt::format("{}the macros are {}", close.empty() ? "" : fmt::format("did you mean `{}`? ", close),
                                quoted_list(names)));
        return found;
    }

    /// The scope of a macro's body, or nothing after a mistake.
    std::optional<Scope> enter(const Name& name, const std::vector<Argument>& arguments, const Span& span,
                               const Scope& scope, bool statements) {
        const Macro* chosen = find(name, scope);
        if (chosen == nullptr) {
            return std::nullopt;
        }
        const Statement* macro = chosen->statement;
        if (scope.open.contains(macro) || scope.open.size() >= deepest_use) {
            error("S083", span, fmt::format("the macro `{}` uses itself", name.text), "a macro cannot repeat itself",
                  scope.via);
            return std::nullopt;
        }
        if (!macro->directives.empty() && statements) {
            error("S086", span, fmt::format("the macro `{}` holds directives", name.text),
                  fmt::format("use it in a block: `stage NAME {{ use {}(...) }}`", name.text),
                  {{macro->span, "the macro"}});
            return std::nullopt;
        }
        if (!macro->body.empty() && !statements) {
            error("S086", span, fmt::format("the macro `{}` holds statements", name.text),
                  "use it outside of blocks, as a statement", {{macro->span, "the macro"}});
            return std::nullopt;
        }
        if (macro->names.size() != arguments.size()) {
            std::vector<std::string> parameters;
            for (const Name& each : macro->names) {
                parameters.push_back(each.text);
            }
            error("S082", span,
                  fmt::format("the macro `{}` takes {} argument{}, {} given", name.text, parameters.size(),
                              parameters.size() == 1 ? "" : "s", arguments.size()),
                  parameters.empty() ? fmt::format("write `use {}`", name.text)
                                     : fmt::format("its parameters are {}", quoted_list(parameters)),
                  {{macro->span, "the macro"}});
            return std::nullopt;
        }
        Scope inner;
        inner.layer = scope.layer;
        inner.prefix = chosen->prefix;
        inner.open = scope.open;
        inner.open.insert(macro);
        inner.via.push_back({span, fmt::format("in the macro `{}`, used here", name.text)});
        inner.via.insert(inner.via.end(), scope.via.begin(), scope.via.end());
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            Argument given = arguments[i];
            if (!resolve(given, scope)) {
                return std::nullopt;
            }
            inner.bindings[macro->names[i].text] = std::move(given);
        }
        body_ = macro;
        return inner;
    }

    // An argument that is itself a parameter of the macro around it.
    bool resolve(Argument& argument, const Scope& scope) {
        if (argument.number) {
            return number(*argument.number, scope);
        }
        if (argument.place) {
            return place(*argument.place, scope);
        }
        const auto bound = scope.bindings.find(argument.name.text);
        if (bound != scope.bindings.end()) {
            argument = bound->second;
            return true;
        }
        return name(argument.name, scope);
    }

    bool name(Name& name, const Scope& scope) {
        if (scope.bindings.empty() || name.text.empty()) {
            return true;
        }
        const std::string first = name.text.substr(0, name.text.find_first_of(".["));
        const auto bound = scope.bindings.find(first);
        if (bound != scope.bindings.end() && (bound->second.number || bound->second.place)) {
            return error("S082", name.span,
                         fmt::format("`{}` is a {} here, and a name is wanted", first,
                                     bound->second.number ? "number" : "place"),
                         fmt::format("give a name for `{}`", first), scope.via);
        }
        std::map<std::string, std::string> texts;
        for (const auto& [parameter, argument] : scope.bindings) {
            texts[parameter] = text_of(argument);
        }
        name.text = substitute(name.text, texts);
        return true;
    }

    bool number(Number& number, const Scope& scope) {
        if (number.symbol.empty()) {
            return true;
        }
        if (number.symbol.front() != '?') {
            const auto bound = scope.bindings.find(number.symbol);
            COULTER_INTERNAL_ASSERT(bound != scope.bindings.end());
            if (!bound->second.number) {
                return error("S082", number.span, fmt::format("`{}` is no number here", number.symbol),
                             fmt::format("give a number for `{}`", number.symbol), scope.via);
            }
            number = {bound->second.number->value, number.span, {}};
            return true;
        }
        const std::string hole = number.symbol.substr(1);
        const auto at = std::ranges::find(out_.holes, hole, &Hole::name);
        if (at == out_.holes.end()) {
            std::vector<std::string> names;
            for (const Hole& each : out_.holes) {
                names.push_back(each.name);
            }
            const std::string close = closest_match(hole, names);
            return error("S084", number.span, fmt::format("there is no hole `{}`", hole),
                         close.empty() ? fmt::format("write `tune {} in {{8, 16, 32}} = 16`", hole)
                                       : fmt::format("did you mean `?{}`?", close),
                         scope.via);
        }
        used_.insert(hole);
        number = {at->value, number.span, {}};
        return true;
    }

    bool place(PlaceSyntax& place, const Scope& scope) {
        if (!place.is_root() && place.loop.text.empty()) {
            const auto bound = scope.bindings.find(place.stage.text);
            COULTER_INTERNAL_ASSERT(bound != scope.bindings.end());
            if (!bound->second.place) {
                return error("S082", place.span, fmt::format("`{}` is no place here", place.stage.text),
                             fmt::format("give a place `STAGE/LOOP` for `{}`", place.stage.text), scope.via);
            }
            const Span span = place.span;
            place = *bound->second.place;
            place.span = place.stage.span = place.loop.span = span;
            return true;
        }
        return name(place.stage, scope) && name(place.loop, scope);
    }

    bool count() {
        if (++directives_ <= most_directives) {
            return true;
        }
        return directives_ == most_directives + 1 &&
               error("S036", out_.common.statements.empty() ? Span{} : out_.common.statements.back().span,
                     fmt::format("more than {} directives after macros are expanded", most_directives),
                     "no kernel needs so many; do macros use each other in a chain?");
    }

    void directive(const Directive& given, const Scope& scope, std::vector<Directive>& out) {
        if (!count()) {
            return;
        }
        if (given.kind == Directive::Kind::use) {
            if (const auto inner = enter(given.loops.front(), given.arguments, given.span, scope, false)) {
                const Statement* macro = body_;
                for (const Directive& each : macro->directives) {
                    directive(each, *inner, out);
                }
            }
            return;
        }
        Directive d = given;
        d.via = scope.via;
        bool good = place(d.place, scope);
        for (std::vector<Name>* names : {&d.loops, &d.as}) {
            for (Name& each : *names) {
                good = name(each, scope) && good;
            }
        }
        for (Number& each : d.factors) {
            good = number(each, scope) && good;
        }
        if (good) {
            out.push_back(std::move(d));
        }
    }

    void put(const Statement& given, const Scope& scope, std::vector<Statement>& out) {
        using Kind = Statement::Kind;
        if (!count()) {
            return;
        }
        switch (given.kind) {
        case Kind::schedule:
        case Kind::target:
        case Kind::numerics:
        case Kind::macro:
        case Kind::tune:
        case Kind::variant: return;
        case Kind::require:
            out_.requirements.push_back(given);
            name(out_.requirements.back().stage, scope);
            return;
        case Kind::include:
            if (given.included != nullptr) {
                common(given.included->statements, scope);
            } else {
                error("S090", given.source.span, fmt::format("cannot read `{}`", given.source.text),
                      "the path is relative to the file that includes it");
            }
            return;
        case Kind::use:
            if (const auto inner = enter(given.stage, given.arguments, given.span, scope, true)) {
                const Statement* macro = body_;
                for (const Statement& each : macro->body) {
                    put(each, *inner, out);
                }
            }
            return;
        default: break;
        }
        Statement s = given;
        s.layer = scope.layer;
        s.via = scope.via;
        s.directives.clear();
        bool good = name(s.stage, scope) && name(s.source, scope) && name(s.target, scope);
        for (Name& each : s.names) {
            good = name(each, scope) && good;
        }
        for (PackBy& by : s.by) {
            good = name(by.dim, scope) && number(by.factor, scope) && good;
        }
        if (s.at) {
            good = place(*s.at, scope) && good;
        }
        for (const Directive& each : given.directives) {
            directive(each, scope, s.directives);
        }
        if (good) {
            out.push_back(std::move(s));
        }
    }

    std::vector<Diagnostic>& diagnostics_;
    Expanded& out_;
    std::map<std::pair<std::string, int>, Macro> macros_; ///< by name and layer
    std::map<std::string, int> hole_layers_;
    std::set<std::string> used_;
    std::optional<std::string> only_; ///< variant
    std::set<std::string> left_out_;  ///< variants
    const Statement* body_ = nullptr; ///< the macro that enter() found
    std::size_t directives_ = 0;
};

} // namespace

Expanded expand(const ir::Kernel& kernel, const std::vector<const ScheduleFile*>& files,
                std::vector<Diagnostic>& diagnostics, std::vector<ScheduleText>& texts) {
    Carried carried;
    for (const ir::Group& group : kernel.groups) {
        const auto text = kernel.macro_files.find(group.macro_file);
        if (text == kernel.macro_files.end() || carried.contains(group.function)) {
            continue;
        }
        SyntaxResult parsed = parse_schedule(text->second, group.macro_file);
        texts.push_back({group.macro_file, text->second});
        diagnostics.insert(diagnostics.end(), parsed.diagnostics.begin(), parsed.diagnostics.end());
        carried[group.function] = std::move(parsed.file);
    }
    const Layers layers(kernel, files, carried);
    const std::set<std::string> apart = layers.variants_with_holes();
    Expanded out;
    Expander expander(diagnostics, out);
    expander.leave_out(apart);
    layers.declare(expander, "");
    layers.statements(expander);
    std::set<std::string> used;
    for (ExpandedVariant& variant : out.variants) {
        const std::string& name = variant.line->stage.text;
        variant.common = out.common;
        if (apart.contains(name)) {
            // The whole schedule once more: the common part uses the values of the variant too.
            Expanded once;
            Expander own(diagnostics, once);
            own.keep_to(name);
            layers.declare(own, name);
            layers.statements(own);
            used.insert(own.used().begin(), own.used().end());
            own.finish(static_cast<int>(files.size()) + 1, {});
            variant.common = std::move(once.common);
            variant.statements =
                std::move(std::ranges::find(once.variants, variant.line, &ExpandedVariant::line)->statements);
        }
    }
    expander.finish(0, used);
    return out;
}

} // namespace coulter::schedule::detail
