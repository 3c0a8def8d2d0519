// A schedule said in other words: macros, holes, extended blocks, wildcards, `like` and variants.

#include "random_schedule.hpp"

#include "coulter/schedule/syntax.hpp"

#include <algorithm>
#include <random>

namespace coulter::test {
namespace {

using schedule::Directive;
using schedule::Name;
using schedule::Number;
using schedule::ScheduleFile;
using schedule::Statement;

class Modular {
public:
    Modular(const ir::Kernel& kernel, ScheduleFile file, std::uint64_t seed)
        : kernel_(kernel), file_(std::move(file)), random_(seed) {}

    std::string run() {
        for (int i = 1 + below(3); i > 0; --i) {
            switch (below(6)) {
            case 0: macro(); break;
            case 1: extend(); break;
            case 2: hole(); break;
            case 3: like(); break;
            case 4: wildcard(); break;
            default: variant(); break;
            }
        }
        return schedule::format(file_);
    }

private:
    int below(int limit) { return limit <= 1 ? 0 : static_cast<int>(random_() % static_cast<std::uint64_t>(limit)); }

    /// A block with directives, or the end.
    std::vector<Statement>::iterator block() {
        std::vector<std::size_t> found;
        for (std::size_t i = 0; i < file_.statements.size(); ++i) {
            if (file_.statements[i].kind == Statement::Kind::block && !file_.statements[i].directives.empty()) {
                found.push_back(i);
            }
        }
        if (found.empty()) {
            return file_.statements.end();
        }
        const std::size_t at = found[static_cast<std::size_t>(below(static_cast<int>(found.size())))];
        return file_.statements.begin() + static_cast<std::ptrdiff_t>(at);
    }

    std::vector<Directive> take_tail(Statement& block) {
        const auto begin = block.directives.begin() + below(static_cast<int>(block.directives.size()));
        std::vector<Directive> tail(begin, block.directives.end());
        block.directives.erase(begin, block.directives.end());
        return tail;
    }

    void macro() {
        const auto at = block();
        if (at == file_.statements.end()) {
            return;
        }
        Statement made;
        made.kind = Statement::Kind::macro;
        made.stage.text = "m" + std::to_string(++made_);
        made.directives = take_tail(*at);
        Directive use;
        use.kind = Directive::Kind::use;
        use.loops.push_back(made.stage);
        // The dim of the first loop becomes a parameter, and the first factor.
        const auto first = std::ranges::find_if(made.directives, [](const Directive& d) { return !d.loops.empty(); });
        if (first != made.directives.end() && first->kind != Directive::Kind::like && first->kind != Directive::Kind::use) {
            const std::string dim = first->loops.front().text.substr(0, first->loops.front().text.find('.'));
            for (Directive& d : made.directives) {
                for (std::vector<Name>* names : {&d.loops, &d.as}) {
                    for (Name& each : *names) {
                        if (d.kind != Directive::Kind::like && d.kind != Directive::Kind::use &&
                            each.text.substr(0, each.text.find('.')) == dim) {
                            each.text = "p" + each.text.substr(dim.size());
                        }
                    }
                }
            }
            made.names.push_back({"p", {}});
            use.arguments.emplace_back().name.text = dim;
        }
        for (Directive& d : made.directives) {
            if (!d.factors.empty() && d.factors.front().symbol.empty()) {
                made.names.push_back({"n", {}});
                use.arguments.emplace_back().number = d.factors.front();
                d.factors.front().symbol = "n";
                break;
            }
        }
        at->directives.push_back(std::move(use));
        file_.statements.insert(at, std::move(made));
    }

    void extend() {
        const auto at = block();
        if (at == file_.statements.end()) {
            return;
        }
        Statement more = *at;
        more.extend = true;
        more.directives = take_tail(*at);
        file_.statements.insert(at + 1, std::move(more));
    }

    void hole() {
        const auto at = block();
        if (at == file_.statements.end()) {
            return;
        }
        for (Directive& d : at->directives) {
            if (d.factors.empty() || !d.factors.front().symbol.empty()) {
                continue;
            }
            Statement tune;
            tune.kind = Statement::Kind::tune;
            tune.stage.text = "h" + std::to_string(++made_);
            tune.value = d.factors.front();
            tune.domain = {tune.value, Number{tune.value.value + 1, {}, {}}};
            d.factors.front().symbol = "?" + tune.stage.text;
            file_.statements.insert(file_.statements.begin() + 1, std::move(tune));
            return;
        }
    }

    void like() {
        const auto at = block();
        if (at == file_.statements.end() || at == file_.statements.begin()) {
            return;
        }
        const Statement& other = *(at - 1 - below(static_cast<int>(at - file_.statements.begin())));
        if (other.kind != Statement::Kind::block || schedule::is_pattern(other.stage.text)) {
            return;
        }
        Directive d;
        d.kind = Directive::Kind::like;
        d.skip_missing = true;
        d.loops.push_back(other.stage);
        const bool places = below(2) == 0;
        std::erase_if(at->directives, [&](const Directive& each) {
            return !places || (each.kind != Directive::Kind::compute_at && each.kind != Directive::Kind::compute_inline);
        });
        at->directives.push_back(std::move(d));
    }

    void wildcard() {
        const auto at = block();
        if (at == file_.statements.end()) {
            return;
        }
        std::string& name = at->stage.text;
        if (const std::size_t open = name.find('['); open != std::string::npos && below(2) == 0) {
            name = name.substr(0, open) + "[*]" + name.substr(name.find(']') + 1);
        } else if (const std::size_t dot = name.rfind('.'); dot != std::string::npos && !name.ends_with(".init")) {
            name = name.substr(0, dot) + ".*";
        }
        at->stamp.clear();
    }

    void variant() {
        Statement made;
        made.kind = Statement::Kind::variant;
        made.stage.text = "v" + std::to_string(++made_);
        schedule::ConditionNode extent;
        extent.kind = schedule::ConditionNode::Kind::extent;
        extent.name.text = kernel_.dims[static_cast<std::size_t>(below(static_cast<int>(kernel_.dims.size())))].name;
        schedule::ConditionNode number;
        number.value = below(12);
        schedule::ConditionNode compare;
        compare.kind = schedule::ConditionNode::Kind::operation;
        compare.op = ir::Op::lt;
        compare.a = 0;
        compare.b = 1;
        made.condition = {extent, number, compare};
        // What the body may hold, from a random line on.
        std::size_t i = 1 + static_cast<std::size_t>(below(static_cast<int>(file_.statements.size())));
        while (i < file_.statements.size()) {
            const Statement::Kind kind = file_.statements[i].kind;
            if (kind == Statement::Kind::numerics || kind == Statement::Kind::macro || kind == Statement::Kind::tune ||
                kind == Statement::Kind::variant) {
                ++i;
                continue;
            }
            made.body.push_back(file_.statements[i]);
            file_.statements.erase(file_.statements.begin() + static_cast<std::ptrdiff_t>(i));
        }
        file_.statements.push_back(std::move(made));
    }

    const ir::Kernel& kernel_;
    ScheduleFile file_;
    std::mt19937_64 random_;
    int made_ = 0;
};

} // namespace

std::string modular_schedule(const ir::Kernel& kernel, const std::string& text, std::uint64_t seed) {
    return Modular(kernel, schedule::parse_schedule(text, "random.sched").file, seed).run();
}

} // namespace coulter::test
