#include "kernels.hpp"

#include <iterator>

extern "C" {
int rows_argv(void**);
int update_argv(void**);
int total_argv(void**);
int matvec_argv(void**);
int matvec_pack_w_argv(void**);
int matvec_pack_x_argv(void**);
int visit_argv(void**);
int scratch_argv(void**);
int types_argv(void**);
int variant0_argv(void**);
int variant1_argv(void**);
int variant2_argv(void**);
int variant3_argv(void**);

extern const coulter_plan coulter_test_total_plan;

int coulter_test_visit(int outer, int inner) {
    return coulter::test::on_visit(outer, inner);
}
}

namespace coulter::test {

std::function<int(int, int)> on_visit = [](int outer, int inner) { return outer + inner; };

namespace {

template <typename T, int64_t N>
constexpr int64_t count(const T (&)[N]) {
    return N;
}

constexpr coulter_build_info build{"", "0", "x86-64-linux", "0", "21.0.0", -1, -1};
constexpr int64_t i0[] = {0}, i01[] = {0, 1}, i10[] = {1, 0};
constexpr int64_t output = COULTER_ARGUMENT_OUTPUT, scalar = COULTER_ARGUMENT_SCALAR, frozen = COULTER_ARGUMENT_FROZEN;

/// What differs between most kernels: a function, and nothing that is chosen.
constexpr coulter_variant only(coulter_halide_function function) {
    return {function, -1, 0, 1, 0, nullptr, 0, nullptr};
}

constexpr coulter_plan plan_of(const coulter_variant& variant) {
    return {COULTER_ABI, 0, nullptr, 1, &variant, 0, nullptr, build};
}

} // namespace

namespace rows_data {
constexpr coulter_dim dims[] = {{"batch", -1, -1}, {"ix", -1, -1}, {"k", 4, -1}, {"kx", 3, -1}, {"x", -1, 0}};
constexpr int64_t pose_dims[] = {0, 1, 2}, weight_dims[] = {3, 2}, votes_dims[] = {0, 4};
constexpr coulter_argument arguments[] = {{"pose", kDLFloat, 32, 3, pose_dims, 0, -1},
                                          {"weight", kDLFloat, 32, 2, weight_dims, frozen, -1},
                                          {"scale", kDLFloat, 32, 0, nullptr, scalar, -1},
                                          {"bias", kDLFloat, 32, 1, i0, 0, -1},
                                          {"votes", kDLFloat, 32, 2, votes_dims, output, -1}};
constexpr coulter_op x_ops[] = {{COULTER_OP_EXTENT, 1}, {COULTER_OP_CONST, 3}, {COULTER_OP_SUB, 0},
                                {COULTER_OP_CONST, 2},  {COULTER_OP_DIV, 0},   {COULTER_OP_CONST, 1},
                                {COULTER_OP_ADD, 0}};
constexpr coulter_program programs[] = {{count(x_ops), x_ops}};
constexpr coulter_kernel_info info{"rows", "r", count(dims), dims, count(arguments), arguments, &build};
constexpr coulter_signature signature{COULTER_ABI, &info, count(programs), programs, 0, nullptr, nullptr};
constexpr coulter_variant variant = only(rows_argv);
constexpr coulter_plan plan = plan_of(variant);
} // namespace rows_data
const coulter_kernel_descriptor rows{&rows_data::signature, &rows_data::plan};

namespace update_data {
constexpr coulter_dim dims[] = {{"n", -1, -1}};
constexpr coulter_argument arguments[] = {{"w", kDLFloat, 32, 1, i0, 0, -1},
                                          {"g", kDLFloat, 32, 1, i0, 0, -1},
                                          {"rate", kDLFloat, 32, 0, nullptr, scalar, -1},
                                          {"w_new", kDLFloat, 32, 1, i0, output, 0},
                                          {"twice", kDLFloat, 32, 1, i0, output, -1}};
constexpr coulter_kernel_info info{"update", "u", 1, dims, count(arguments), arguments, &build};
constexpr coulter_signature signature{COULTER_ABI, &info, 0, nullptr, 0, nullptr, nullptr};
constexpr coulter_variant variant = only(update_argv);
constexpr coulter_plan plan = plan_of(variant);
} // namespace update_data
const coulter_kernel_descriptor update{&update_data::signature, &update_data::plan};

namespace total_data {
constexpr coulter_dim dims[] = {{"n", -1, -1}, {"m", -1, -1}};
constexpr coulter_argument arguments[] = {{"a", kDLFloat, 32, 2, i01, 0, -1}, {"sum", kDLFloat, 32, 1, i0, output, -1}};
constexpr coulter_op m_ops[] = {{COULTER_OP_EXTENT, 1}};
constexpr coulter_program programs[] = {{1, m_ops}};
constexpr coulter_check checks[] = {
    {COULTER_CHECK_NONZERO, 0, -1, 1, i0, COULTER_ERROR_EMPTY, "the mean over dim `m` of extent {0} has no value"}};
constexpr coulter_kernel_info info{"total", "t", 2, dims, count(arguments), arguments, &build};
constexpr coulter_signature signature{COULTER_ABI, &info, 0, nullptr, 0, nullptr, nullptr};
constexpr coulter_signature checked{COULTER_ABI, &info, 1, programs, 1, checks, nullptr};
constexpr coulter_variant variant = only(total_argv);
constexpr coulter_plan plan = plan_of(variant);
} // namespace total_data
const coulter_kernel_descriptor total{&total_data::signature, &total_data::plan};
const coulter_kernel_descriptor total_not_empty{&total_data::checked, &total_data::plan};
const coulter_kernel_descriptor total_from_assembly{&total_data::signature, &coulter_test_total_plan};

namespace matvec_data {
constexpr coulter_dim dims[] = {{"m", -1, -1}, {"n", -1, -1}};
constexpr int64_t n_only[] = {1};
constexpr coulter_argument arguments[] = {{"w", kDLFloat, 32, 2, i01, frozen, -1},
                                          {"x", kDLFloat, 32, 1, n_only, 0, -1},
                                          {"y", kDLFloat, 32, 1, i0, output, -1}};
constexpr coulter_op m_ops[] = {{COULTER_OP_EXTENT, 0}}, n_ops[] = {{COULTER_OP_EXTENT, 1}};
constexpr coulter_program programs[] = {{1, m_ops}, {1, n_ops}};
constexpr coulter_kernel_info info{"matvec", "m", 2, dims, count(arguments), arguments, &build};
constexpr coulter_signature signature{COULTER_ABI, &info, 0, nullptr, 0, nullptr, nullptr};
constexpr coulter_variant variant = only(matvec_argv);
constexpr coulter_pack packs[] = {{"w.packed", 0, kDLFloat, 32, 2, i10, matvec_pack_w_argv, 1},
                                  {"x.packed", 1, kDLFloat, 32, 1, n_only, matvec_pack_x_argv, 0}};
constexpr coulter_plan plan{COULTER_ABI, count(programs), programs, 1, &variant, count(packs), packs, build};
} // namespace matvec_data
const coulter_kernel_descriptor matvec{&matvec_data::signature, &matvec_data::plan};

namespace visit_data {
constexpr coulter_dim dims[] = {{"outer", -1, -1}, {"inner", -1, -1}};
constexpr coulter_argument arguments[] = {{"bad", kDLInt, 32, 0, nullptr, scalar, -1},
                                          {"out", kDLInt, 32, 2, i01, output, -1}};
constexpr coulter_kernel_info info{"visit", "v", 2, dims, count(arguments), arguments, &build};
constexpr coulter_signature signature{COULTER_ABI, &info, 0, nullptr, 0, nullptr, nullptr};
constexpr coulter_variant variant = only(visit_argv);
constexpr coulter_plan plan = plan_of(variant);
} // namespace visit_data
const coulter_kernel_descriptor visit{&visit_data::signature, &visit_data::plan};

namespace scratch_data {
constexpr coulter_dim dims[] = {{"rows", -1, -1}, {"n", -1, -1}};
constexpr coulter_argument arguments[] = {{"a", kDLFloat, 32, 2, i01, 0, -1},
                                          {"out", kDLFloat, 32, 2, i01, output, -1}};
constexpr coulter_kernel_info info{"scratch", "s", 2, dims, count(arguments), arguments, &build};
constexpr coulter_signature signature{COULTER_ABI, &info, 0, nullptr, 0, nullptr, nullptr};
constexpr coulter_variant variant = only(scratch_argv);
constexpr coulter_plan plan = plan_of(variant);
} // namespace scratch_data
const coulter_kernel_descriptor scratch{&scratch_data::signature, &scratch_data::plan};

namespace types_data {
constexpr coulter_dim dims[] = {{"n", -1, -1}};
constexpr coulter_argument arguments[] = {
    {"mask", kDLBool, 8, 1, i0, 0, -1},           {"values", kDLBfloat, 16, 1, i0, 0, -1},
    {"flip", kDLBool, 8, 0, nullptr, scalar, -1}, {"kept", kDLBfloat, 16, 1, i0, output, -1},
    {"inverse", kDLBool, 8, 1, i0, output, -1},   {"half", kDLFloat, 16, 1, i0, output, -1}};
constexpr coulter_kernel_info info{"types", "y", 1, dims, count(arguments), arguments, &build};
constexpr coulter_signature signature{COULTER_ABI, &info, 0, nullptr, 0, nullptr, nullptr};
constexpr coulter_variant variant = only(types_argv);
constexpr coulter_plan plan = plan_of(variant);
} // namespace types_data
const coulter_kernel_descriptor types{&types_data::signature, &types_data::plan};

namespace variants_data {
constexpr coulter_dim dims[] = {{"m", -1, -1}, {"n", -1, -1}};
constexpr coulter_argument arguments[] = {{"a", kDLFloat, 32, 2, i01, 0, -1},
                                          {"out", kDLFloat, 32, 2, i01, output, -1}};
constexpr coulter_op small_ops[] = {{COULTER_OP_EXTENT, 1}, {COULTER_OP_CONST, 4}, {COULTER_OP_LT, 0}};
constexpr coulter_op medium_ops[] = {{COULTER_OP_EXTENT, 1}, {COULTER_OP_CONST, 100}, {COULTER_OP_LT, 0}};
constexpr coulter_program programs[] = {{3, small_ops}, {3, medium_ops}};
constexpr uint64_t avx512_knl[] = {uint64_t{1} << 41}; // Of a line of processors that ended in 2018.
constexpr coulter_kernel_info info{"variants", "a", 2, dims, count(arguments), arguments, &build};
constexpr coulter_signature signature{COULTER_ABI, &info, 0, nullptr, 0, nullptr, nullptr};
constexpr coulter_variant table[] = {{variant0_argv, -1, 0, 1, 1, avx512_knl, 0, nullptr},
                                     {variant1_argv, 0, 0, 1, 0, nullptr, 0, nullptr},
                                     {variant2_argv, -1, 1, 64, 0, nullptr, 0, nullptr},
                                     {variant3_argv, 1, 0, 1, 0, nullptr, 0, nullptr}};
constexpr coulter_plan plan{COULTER_ABI, count(programs), programs, count(table), table, 0, nullptr, build};
constexpr coulter_plan first{COULTER_ABI, count(programs), programs, 1, table, 0, nullptr, build};
} // namespace variants_data
const coulter_kernel_descriptor variants{&variants_data::signature, &variants_data::plan};
const coulter_kernel_descriptor variants_none{&variants_data::signature, &variants_data::first};

namespace overflowing_data {
constexpr coulter_dim dims[] = {{"x", -1, -1}, {"y", -1, 0}};
constexpr int64_t y_only[] = {1};
constexpr coulter_argument arguments[] = {{"a", kDLFloat, 32, 1, i0, 0, -1},
                                          {"out", kDLFloat, 32, 1, y_only, output, -1}};
constexpr coulter_op y_ops[] = {{COULTER_OP_EXTENT, 0}, {COULTER_OP_CONST, int64_t{1} << 62}, {COULTER_OP_MUL, 0}};
constexpr coulter_program programs[] = {{count(y_ops), y_ops}};
constexpr coulter_kernel_info info{"overflowing", "o", 2, dims, count(arguments), arguments, &build};
constexpr coulter_signature signature{COULTER_ABI, &info, 1, programs, 0, nullptr, nullptr};
constexpr coulter_variant variant = only(total_argv);
constexpr coulter_plan plan = plan_of(variant);
} // namespace overflowing_data
const coulter_kernel_descriptor overflowing{&overflowing_data::signature, &overflowing_data::plan};

} // namespace coulter::test
