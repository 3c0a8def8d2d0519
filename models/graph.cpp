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

Tensor moe_gather_matmul(const Arg& x, const Arg& weight, const Arg& chosen, const Arg& gate, const Experts& experts) {
    Function f("moe_gather_matmul", {x, weight, chosen, gate});
    require_dim(f, x, "the tokens", experts.in);
    require_dim(f, weight, "the weight", experts.in);
    require_dim(f, weight, "the weight", experts.expert);
    require_dim(f, chosen, "the choice of experts", experts.choice);
    require_integer(f, chosen, "chosen experts");
    return sum({experts.choice, experts.in}, gate * x * clamped(weight)(experts.expert(index(chosen))));
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
    Dim source("source"), channel("channel"), edge("edge"), bound("bound"), node("node", extent(bound) - 1);
    Input x("x", f32, {source, channel}), source_of("source_of", i32, {edge}), start("start", i32, {bound}),
        weight("weight", f32, {edge});
    Tensor result("result");
    result(node, channel) = message_passing(x, source_of, start, weight, {edge, source, bound, node}, aggregate);
    return Kernel("message_passing", {result},
                  estimates({{source, 16384}, {channel, 64}, {edge, 65536}, {bound, 16385}}));
}

Kernel moe_gather_matmul() {
    Dim token("token"), in("in"), out("out"), expert("expert"), choice("choice");
    Input x("x", f32, {token, in}), weight("weight", f32, {expert, in, out});
    Input chosen("chosen", i32, {token, choice}), gate("gate", f32, {token, choice});
    weight.frozen();
    Tensor result("result");
    result(token, out) = moe_gather_matmul(x, weight, chosen, gate, {expert, choice, in});
    return Kernel("moe_gather_matmul", {result},
                  estimates({{token, 256}, {in, 256}, {out, 512}, {expert, 64}, {choice, 4}}));
}

} // namespace coulter::models
