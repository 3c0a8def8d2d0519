#include "models/graph.hpp"

#include "models/arguments.hpp"

namespace coulter::models {
namespace {

void require_integer(const Function& f, const Arg& x, const std::string& what) {
    const std::optional<Type> type = x.type();
    f.require(!type || is_integer(*type), what + " must be integers", "cast them: `i32(...)`");
}

} // namespace

Tensor embedding(const Arg& table, const Arg& ids, const Dim& row) {
    Function f("embedding", {table, ids});
    require_dim(f, table, "the table", row);
    require_integer(f, ids, "ids");
    return Expr(clamped(table)(row(index(ids))));
}

Tensor message_passing(const Arg& x, const Arg& source_of, const Arg& start, const Arg& weight, const Edges& edges,
                       Aggregate aggregate) {
    Function f("message_passing", {x, source_of, start, weight});
    require_dim(f, x, "the nodes' tensor", edges.source);
    require_dim(f, source_of, "the sources", edges.edge);
    require_dim(f, start, "the starts", edges.bound);
    require_integer(f, source_of, "sources");
    require_integer(f, start, "starts");
    const Type type = x.type().value_or(f32);
    const Expr first = index(start(edges.bound(edges.node))), end = index(start(edges.bound(edges.node + 1)));
    const ReduceOption own = where(edges.edge >= first && edges.edge < end);
    const Expr message = clamped(x)(edges.source(index(source_of))) * weight;
    if (aggregate == Aggregate::max) {
        return max({edges.edge}, message, own);
    }
    const Expr total = sum({edges.edge}, message, own);
    if (aggregate == Aggregate::sum) {
        return total;
    }
    return total / cast(type, max(end - first, 1));
}

Tensor moe_matmul_per_token(const Arg& x, const Arg& weight, const Arg& chosen, const Arg& gate,
                            const Experts& experts) {
    Function f("moe_matmul_per_token", {x, weight, chosen, gate});
    require_dim(f, x, "the tokens", experts.in);
    require_dim(f, weight, "the weight", experts.in);
    require_dim(f, weight, "the weight", experts.expert);
    require_dim(f, chosen, "the choice of experts", experts.choice);
    require_integer(f, chosen, "chosen experts");
    return sum({experts.choice, experts.in}, gate * x * clamped(weight)(experts.expert(index(chosen))));
}

Expr expert_blocks(const Dim& token, const Dim& choice, const Dim& expert, std::int64_t size) {
    return extent(token) * extent(choice) / size + extent(expert);
}

Tensor moe_gather_matmul(const Arg& x, const Arg& weight, const Arg& chosen, const Arg& gate, const Experts& experts,
                         const ExpertBlocks& blocks) {
    Function f("moe_gather_matmul", {x, weight, chosen, gate});
    require_at_least(f, blocks.size, 1, "the number of tokens in a block");
    require_dim(f, x, "the tokens", blocks.token);
    require_dim(f, x, "the tokens", experts.in);
    require_dim(f, weight, "the weight", experts.in);
    require_dim(f, weight, "the weight", experts.expert);
    require_dim(f, chosen, "the choice of experts", blocks.token);
    require_dim(f, chosen, "the choice of experts", experts.choice);
    require_integer(f, chosen, "chosen experts");
    const auto one_where = [](const Expr& condition) { return select(condition, i32(1), i32(0)); };
    const Dim &expert = experts.expert, &token = blocks.token, &choice = experts.choice;
    Tensor own_expert("expert");
    own_expert = clamp(i32(chosen), 0, i32(extent(expert) - 1));
    const Expr other = own_expert(token(blocks.other_token), choice(blocks.other_choice));
    const Expr order = token * extent(choice) + choice,
               other_order = blocks.other_token * extent(choice) + blocks.other_choice;
    Tensor count("count"), first("first_block"), rank("rank"), slot("slot"), row("row"), owner("owner"),
        products("products");
    count = sum({token, choice}, one_where(own_expert == i32(expert)));
    const Expr needed = (count(expert(blocks.other_expert)) + (blocks.size - 1)) / blocks.size;
    first = sum({blocks.other_expert}, needed, where(index(blocks.other_expert) < expert));
    rank = sum({blocks.other_token, blocks.other_choice}, one_where(other == own_expert && other_order < order));
    slot = clamped(first)(expert(index(own_expert))) * blocks.size + rank;
    // What is in a block: the row whose slot is there, or none; and the last expert that begins at or before it.
    row = max({token, choice}, select(index(slot) == blocks.size * blocks.block + blocks.within, i32(token), i32(-1)));
    owner = max({expert}, select(index(first) <= blocks.block, i32(expert), i32(0)));
    products = sum({experts.in}, padded(x, 0)(token(index(row))) * clamped(weight)(expert(index(owner))));
    const Expr own =
        clamped(products)(blocks.block(index(slot) / blocks.size), blocks.within(index(slot) % blocks.size));
    return sum({choice}, gate * own);
}

Kernel embedding() {
    Dim row("row"), channel("channel"), token("token");
    Input table("table", f32, {row, channel}), ids("ids", i32, {token});
    Tensor result("result");
    result(token, channel) = embedding(table, ids, row);
    return Kernel("embedding", {result}, estimates({{row, 32000}, {channel, 512}, {token, 2048}}));
}

Kernel message_passing(const Params& params) {
    const std::string name = params.text("aggregate", "sum");
    if (name != "sum" && name != "mean" && name != "max") {
        throw std::invalid_argument("message_passing: aggregate=" + name + ", where sum, mean or max is needed");
    }
    const Aggregate aggregate = name == "sum" ? Aggregate::sum : name == "mean" ? Aggregate::mean : Aggregate::max;
    Dim source("source"), channel("channel"), edge("edge"), bound("bound"), node("node", max(extent(bound) - 1, 0));
    Input x("x", f32, {source, channel}), source_of("source_of", i32, {edge}), start("start", i32, {bound}),
        weight("weight", f32, {edge});
    Tensor result("result");
    result(node, channel) = message_passing(x, source_of, start, weight, {edge, source, bound, node}, aggregate);
    return Kernel("message_passing", {result},
                  estimates({{source, 16384}, {channel, 64}, {edge, 65536}, {bound, 16385}}));
}

Kernel moe_matmul_per_token() {
    Dim token("token"), in("in"), out("out"), expert("expert"), choice("choice");
    Input x("x", f32, {token, in}), weight("weight", f32, {expert, in, out});
    Input chosen("chosen", i32, {token, choice}), gate("gate", f32, {token, choice});
    weight.frozen();
    Tensor result("result");
    result(token, out) = moe_matmul_per_token(x, weight, chosen, gate, {expert, choice, in});
    return Kernel("moe_matmul_per_token", {result},
                  estimates({{token, 256}, {in, 256}, {out, 512}, {expert, 64}, {choice, 4}}));
}

Kernel moe_gather_matmul() {
    constexpr std::int64_t size = 8;
    Dim token("token"), in("in"), out("out"), expert("expert"), choice("choice");
    const ExpertBlocks blocks{size,
                              token,
                              Dim("block", expert_blocks(token, choice, expert, size)),
                              Dim("within", size),
                              Dim("other_token", extent(token)),
                              Dim("other_choice", extent(choice)),
                              Dim("other_expert", extent(expert))};
    Input x("x", f32, {token, in}), weight("weight", f32, {expert, in, out});
    Input chosen("chosen", i32, {token, choice}), gate("gate", f32, {token, choice});
    weight.frozen();
    Tensor result("result");
    result(token, out) = moe_gather_matmul(x, weight, chosen, gate, {expert, choice, in}, blocks);
    return Kernel("moe_gather_matmul", {result},
                  estimates({{token, 256}, {in, 256}, {out, 512}, {expert, 64}, {choice, 4}}));
}

} // namespace coulter::models
