// A schedule that somebody wrote, with some of it changed: a start that random directives rarely reach by themselves.

#include "random_schedule_draft.hpp"

#include "coulter/schedule/rewrite.hpp"
#include "coulter/schedule/syntax.hpp"

#include <algorithm>

namespace coulter::test {
namespace {

using schedule::Directive;
using schedule::Name;
using schedule::PlaceSyntax;
using schedule::ScheduleFile;
using schedule::Statement;

struct CarriedMacro {
    std::string name; ///< as callers write it
    std::size_t parameters = 0;
};

class Variation {
public:
    Variation(const ir::Kernel& kernel, ScheduleFile file, std::uint64_t seed, const RandomScheduleOptions& options)
        : draft_(kernel, seed, options), file_(std::move(file)) {
        for (const ir::Group& group : kernel.groups) {
            const auto text = kernel.macro_files.find(group.macro_file);
            if (text == kernel.macro_files.end()) {
                continue;
            }
            for (const Statement& s : schedule::parse_schedule(text->second, text->first).file.statements) {
                if (s.kind == Statement::Kind::macro && s.body.empty()) {
                    macros_.push_back({group.function + "." + s.stage.text, s.names.size()});
                }
            }
        }
    }

    std::string run(const std::function<bool(const std::string&)>& accepts) {
        if (draft_.below(4) != 0) { // each variant is compiled as well
            std::erase_if(file_.statements, [](const Statement& s) { return s.kind == Statement::Kind::variant; });
        }
        numerics();
        std::string text = schedule::format(file_);
        constexpr int kinds = 8;
        constexpr int tries = 6;
        // Every kind comes up equally often, though some are refused more often than others.
        int kind = draft_.below(kinds);
        for (int i = 0; i < 4; ++i, kind = (kind + 3) % kinds) {
            for (int left = tries; left > 0; --left) {
                const ScheduleFile file = file_;
                const ir::Kernel kernel = draft_.kernel;
                change(kind);
                if (const std::string now = schedule::format(file_); now != text && accepts(now)) {
                    text = now;
                    break;
                }
                file_ = file;
                draft_.kernel = kernel;
            }
        }
        return text;
    }

private:
    void change(int kind) {
        switch (kind) {
        case 0: leave_out_statement(); break;
        case 1: leave_out_directive(); break;
        case 2: change_factor(); break;
        case 3: change_place(); break;
        case 4: make_stage(); break;
        case 5: use_macro(); break;
        case 6: extend_by_wildcard(); break;
        default: schedule_anew(); break;
        }
    }

    void numerics() {
        std::erase_if(file_.statements, [](const Statement& s) { return s.kind == Statement::Kind::numerics; });
        Statement line;
        line.kind = Statement::Kind::numerics;
        line.numerics = draft_.options.numerics;
        file_.statements.insert(file_.statements.begin() + 1, std::move(line));
    }

    /// Statements outside and inside of variants that `suits`.
    template <class Suits>
    std::vector<Statement*> statements(Suits suits) {
        std::vector<Statement*> found;
        const auto add = [&](std::vector<Statement>& list) {
            for (Statement& each : list) {
                if (suits(each)) {
                    found.push_back(&each);
                }
            }
        };
        add(file_.statements);
        for (Statement& each : file_.statements) {
            add(each.body);
        }
        return found;
    }

    template <class Suits>
    std::vector<Directive*> directives(Suits suits) {
        std::vector<Directive*> found;
        for (Statement* s : statements([](const Statement&) { return true; })) {
            for (Directive& each : s->directives) {
                if (suits(each)) {
                    found.push_back(&each);
                }
            }
        }
        return found;
    }

    /// What is left without a statement gets the default schedule.
    void leave_out_statement() {
        std::vector<std::size_t> found;
        for (std::size_t i = 0; i < file_.statements.size(); ++i) {
            const Statement::Kind kind = file_.statements[i].kind;
            if (kind == Statement::Kind::block || kind == Statement::Kind::use || kind == Statement::Kind::pack) {
                found.push_back(i);
            }
        }
        if (!found.empty()) {
            file_.statements.erase(file_.statements.begin() + static_cast<std::ptrdiff_t>(draft_.pick(found)));
        }
    }

    void leave_out_directive() {
        const auto blocks =
            statements([](const Statement& s) { return s.kind == Statement::Kind::block && s.directives.size() > 1; });
        if (!blocks.empty()) {
            std::vector<Directive>& list = draft_.pick(blocks)->directives;
            list.erase(list.begin() + draft_.below(static_cast<int>(list.size())));
        }
    }

    void change_factor() {
        const auto found = directives([](const Directive& d) { return !d.factors.empty(); });
        if (found.empty()) {
            return;
        }
        Directive& d = *draft_.pick(found);
        d.factors.front() = {draft_.factor(), {}, {}};
        if (d.kind == Directive::Kind::split && draft_.chance(50)) {
            d.tail = draft_.pick<schedule::Tail>({schedule::Tail::guard, schedule::Tail::predicate});
        }
    }

    /// Another loop of the same stage, for a stage or for all that a macro places there.
    void change_place() {
        std::vector<PlaceSyntax*> places;
        for (Directive* d :
             directives([](const Directive& each) { return each.kind == Directive::Kind::compute_at; })) {
            places.push_back(&d->place);
        }
        for (Statement* s : statements([](const Statement& each) { return each.kind == Statement::Kind::use; })) {
            for (schedule::Argument& each : s->arguments) {
                if (each.place) {
                    places.push_back(&*each.place);
                }
            }
        }
        if (places.empty()) {
            return;
        }
        PlaceSyntax& place = *draft_.pick(places);
        const ir::Definition* host = draft_.kernel.find_definition(place.stage.text);
        if (host != nullptr && !host->dims.empty()) {
            place.loop.text = schedule::display_name(draft_.pick(host->dims));
        }
    }

    /// One more rewrite, above all others: what follows is about the kernel that it leaves.
    void make_stage() {
        const std::size_t before = draft_.text.size();
        draw_rewrite(draft_);
        ScheduleFile made = schedule::parse_schedule(draft_.text.substr(before), "made.sched").file;
        file_.statements.insert(file_.statements.begin() + 2, made.statements.begin(), made.statements.end());
    }

    /// A block in place of all that is said of a stage.
    void put_block(const std::string& stage, const std::string& lines, bool extend) {
        ScheduleFile made =
            schedule::parse_schedule((extend ? "extend stage " : "stage ") + stage + " {\n" + lines + "}\n", "b.sched")
                .file;
        if (!extend) {
            std::erase_if(file_.statements, [&](const Statement& s) {
                return s.kind == Statement::Kind::block && s.stage.text == stage;
            });
        }
        file_.statements.insert(file_.statements.end(), made.statements.begin(), made.statements.end());
    }

    const ir::Definition& any_stage() { return draft_.pick(draft_.kernel.definitions); }

    /// Places in the loops of the readers of a stage.
    std::vector<std::string> places_for(const std::string& stage) {
        std::vector<std::string> places;
        for (const ir::Definition& reader : draft_.kernel.definitions) {
            const std::vector<std::string> reads = ir::reads(reader);
            if (std::ranges::find(reads, stage) != reads.end()) {
                for (const std::string& dim : reader.dims) {
                    places.push_back(reader.name + "/" + schedule::display_name(dim));
                }
            }
        }
        return places;
    }

    /// A macro of directives that the kernel carries, for a stage that its author did not mean.
    void use_macro() {
        const std::string stage = any_stage().name;
        const std::vector<std::string> places = places_for(stage);
        if (macros_.empty() || places.empty()) {
            return;
        }
        const CarriedMacro& macro = draft_.pick(macros_);
        std::string arguments;
        for (std::size_t i = 0; i < macro.parameters; ++i) {
            arguments += (i == 0 ? "" : ", ") + draft_.pick(places);
        }
        put_block(stage, "  use " + macro.name + "(" + arguments + ")\n", false);
    }

    void extend_by_wildcard() {
        std::vector<const ir::Definition*> found;
        for (const ir::Definition& each : draft_.kernel.definitions) {
            if (each.name.ends_with(']')) {
                found.push_back(&each);
            }
        }
        if (found.empty()) {
            return;
        }
        const ir::Definition& stage = *draft_.pick(found);
        Nest nest = nest_of(draft_, stage, false);
        std::string lines;
        draw_loop_directive(draft_, stage, nest, lines, false);
        if (!lines.empty()) {
            put_block(stage.name.substr(0, stage.name.rfind('[')) + "[*]", lines, true);
        }
    }

    void schedule_anew() {
        const ir::Definition& stage = any_stage();
        Nest nest = nest_of(draft_, stage, false);
        std::string lines;
        if (!draft_.kernel.is_output(stage.name)) {
            const std::vector<std::string> places = places_for(stage.name);
            lines =
                places.empty() || draft_.chance(30) ? "  compute root\n" : "  compute at " + draft_.pick(places) + "\n";
        }
        for (int i = 1 + draft_.below(draft_.options.directives); i > 0; --i) {
            draw_loop_directive(draft_, stage, nest, lines, false);
        }
        draw_lanes(draft_, stage, nest, lines);
        if (!lines.empty()) {
            put_block(stage.name, lines, false);
        }
    }

    ScheduleDraft draft_;
    ScheduleFile file_;
    std::vector<CarriedMacro> macros_;
};

} // namespace

std::string varied_schedule(const ir::Kernel& kernel, const std::string& text, std::uint64_t seed,
                            const std::function<bool(const std::string&)>& accepts,
                            const RandomScheduleOptions& options) {
    return Variation(kernel, schedule::parse_schedule(text, "varied.sched").file, seed, options).run(accepts);
}

} // namespace coulter::test
