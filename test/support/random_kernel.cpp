#include "support/random_kernel.hpp"

#include "coulter/array.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

namespace coulter::test {
namespace {

using ir::Op;
using ir::Ref;

// Not <random>: its distributions differ between standard libraries.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t bits() { // splitmix64
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    int below(int limit) { return static_cast<int>(bits() % static_cast<std::uint64_t>(limit)); }
    int between(int low, int high) { return low + below(high - low + 1); }
    bool chance(int percent) { return below(100) < percent; }
    template <class List>
    auto pick(const List& list) {
        return *std::next(list.begin(), below(static_cast<int>(list.size())));
    }

private:
    std::uint64_t state_;
};

struct Tensor {
    std::string name;
    std::vector<std::string> dims;
    std::vector<Type> types;
    bool small = false; ///< values of about 1: no stage has accumulated them
};

using Loops = std::set<std::string>;

class Maker {
public:
    Maker(std::uint64_t seed, const RandomKernelOptions& options) : random_(seed), options_(options) {}

    ir::Kernel run() {
        kernel_.name = "random";
        make_dims();
        make_inputs();
        for (int stage = 0; stage < options_.stages; ++stage) {
            make_stage();
        }
        finish();
        return std::move(kernel_);
    }

private:
    void make_dims();
    void make_inputs();
    void make_stage();
    void make_reduction(ir::Definition& definition, Type type, Loops loops);
    void make_custom(ir::Definition& definition, Type type, const Loops& loops);
    void make_scan(ir::Definition& definition, Type type, const Loops& loops);
    void make_grid(ir::Definition& definition, Type type, const Loops& loops);
    void scatter(ir::Definition& definition, const Loops& loops);
    void read_tuple(const ir::Definition& tuple);
    void finish();
    void add(ir::Definition definition);

    Type element_type();
    std::vector<std::string> some_dims(const std::vector<std::string>& from, int low, int high);
    std::string fresh_name();
    Ref constant(Type type);
    Ref index(const Loops& loops, int depth);
    Ref condition(const Loops& loops, int depth);
    Ref value(Type type, const Loops& loops, int depth);
    Ref compound(Type type, const Loops& loops, int depth);
    Ref read(Type type, const Loops& loops, int depth);
    Ref access(const Tensor& tensor, int component, const Loops& loops, int depth);
    Ref to(Type type, Ref from);
    Ref gathered(const Loops& loops);

    Random random_;
    RandomKernelOptions options_;
    ir::Kernel kernel_;
    std::vector<Tensor> tensors_;
    std::set<std::string> names_;
    std::vector<std::pair<Loops, Ref>> shared_; ///< of the definition that is made
    int made_ = 0;
};

const std::vector<std::string> free_dims{"i", "j", "k"};

void Maker::make_dims() {
    const auto dim = [&](const char* name) -> ir::Dim& {
        kernel_.dims.push_back({name, {}, nullptr, {}});
        return kernel_.dims.back();
    };
    for (const std::string& name : free_dims) {
        dim(name.c_str());
        kernel_.estimates[name] = name == "i" ? random_.between(7, 9) : random_.between(3, 6);
    }
    dim("o");
    dim("y").extent =
        ir::binary(Op::div, ir::binary(Op::add, ir::extent_node("j"), ir::index_constant(1)), ir::index_constant(2));
    dim("tap").size = random_.between(2, 3);
    dim("c").size = random_.between(1, 4);
    dim("bin").size = random_.between(2, 5);
}

Type Maker::element_type() {
    constexpr std::array<Type, 16> portable{Type::f32, Type::f32, Type::f32, Type::f32, Type::f64, Type::f64,
                                            Type::i8,  Type::i16, Type::i32, Type::i32, Type::i64, Type::u8,
                                            Type::u16, Type::u32, Type::u64, Type::f32};
    if ((options_.wild && random_.chance(15)) || (options_.halves && random_.chance(35))) {
        return random_.chance(50) ? Type::f16 : Type::bf16;
    }
    return random_.pick(portable);
}

std::vector<std::string> Maker::some_dims(const std::vector<std::string>& from, int low, int high) {
    std::vector<std::string> dims = from;
    for (std::size_t i = dims.size(); i > 1; --i) {
        std::swap(dims[i - 1], dims[static_cast<std::size_t>(random_.below(static_cast<int>(i)))]);
    }
    const int most = std::min(high, static_cast<int>(dims.size()));
    dims.resize(static_cast<std::size_t>(random_.between(std::min(low, most), most)));
    return dims;
}

std::string Maker::fresh_name() {
    const std::array<const char*, 12> odd{"exp",    "sum",        "i",     "left", "output",  "em.mu[1]",
                                          "d.pose", "t.acc[0].x", "where", "f32",  "inf_f16", "let"};
    std::string name = "t" + std::to_string(made_++);
    if (options_.wild && random_.chance(30)) {
        const std::string candidate = random_.pick(odd);
        name = names_.contains(candidate) ? name : candidate;
    }
    names_.insert(name);
    return name;
}

void Maker::make_inputs() {
    const auto input = [&](std::string name, Type type, std::vector<std::string> dims, bool frozen = false) {
        names_.insert(name);
        tensors_.push_back({name, dims, {type}, true});
        kernel_.inputs.push_back({std::move(name), type, std::move(dims), frozen, {}});
    };
    input("x", Type::f32, some_dims(free_dims, 3, 3)); // gives each free dim its extent
    input("idx", Type::i32, {"k"});
    input("w", random_.chance(60) ? Type::f32 : element_type(), some_dims({"tap", "c", "j"}, 1, 3), random_.chance(50));
    input("scale", random_.chance(70) ? Type::f32 : element_type(), {});
    for (int extra = random_.below(3); extra > 0; --extra) {
        input(fresh_name(), options_.wild && random_.chance(20) ? Type::boolean : element_type(),
              some_dims({"i", "j", "k", "c"}, 1, 3));
    }
    if (random_.chance(60)) {
        ir::Const table;
        table.name = fresh_name();
        table.type = element_type();
        table.dims = some_dims({"tap", "c", "bin"}, 0, 3);
        std::size_t elements = 1;
        for (const std::string& dim : table.dims) {
            elements *= static_cast<std::size_t>(*kernel_.find_dim(dim)->size);
        }
        Array array(table.type, {static_cast<std::int64_t>(elements)});
        for (std::size_t i = 0; i < elements; ++i) {
            const Ref element = constant(table.type);
            if (is_float(table.type)) {
                array.set_real(static_cast<std::int64_t>(i), element->real);
            } else {
                array.set_integer(static_cast<std::int64_t>(i), element->integer);
            }
        }
        table.data = array.data;
        tensors_.push_back({table.name, table.dims, {table.type}, true});
        kernel_.consts.push_back(std::move(table));
    }
}

Ref Maker::constant(Type type) {
    if (type == Type::boolean) {
        return ir::bool_constant(random_.chance(50));
    }
    if (type == Type::index) {
        return ir::index_constant(random_.between(-3, 4));
    }
    if (!is_float(type)) {
        const bool extreme = options_.wild && random_.chance(20);
        const auto highest = static_cast<std::int64_t>(highest_integer(type));
        return ir::integer_constant(type, extreme ? (random_.chance(50) ? highest : lowest_integer(type))
                                                  : random_.between(is_signed_integer(type) ? -5 : 0, 9));
    }
    constexpr double infinity = std::numeric_limits<double>::infinity();
    constexpr std::array<double, 6> odd{infinity, -infinity, std::numeric_limits<double>::quiet_NaN(),
                                        -0.0,     5e-324,    1e300};
    const double chosen = options_.wild && random_.chance(20) ? random_.pick(odd) : random_.between(-40, 40) / 16.0;
    const double precise = options_.wild && random_.chance(30) ? chosen / 3 : chosen;
    return ir::real_constant(type, round_to(type, precise));
}

Ref Maker::to(Type type, Ref from) {
    if (from->type == type) {
        return from;
    }
    if (is_float(type) && is_integer(from->type) && !options_.wild) {
        // Wrapped integers are huge: as floats they would drown all else.
        from = ir::binary(Op::mod, from, ir::integer_constant(from->type, 13));
    }
    return ir::cast(type, std::move(from));
}

// A row of the gather table, in range of nothing: the access that uses it clamps or pads.
Ref Maker::gathered(const Loops& loops) {
    for (const Tensor& tensor : tensors_) {
        if (tensor.name == "idx") {
            return ir::cast(Type::index, access(tensor, 0, loops, 0));
        }
    }
    return ir::index_constant(0);
}

Ref Maker::index(const Loops& loops, int depth) {
    const int kind = loops.empty() ? 0 : random_.below(depth > 0 ? 8 : 3);
    switch (kind) {
    case 0: return ir::index_constant(random_.between(-2, 5));
    case 1:
    case 2: return ir::dim_node(random_.pick(loops));
    case 3: return ir::binary(Op::add, index(loops, depth - 1), ir::index_constant(random_.between(-2, 2)));
    case 4: return ir::binary(Op::sub, ir::extent_node(random_.pick(loops)), index(loops, depth - 1));
    case 5: return ir::binary(Op::mul, ir::index_constant(random_.between(-1, 2)), index(loops, depth - 1));
    case 6:
        return ir::binary(random_.chance(50) ? Op::div : Op::mod, index(loops, depth - 1),
                          ir::index_constant(random_.between(1, 3)));
    default: return loops.contains("k") ? gathered(loops) : ir::dim_node(random_.pick(loops));
    }
}

Ref Maker::access(const Tensor& tensor, int component, const Loops& loops, int depth) {
    ir::Node node;
    node.kind = ir::Kind::access;
    node.name = tensor.name;
    node.component = component;
    node.type = tensor.types[static_cast<std::size_t>(component)];
    const bool strided = loops.contains("o") && !loops.contains("i") && random_.chance(90);
    const bool move = random_.chance(25);
    bool inside = true;
    for (const std::string& dim : tensor.dims) {
        if (loops.contains(dim) && !(move && random_.chance(60))) {
            continue;
        }
        if (dim == "i" && strided) {
            // o has its extent from these: i >= 5 and tap <= 3 leave room for at least one element.
            Ref at = ir::binary(Op::mul, ir::index_constant(2), ir::dim_node("o"));
            at = loops.contains("tap") ? ir::binary(Op::add, at, ir::dim_node("tap")) : at;
            node.args.push_back(at);
        } else {
            Ref at = index(loops, std::min(depth, 2));
            if (at->kind == ir::Kind::dim && at->name == dim) {
                at = ir::binary(Op::add, at, ir::index_constant(1));
            }
            node.args.push_back(at);
            inside = false;
        }
        node.dims.push_back(dim);
    }
    if (!inside) {
        const bool padded = random_.chance(50);
        node.boundary = padded ? ir::Boundary::padded : ir::Boundary::clamped;
        if (padded) {
            node.args.push_back(constant(node.type));
        }
    }
    return ir::make_node(std::move(node));
}

Ref Maker::read(Type type, const Loops& loops, int depth) {
    const Tensor tensor = random_.pick(tensors_);
    const int component = random_.below(static_cast<int>(tensor.types.size()));
    Ref at = access(tensor, component, loops, depth);
    if (is_float(at->type) && !tensor.small) {
        at = ir::call(Op::tanh, {at}); // what was accumulated does not grow further, infinite identities included
    }
    if (is_float(at->type) && !is_float(type) && !options_.wild) {
        return constant(type);
    }
    return to(type, at);
}

Ref Maker::condition(const Loops& loops, int depth) {
    if (depth > 0 && random_.chance(20)) {
        return ir::binary(random_.chance(50) ? Op::logical_and : Op::logical_or, condition(loops, depth - 1),
                          condition(loops, depth - 1));
    }
    if (depth > 0 && random_.chance(10)) {
        return ir::unary(Op::logical_not, condition(loops, depth - 1));
    }
    constexpr std::array<Op, 6> comparisons{Op::lt, Op::le, Op::gt, Op::ge, Op::eq, Op::ne};
    if (options_.wild && random_.chance(30)) {
        return ir::binary(random_.pick(comparisons), read(Type::f32, loops, depth), constant(Type::f32));
    }
    return ir::binary(random_.pick(comparisons), index(loops, 1), index(loops, 1));
}

Ref Maker::value(Type type, const Loops& loops, int depth) {
    if (random_.chance(15)) {
        for (const auto& [where, node] : shared_) {
            if (node->type == type && where == loops) {
                return node;
            }
        }
    }
    if (type == Type::boolean) {
        return condition(loops, depth);
    }
    if (depth == 0 || random_.chance(20)) {
        const int kind = random_.below(10);
        return kind == 0                     ? constant(type)
               : kind == 1 && !loops.empty() ? to(type, index(loops, 1))
                                             : read(type, loops, 1);
    }
    Ref made = compound(type, loops, depth - 1);
    if (random_.chance(30)) {
        shared_.emplace_back(loops, made);
    }
    return made;
}

Ref Maker::compound(Type type, const Loops& loops, int depth) {
    const auto next = [&] { return value(type, loops, depth); };
    constexpr std::array<Op, 6> arithmetic{Op::add, Op::sub, Op::mul, Op::add, Op::min, Op::max};
    constexpr std::array<Op, 7> whole{Op::div, Op::mod, Op::bit_and, Op::bit_or, Op::bit_xor, Op::shl, Op::shr};
    constexpr std::array<Op, 6> smooth{Op::tanh, Op::sigmoid, Op::sin, Op::cos, Op::erf, Op::abs};
    constexpr std::array<Op, 10> steep{Op::exp,   Op::log,   Op::sqrt,  Op::floor, Op::ceil,
                                       Op::round, Op::trunc, Op::log1p, Op::expm1, Op::atan};
    const int kind = random_.below(10);
    if (kind < 5) {
        return ir::binary(random_.pick(arithmetic), next(), next());
    }
    if (kind == 5) {
        return ir::select(condition(loops, depth), next(), next());
    }
    if (kind == 6) {
        return ir::unary(Op::neg, next());
    }
    if (!is_float(type)) {
        return kind == 7 ? ir::unary(Op::bit_not, next()) : ir::binary(random_.pick(whole), next(), next());
    }
    if (options_.wild && kind == 7) {
        return random_.chance(70)   ? ir::call(random_.pick(steep), {next()})
               : random_.chance(50) ? ir::call(random_.chance(50) ? Op::pow : Op::atan2, {next(), next()})
                                    : ir::select(ir::call(Op::is_nan, {next()}), next(), next());
    }
    return kind == 8 ? ir::call(Op::fma, {next(), next(), next()}) : ir::call(random_.pick(smooth), {next()});
}

void Maker::add(ir::Definition definition) {
    tensors_.push_back({definition.name, definition.dims, definition.types, false});
    kernel_.definitions.push_back(std::move(definition));
}

void Maker::make_reduction(ir::Definition& definition, Type type, Loops loops) {
    std::vector<std::string> candidates;
    for (const char* dim : {"i", "j", "k", "tap", "tap", "c"}) {
        const bool taken =
            loops.contains(dim) || std::find(candidates.begin(), candidates.end(), dim) != candidates.end();
        if (!taken && !(std::string_view(dim) == "i" && loops.contains("o"))) {
            candidates.emplace_back(dim);
        }
    }
    if (candidates.empty()) {
        definition.types = {type};
        definition.values = {value(type, loops, 3)};
        return;
    }
    ir::Reduction& reduction = definition.reduction.emplace();
    reduction.op = static_cast<ir::ReduceOp>(random_.below(9));
    const bool arg = reduction.op == ir::ReduceOp::argmin || reduction.op == ir::ReduceOp::argmax;
    const bool logic = reduction.op == ir::ReduceOp::any || reduction.op == ir::ReduceOp::all;
    reduction.dims = some_dims(candidates, 1, arg ? 1 : 2);
    loops.insert(reduction.dims.begin(), reduction.dims.end());
    if (random_.chance(25)) {
        reduction.where = condition(loops, 1);
    } else if (options_.scatters && loops.contains("k") && random_.chance(30)) {
        // A segment: the data say where it begins.
        const Ref place = ir::dim_node(reduction.dims.front());
        const Ref first = gathered(loops);
        const Ref past = ir::binary(Op::add, first, ir::index_constant(random_.between(0, 5)));
        reduction.where =
            ir::binary(Op::logical_and, ir::binary(Op::le, first, place), ir::binary(Op::lt, place, past));
    }
    const bool scatters = options_.scatters && !arg && random_.chance(25);
    if (reduction.op == ir::ReduceOp::custom) {
        make_custom(definition, type, loops);
        if (scatters) {
            scatter(definition, loops);
        }
        return;
    }
    if (arg && is_float(type) && !options_.wild) {
        type = Type::i32;
    }
    type = logic ? Type::boolean : type;
    definition.types = {type};
    if (arg) {
        definition.types = {Type::i32, type};
    }
    // Few factors of about 1, so that a product neither vanishes nor overflows.
    const bool product = reduction.op == ir::ReduceOp::product && is_float(type);
    definition.values = {product ? ir::call(Op::cos, {value(type, loops, 1)})
                                 : value(type, loops, random_.between(1, 3))};
    if (scatters) {
        scatter(definition, loops);
    }
}

// Writes along one or two dims that no loop runs over.
void Maker::scatter(ir::Definition& definition, const Loops& loops) {
    for (const char* dim : {"bin", "y", "c"}) {
        const std::size_t bound = definition.reduction->into.size();
        const bool wanted = bound == 0 ? std::string_view(dim) == "bin" || random_.chance(70) : random_.chance(15);
        if (loops.contains(dim) || bound > 1 || !wanted) {
            continue;
        }
        const Ref place = index(loops, 1);
        definition.reduction->into.push_back({dim, ir::binary(Op::mod, place, ir::extent_node(dim))}); // floors
        definition.dims.emplace_back(dim);
    }
    definition.reduction->atomic = random_.chance(30);
}

void Maker::make_custom(ir::Definition& definition, Type type, const Loops& loops) {
    ir::Reduction& reduction = *definition.reduction;
    const auto both = [&](Op op, int component) {
        return ir::binary(op, ir::operand(type, component, false), ir::operand(type, component, true));
    };
    const Ref zero = is_float(type) ? ir::real_constant(type, 0) : ir::integer_constant(type, 0);
    const Ref lowest = is_float(type) ? ir::real_constant(type, -std::numeric_limits<double>::infinity())
                                      : ir::integer_constant(type, lowest_integer(type));
    definition.types = {type, type};
    definition.values = {value(type, loops, 2), value(type, loops, 1)};
    reduction.identity = {zero, lowest};
    reduction.combine = {both(Op::add, 0), both(Op::max, 1)};
}

void Maker::make_scan(ir::Definition& definition, Type type, const Loops& loops) {
    using ir::binary;
    if (options_.grids && random_.chance(50)) {
        make_grid(definition, type, loops);
        return;
    }
    ir::Scan& scan = definition.scan.emplace();
    scan.dim = random_.pick(definition.dims);
    scan.reversed = random_.chance(50);
    scan.exclusive = random_.chance(50);
    const auto left = [&](int component) {
        return ir::operand(definition.types.at(static_cast<std::size_t>(component)), component, false);
    };
    const auto right = [&](int component) {
        return ir::operand(definition.types.at(static_cast<std::size_t>(component)), component, true);
    };
    const auto number = [](Type of, int n) {
        return is_float(of) ? ir::real_constant(of, n) : ir::integer_constant(of, n);
    };
    const auto bounded = [&] {
        const Ref made = value(type, loops, 2);
        return is_float(type) ? ir::call(Op::tanh, {made}) : made;
    };
    const int kind = random_.below(5);
    scan.associative = kind != 3;
    definition.types = {type};
    if (kind < 2) {
        definition.values = {value(type, loops, 2)};
        const bool sum = kind == 0;
        const Ref lowest = is_float(type) ? ir::real_constant(type, -std::numeric_limits<double>::infinity())
                                          : ir::integer_constant(type, lowest_integer(type));
        scan.identity = {sum ? number(type, 0) : lowest};
        scan.combine = {binary(sum ? Op::add : Op::max, left(0), right(0))};
    } else if (kind == 2) { // h = a * h + b
        definition.types = {type, type};
        definition.values = {bounded(), bounded()};
        scan.identity = {number(type, 1), number(type, 0)};
        scan.combine = {binary(Op::mul, left(0), right(0)),
                        binary(Op::add, binary(Op::mul, right(0), left(1)), right(1))};
    } else if (kind == 3) { // in this order only, from a state that is no identity
        definition.values = {bounded()};
        scan.identity = {number(type, 2)};
        const Ref next = is_float(type) ? ir::call(Op::tanh, {binary(Op::sub, left(0), right(0))})
                                        : binary(Op::sub, binary(Op::mul, left(0), number(type, 3)), right(0));
        scan.combine = {next};
    } else { // how many, beside the sum
        definition.types = {type, Type::i32};
        definition.values = {value(type, loops, 2), value(Type::i32, loops, 1)};
        scan.identity = {number(type, 0), ir::integer_constant(Type::i32, lowest_integer(Type::i32))};
        scan.combine = {binary(Op::add, left(0), right(0)), binary(Op::max, left(1), right(1))};
    }
}

// Of some earlier states, and of more values than there are states.
void Maker::make_grid(ir::Definition& definition, Type type, const Loops& loops) {
    ir::Scan& scan = definition.scan.emplace();
    std::vector<std::string> dims = some_dims(definition.dims, 1, 3);
    scan.dim = dims.front();
    scan.inner.assign(dims.begin() + 1, dims.end());
    scan.reversed = random_.chance(50);
    const auto bounded = [&](const Ref& made) { return is_float(type) ? ir::call(Op::tanh, {made}) : made; };
    definition.types = {type};
    definition.values = {bounded(value(type, loops, 2))};
    scan.identity = {is_float(type) ? ir::real_constant(type, 0.5) : ir::integer_constant(type, 2)};
    Ref total = ir::operand(type, 0, true);
    for (int reads = random_.between(1, 3); reads > 0; --reads) {
        ir::Node state = *ir::operand(type, 0, false);
        const auto first = static_cast<std::size_t>(random_.below(static_cast<int>(dims.size())));
        for (std::size_t d = first; d < dims.size(); ++d) {
            const int away = d == first ? -random_.between(1, 2) : random_.between(-2, 2);
            if (away != 0) {
                state.dims.push_back(dims[d]);
                state.args.push_back(ir::index_constant(scan.reversed ? -away : away));
            }
        }
        definition.values.push_back(bounded(value(type, loops, 1)));
        const auto number = static_cast<int>(definition.values.size()) - 1;
        total = ir::binary(Op::add, total,
                           ir::binary(Op::mul, ir::make_node(std::move(state)), ir::operand(type, number, true)));
    }
    scan.combine = {bounded(total)};
}

void Maker::read_tuple(const ir::Definition& tuple) {
    const Tensor tensor{tuple.name, tuple.dims, tuple.types, false};
    ir::Definition reader;
    reader.name = fresh_name();
    reader.dims = tuple.dims;
    const Loops loops(tuple.dims.begin(), tuple.dims.end());
    const auto component = [&](int which) {
        ir::Node node;
        node.kind = ir::Kind::access;
        node.name = tuple.name;
        node.component = which;
        node.type = tuple.types[static_cast<std::size_t>(which)];
        return ir::make_node(std::move(node));
    };
    // Of a float and an integer the float type: rounding may be another one, and truncation would make it 1.
    const bool rounds = is_float(tuple.types[0]) && !is_float(tuple.types[1]) && !options_.wild;
    const Type type = tuple.types[rounds ? 0 : 1];
    reader.types = {type};
    reader.values = {ir::binary(Op::add, to(type, component(0)), to(type, component(1)))};
    add(std::move(reader));
}

void Maker::make_stage() {
    shared_.clear();
    ir::Definition definition;
    // A stage has i or its strided o, not both: o then has its one source.
    const bool strided = random_.chance(30);
    const std::vector<std::string> choice =
        strided ? std::vector<std::string>{"o", "j", "k", "c", "y"} : std::vector<std::string>{"i", "j", "k", "c", "y"};
    definition.dims = some_dims(choice, random_.chance(10) ? 0 : 1, 3);
    const Loops loops(definition.dims.begin(), definition.dims.end());
    const Type type = element_type();
    definition.name = fresh_name();
    const int kind = random_.below(10);
    if (kind < (options_.scans ? 3 : 4)) {
        definition.types = {type};
        definition.values = {value(type, loops, random_.between(1, 4))};
    } else if (kind < 5 && options_.scans && !definition.dims.empty()) {
        make_scan(definition, type, loops);
    } else {
        make_reduction(definition, type, loops);
    }
    const ir::Definition copy = definition;
    add(std::move(definition));
    if (copy.types.size() > 1) {
        read_tuple(copy);
    }
}

void Maker::finish() {
    // o may be used before any access gives it an extent; this stage always does.
    ir::Definition strided;
    strided.name = fresh_name();
    strided.dims = {"o"};
    strided.types = {Type::f32};
    ir::Node pick;
    pick.kind = ir::Kind::access;
    pick.name = "x";
    pick.type = Type::f32;
    std::vector<std::string> reduced;
    for (const std::string& dim : kernel_.inputs.front().dims) {
        if (dim == "i") {
            pick.dims.push_back(dim);
            pick.args.push_back(ir::binary(Op::add, ir::binary(Op::mul, ir::index_constant(2), ir::dim_node("o")),
                                           ir::dim_node("tap")));
        } else {
            reduced.push_back(dim);
        }
    }
    reduced.emplace_back("tap");
    strided.values = {ir::make_node(std::move(pick))};
    ir::Reduction& reduction = strided.reduction.emplace();
    reduction.dims = reduced;
    add(std::move(strided));

    std::set<std::string> used;
    for (const ir::Definition& definition : kernel_.definitions) {
        for (const std::string& name : ir::reads(definition)) {
            used.insert(name);
        }
    }
    for (const ir::Definition& definition : kernel_.definitions) {
        if (!used.contains(definition.name)) {
            kernel_.outputs.push_back(definition.name);
        }
    }
    const ir::Definition& grouped = random_.pick(kernel_.definitions);
    kernel_.groups.push_back({grouped.name + ".group",
                              "made",
                              ir::reads(grouped),
                              {grouped.name},
                              random_.chance(50) ? "made.sched" : "",
                              {}});
}

} // namespace

ir::Kernel random_kernel(std::uint64_t seed, const RandomKernelOptions& options) {
    return Maker(seed, options).run();
}

} // namespace coulter::test
