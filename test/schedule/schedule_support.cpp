#include "schedule_support.hpp"

#include "rewrite_kernels.hpp"

#include "coulter/schedule/rewrite.hpp"
#include "coulter/text.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace coulter::test {
namespace {

const std::map<std::string, std::string>& texts() {
    static const std::map<std::string, std::string> all{{"chain", R"(coulter 1
kernel chain

dim y = 30
dim x = 64

input image: f32[y, x]

a: f32[y, x] =
    image * image

b: f32[y, x] =
    a + image

c: f32[y, x] =
    b * b

output c
)"},
                                                        {"half_matmul", R"(coulter 1
kernel half_matmul

dim i
dim j
dim k

input a: bf16[i, k]
input b: bf16[k, j]

c: bf16[i, j] =
    sum {k} a * b

output c
)"},
                                                        {"em", R"(coulter 1
kernel em

dim batch
dim in = 8
dim out = 32

input pose: f32[batch, in]
input weight: f32[in, out]

votes: f32[batch, in, out] =
    pose * weight

em.mu[0]: f32[batch, out] =
    sum {in} votes

em.sigma[0]: f32[batch, out] =
    sum {in} (votes - em.mu[0]) * (votes - em.mu[0])

em.gain[0]: f32[batch, out] =
    em.mu[0] * em.sigma[0]

em.mu[1]: f32[batch, out] =
    sum {in} votes * em.gain[0]

em.sigma[1]: f32[batch, out] =
    sum {in} (votes - em.mu[1]) * (votes - em.mu[1])

result: f32[batch, out] =
    em.mu[1] * em.sigma[1]

output result

group em = em(votes) -> (result) macros "em.sched"

macros "em.sched"
    "# what every caller may use"
    "macro lanes(n) { vectorize out by n }"
    "macro fused(path, host) {"
    "    stage path.mu[*] { compute at host }"
    "}"
)"},
                                                        {"big", R"(coulter 1
kernel big

dim z
dim y = 512
dim x = 512

input image: f32[z, y, x]

a: f32[z, y, x] =
    image * image

b: f32[z, y, x] =
    a + image

output b
)"},
                                                        {"conv_fixed", R"(coulter 1
kernel conv_fixed

dim iy = 34
dim y = 32
dim x = 16
dim ky = 3

input image: f32[iy, x]

sums: f32[y, x] =
    sum {ky} image(iy = y + ky)

output sums
)"},
                                                        {"step", R"(coulter 1
kernel step

dim n = 37

input w: f32[n]
input slope: f32[n]

next: f32[n] =
    w - slope

output next

update w -> next
)"},
                                                        {"histogram", R"(coulter 1
kernel histogram

dim n
dim bin = 8

input ids: i32[n]
input x: f32[n]

counts: f32[bin] =
    sum {n} into (bin = index(ids) % 8) x

output counts
)"},
                                                        {"first_order", R"(coulter 1
kernel first_order

dim row
dim t

input x: f32[row, t]

y: f32[row, t] =
    scan {t} x
    identity 0.0
    combine 0.5 * left.0 + right.0

last: f32[row] =
    sum {t} y

tallies: i32[t] =
    sum {row} into (t = row % extent(t)) atomic i32(row)

output y, last, tallies
)"}};
    return all;
}

using Step = schedule::LoopStep;

/// Follows the steps with nothing but names, as the lowering will.
std::string follow(std::vector<std::string> names, const schedule::LoopNest& nest, const std::string& what) {
    const auto at = [&](const std::string& name) { return std::ranges::find(names, name); };
    for (const Step& step : nest.steps) {
        if (step.kind == Step::Kind::reorder) {
            std::vector<std::size_t> places;
            for (const std::string& name : step.order) {
                if (at(name) == names.end()) {
                    return what + ": reorder of a missing loop " + name;
                }
                places.push_back(static_cast<std::size_t>(at(name) - names.begin()));
            }
            std::ranges::sort(places);
            for (std::size_t i = 0; i < places.size(); ++i) {
                names[places[i]] = step.order[step.order.size() - 1 - i];
            }
            continue;
        }
        const auto loop = at(step.loop);
        if (loop == names.end()) {
            return what + ": a step on a missing loop " + step.loop;
        }
        if (step.kind == Step::Kind::split) {
            *loop = step.outer;
            names.insert(at(step.outer) + 1, step.inner);
        } else if (step.kind == Step::Kind::fuse) {
            const auto outer = at(step.outer);
            if (outer == names.end() || outer + 1 != loop) {
                return what + ": fuses loops that are not adjacent, " + step.loop + " " + step.outer;
            }
            *loop = step.inner;
            names.erase(outer);
        }
    }
    for (std::size_t i = 0; i < std::max(names.size(), nest.loops.size()); ++i) {
        if (i >= names.size() || i >= nest.loops.size() || names[i] != nest.loops[i].name) {
            return what + ": steps do not lead to the loops";
        }
    }
    for (const schedule::Loop& loop : nest.loops) {
        const bool straight = loop.kind == Step::Kind::vectorize || loop.kind == Step::Kind::unroll;
        if (straight && !loop.extent) {
            return what + ": " + loop.name + " has no constant extent";
        }
        if (loop.reduced && (loop.kind == Step::Kind::vectorize || loop.kind == Step::Kind::parallel)) {
            return what + ": " + loop.name + " races";
        }
    }
    const auto vectors = std::ranges::count(nest.loops, Step::Kind::vectorize, &schedule::Loop::kind);
    return vectors > 1 ? what + ": two vectorized loops" : "";
}

} // namespace

std::string inconsistency(const schedule::Plan& plan) {
    for (const Diagnostic& each : ir::validate(plan.kernel)) {
        return render(each);
    }
    if (plan.stages.size() != plan.kernel.definitions.size()) {
        return "not one stage per definition";
    }
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
        const ir::Definition& definition = plan.kernel.definitions[i];
        const schedule::StagePlan& stage = plan.stages[i];
        if (stage.name != definition.name) {
            return "stages are not in the order of the definitions";
        }
        const bool reduces = definition.reduction || definition.scan;
        if (stage.inlined) {
            if (reduces || plan.kernel.is_output(stage.name)) {
                return stage.name + " is inlined";
            }
            continue;
        }
        std::vector<std::string> pure;
        for (const std::string& dim : definition.dims) {
            pure.push_back(schedule::display_name(dim));
        }
        if (definition.reduction.has_value() != stage.init.has_value()) {
            return stage.name + ": initialisation";
        }
        if (stage.init) {
            if (std::string wrong = follow(pure, *stage.init, stage.name + ".init"); !wrong.empty()) {
                return wrong;
            }
        }
        std::vector<std::string> all;
        const auto bound = [&](const std::string& dim) {
            return definition.reduction && std::ranges::find(definition.reduction->into, dim, &ir::Into::dim) !=
                                               definition.reduction->into.end();
        };
        for (const std::string& dim : ir::loop_dims(definition)) {
            if (!bound(dim) && !(definition.scan && definition.scan->dim == dim)) {
                all.push_back(schedule::display_name(dim));
            }
        }
        if (definition.scan) {
            all.push_back(schedule::display_name(definition.scan->dim));
        }
        if (std::string wrong = follow(all, stage.main, stage.name); !wrong.empty()) {
            return wrong;
        }
        for (const auto& [dim, size] : stage.tile) {
            if (std::ranges::find(definition.dims, dim) == definition.dims.end() || size < 1) {
                return stage.name + ": tile of " + dim;
            }
        }
        // Up through the places: each exists, further from the inputs, and not in a vector.
        schedule::Place place = stage.compute;
        std::size_t reached = i;
        while (!place.is_root()) {
            const auto around = std::ranges::find(plan.stages, place.stage, &schedule::StagePlan::name);
            const auto index = static_cast<std::size_t>(around - plan.stages.begin());
            if (around == plan.stages.end() || index <= reached || around->inlined) {
                return stage.name + ": placed in " + place.stage;
            }
            const auto loop = std::ranges::find(around->main.loops, place.loop, &schedule::Loop::name);
            if (loop == around->main.loops.end()) {
                return stage.name + ": placed at a missing loop " + place.loop;
            }
            if (std::any_of(around->main.loops.begin(), loop + 1,
                            [](const schedule::Loop& each) { return each.kind == Step::Kind::vectorize; })) {
                return stage.name + ": placed in a vector";
            }
            reached = index;
            place = around->compute;
        }
    }
    return {};
}

ir::Kernel schedule_kernel(const std::string& name) {
    const auto at = texts().find(name);
    if (at == texts().end()) {
        return table_kernel(name).kernel;
    }
    ParseResult result = parse(at->second, name + ".coulter");
    for (const Diagnostic& each : result.diagnostics) {
        MESSAGE(render(each, at->second));
    }
    REQUIRE(result.kernel.has_value());
    return std::move(*result.kernel);
}

std::vector<std::string> schedule_kernel_names() {
    std::vector<std::string> names;
    for (const auto& [name, text] : texts()) {
        names.push_back(name);
    }
    for (const TableKernel& each : table_kernels()) {
        names.push_back(each.kernel.name);
    }
    return names;
}

ir::Kernel kernel_of(const std::string& schedule) {
    const schedule::SyntaxResult parsed = schedule::parse_schedule(schedule, "k.sched");
    const std::vector<std::string> names = schedule_kernel_names();
    for (const schedule::Statement& each : parsed.file.statements) {
        if (each.kind == schedule::Statement::Kind::schedule &&
            std::ranges::find(names, each.patterns.front().text) != names.end()) {
            return schedule_kernel(each.patterns.front().text);
        }
    }
    return schedule_kernel("conv_capsules");
}

std::string told(const std::string& schedule) {
    const std::vector<schedule::ScheduleText> texts_of{{"k.sched", schedule}};
    return schedule::render(schedule::check_texts(kernel_of(schedule), texts_of).diagnostics, texts_of);
}

std::string codes(const std::string& schedule) {
    std::string all;
    for (const Diagnostic& each : schedule::check_texts(kernel_of(schedule), {{"k.sched", schedule}}).diagnostics) {
        all += (all.empty() ? "" : " ") + each.code;
    }
    return all;
}

schedule::Plan planned(const std::string& schedule) {
    const std::vector<schedule::ScheduleText> texts_of{{"k.sched", schedule}};
    schedule::CheckResult result = schedule::check_texts(kernel_of(schedule), texts_of);
    INFO(schedule::render(result.diagnostics, texts_of));
    REQUIRE(result.plan.has_value());
    REQUIRE(result.diagnostics.empty());
    return std::move(*result.plan);
}

std::string nest(const schedule::LoopNest& nest) {
    using Kind = schedule::LoopStep::Kind;
    std::string all;
    for (const schedule::Loop& loop : nest.loops) {
        all += (all.empty() ? "" : " ") + loop.name;
        if (loop.extent) {
            all += "(" + std::to_string(*loop.extent) + ")";
        }
        all += loop.reduced ? "!" : "";
        all += loop.kind == Kind::vectorize  ? ":vectorize"
               : loop.kind == Kind::unroll   ? ":unroll"
               : loop.kind == Kind::parallel ? ":parallel"
                                             : "";
    }
    return all;
}

const schedule::StagePlan& stage(const schedule::Plan& plan, const std::string& name) {
    const auto at = std::ranges::find(plan.stages, name, &schedule::StagePlan::name);
    REQUIRE_MESSAGE(at != plan.stages.end(), name);
    return *at;
}

} // namespace coulter::test
