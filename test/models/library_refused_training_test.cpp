// What gathers, quantised products, losses, optimisers and random numbers refuse.

#include "models/graph.hpp"
#include "models/losses.hpp"
#include "models/optimisers.hpp"
#include "models/quantised.hpp"
#include "models/random_numbers.hpp"
#include "models/recurrences.hpp"
#include "models/refusals.hpp"

using namespace coulter;
using namespace coulter::test;

namespace {

/// Rows of f32 with labels.
struct Rows {
    Dim row{"row"}, col{"col"}, other{"other", 2};
    Input x{"x", f32, {row, col}}, label{"label", i32, {row}}, real{"real", f32, {row}};
    Tensor result{"result"};
};

const std::vector<Refused>& gather_cases() {
    static const std::vector<Refused> list{
        {"embedding_of_real_ids",
         [] {
             Rows r;
             Dim token("token");
             Input ids("ids", f32, {token});
             r.result = models::embedding(r.x, ids, r.row);
             return kernel_of(r.result);
         }},
        {"embedding_over_other_dim",
         [] {
             Rows r;
             r.result = models::embedding(r.x, r.label, r.other);
             return kernel_of(r.result);
         }},
        {"message_passing_starts",
         [] {
             Rows r;
             Dim edge("edge"), node("node"), bound("bound");
             Input source("source", i32, {edge});
             r.result = models::message_passing(r.x, source, source, 1.0, {edge, r.row, bound, node});
             return kernel_of(r.result);
         }},
        {"moe_weight_without_experts",
         [] {
             Rows r;
             Dim out("out"), choice("choice"), expert("expert");
             Input weight("weight", f32, {r.col, out}), chosen("chosen", i32, {r.row, choice});
             r.result = models::moe_matmul_per_token(r.x, weight, chosen, 1.0, {expert, choice, r.col});
             return kernel_of(r.result);
         }},
        {"moe_blocks_of_0",
         [] {
             Rows r;
             Dim out("out"), choice("choice"), expert("expert"), block("block", 4);
             Input weight("weight", f32, {expert, r.col, out}), chosen("chosen", i32, {r.row, choice});
             r.result = models::moe_gather_matmul(r.x, weight, chosen, 1.0, {expert, choice, r.col},
                                                  {0, r.row, block, block, r.row, choice, expert});
             return kernel_of(r.result);
         }},
        {"grouped_int8_of_floats",
         [] {
             Rows r;
             const models::Groups groups{4, Dim("group", models::group_count(r.col, 4)), Dim("within", 4)};
             Dim out("out");
             Input w("w", i8, {out, r.col}), scale("scale", f32, {out, groups.group}),
                 zero("zero", i8, {out, groups.group});
             r.result = models::grouped_int8_matmul(r.x, 1.0, {w, scale, zero}, r.col, groups);
             return kernel_of(r.result);
         }},
        {"grouped_int8_groups_of_0",
         [] {
             Rows r;
             Input w("w", i8, {r.row, r.col});
             r.result = models::grouped_int8_matmul(w, 1.0, {w, r.x, w}, r.col, {0, r.row, r.other});
             return kernel_of(r.result);
         }},
        {"quantise_over_other_dim",
         [] {
             Rows r;
             r.result = models::quantise_i8(r.x, r.other).q;
             return kernel_of(r.result);
         }},
        {"quantise_i4_odd_block",
         [] {
             Rows r;
             r.result = models::quantise_i4(r.x, r.col, {7, Dim("group", models::group_count(r.col, 7)), r.other}).q;
             return kernel_of(r.result);
         }},
        {"int4_weight_of_i8",
         [] {
             Rows r;
             Dim group("group"), byte("byte", 2);
             Input w("w", i8, {r.other, group, byte}), scale("scale", f32, {r.other, group});
             r.result = models::int4_matmul(r.x, {w, scale}, r.col, {4, group, byte});
             return kernel_of(r.result);
         }},
        {"affine_int8_of_signed_rows",
         [] {
             Rows r;
             Input w("w", i8, {r.row, r.col});
             r.result = models::affine_int8_matmul(w, 1.0, 0, w, 1.0, r.col);
             return kernel_of(r.result);
         }},
    };
    return list;
}

const std::vector<Refused>& training_cases() {
    static const std::vector<Refused> list{
        {"cross_entropy_of_real_labels",
         [] {
             Rows r;
             r.result = models::cross_entropy(r.x, r.real, r.col);
             return kernel_of(r.result);
         }},
        {"spread_loss_over_other_dim",
         [] {
             Rows r;
             r.result = models::spread_loss(r.x, r.label, r.other, 0.5);
             return kernel_of(r.result);
         }},
        {"margin_loss_margin",
         [] {
             Rows r;
             r.result = models::margin_loss(r.x, r.label, r.col, {.present = 1.5});
             return kernel_of(r.result);
         }},
        {"mean_squared_error_over_nothing",
         [] {
             Rows r;
             r.result = models::mean_squared_error(r.x, r.x, std::vector<Dim>{});
             return kernel_of(r.result);
         }},
        {"sgd_momentum_below_0",
         [] {
             Rows r;
             return kernel_of(models::sgd_step(r.x, r.x, r.x, 0.1, {.momentum = -0.5}).parameters);
         }},
        {"sgd_weight_decay_in_place",
         [] {
             Rows r;
             Input velocity("velocity", f32, {r.row, r.col});
             const models::SgdStep step = models::sgd_step(r.x, r.x, velocity, 0.1, {.weight_decay = 0.01});
             Tensor x_new("x_new"), velocity_new("velocity_new");
             x_new(r.row, r.col) = step.parameters;
             velocity_new(r.row, r.col) = step.velocity;
             return Kernel("step", {x_new, velocity_new}, updates({{r.x, x_new}}));
         }},
        {"adam_beta_above_1",
         [] {
             Rows r;
             return kernel_of(models::adam_step(r.x, r.x, r.x, r.x, 0.1, 1.0, {.beta2 = 1.5}).parameters);
         }},
        {"selective_scan_without_state",
         [] {
             Rows r;
             r.result = models::selective_scan(r.x, r.x, r.x, r.x, r.x, 0.0, {r.row, r.other});
             return kernel_of(r.result);
         }},
        {"wkv_without_time",
         [] {
             Rows r;
             r.result = models::wkv(r.x, r.label, 1.0, 1.0, r.col);
             return kernel_of(r.result);
         }},
        {"dropout_of_all",
         [] {
             Rows r;
             const models::RandomBlocks blocks{r.col, Dim("block", models::random_blocks(r.col))};
             Input seed("seed", u64);
             r.result = models::dropout(r.x, blocks, 1, seed, u32(0));
             return kernel_of(r.result);
         }},
        {"random_seed_of_i32",
         [] {
             Rows r;
             const models::RandomBlocks blocks{r.col, Dim("block", models::random_blocks(r.col))};
             Input seed("seed", i32);
             r.result = models::random_uniform(blocks, seed, u32(0));
             return kernel_of(r.result);
         }},
    };
    return list;
}

} // namespace

TEST_CASE("gathers refuse indices that are no integers, and groups of nothing") {
    check_refusals(gather_cases());
}

TEST_CASE("losses, steps and random numbers refuse options out of their ranges") {
    check_refusals(training_cases());
}
