#pragma once

/// \file
/// The binary descriptor through which one precompiled function, `coulter_call`, drives every kernel.
///
/// Only generated code includes this header. A descriptor has two halves, so that editing a schedule compiles no C++:
///  - the **signature** depends on the algorithm alone and is emitted as C;
///  - the **plan** depends on the schedule and is emitted as assembly data. Its structures hold nothing but int64_t and
///    pointers (8 bytes each on every target we have), so member k is at byte 8*k and there is no padding.
/// Everything is constant, lives as long as the library, and is trusted: a malformed descriptor is refused where that
/// is cheap (COULTER_ERROR_INVALID), but it comes from our own compiler. Pointers to empty tables may be null.
///
/// **The argv of a Halide function** (`NAME_argv`, as Halide emits it beside `NAME`; target features `no_runtime` and
/// `user_context`). Every entry is a `void*`:
///
///     argv[0]          pointer to a `void*` user_context (our state of this call; opaque to the kernel)
///     then, for each argument of the signature in order that is not an output:
///                      a tensor: `halide_buffer_t*`;  a scalar: pointer to the value
///     then, for each pack of the variant in order: `halide_buffer_t*`
///     then, for each dim of the dim table in order whose constant extent is -1: `int32_t*`, its extent
///     then one `int32_t*` to 0, always: a value that the compiler cannot know, which keeps what it must not fold apart
///     then, for each output of the signature in order: `halide_buffer_t*`
///
/// The argv of a pack function: user_context, the source's `halide_buffer_t*`, the same `int32_t*` extents and zero,
/// the packed output's `halide_buffer_t*`.
///
/// In a halide_buffer_t dims are innermost first, the reverse of the declared order, and every min is 0. dim[0].stride
/// is
/// 1. The stride of a dim whose extent is 0 or 1 is replaced by what it would be in a compact tensor. Inputs may have
/// zero (broadcast) and negative strides in dims other than the innermost; outputs have positive ones. bool is halide
/// uint1 (a byte per element), bf16 is halide_type_bfloat with 16 bits. `host` is never null, also when a tensor is
/// empty. A variant that is chosen without `requires_compact` must not constrain any outer stride.

#include <stdint.h>

#include "coulter/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Operations of size programs: postfix over a stack of int64. The value that a program leaves is its result. Overflow
/// of an int64 and division by zero are refused with COULTER_ERROR_SIZE; division floors. At most 64 values on the
/// stack.
enum {
    COULTER_OP_CONST = 0,  ///< Pushes `value`.
    COULTER_OP_EXTENT = 1, ///< Pushes the extent of dim `value`.
    COULTER_OP_ADD = 2,    ///< Pops b, then a; pushes a + b. The others alike.
    COULTER_OP_SUB = 3,
    COULTER_OP_MUL = 4,
    COULTER_OP_DIV = 5, ///< floor(a / b)
    COULTER_OP_MOD = 6, ///< a - b * floor(a / b)
    COULTER_OP_MIN = 7,
    COULTER_OP_MAX = 8,
    COULTER_OP_EQ = 9,  ///< a == b ? 1 : 0
    COULTER_OP_LT = 10, ///< a < b ? 1 : 0
    COULTER_OP_LE = 11  ///< a <= b ? 1 : 0
};

typedef struct coulter_op {
    int64_t op;    ///< COULTER_OP_*
    int64_t value; ///< For CONST and EXTENT; else 0.
} coulter_op;

typedef struct coulter_program {
    int64_t count;
    const coulter_op* ops;
} coulter_program;

enum {
    COULTER_CHECK_EQ = 0,     ///< lhs == rhs
    COULTER_CHECK_LE = 1,     ///< lhs <= rhs
    COULTER_CHECK_NONZERO = 2 ///< lhs != 0; rhs is -1
};

/// A condition on the extents, checked before anything runs and in the order of the table.
typedef struct coulter_check {
    int64_t kind; ///< COULTER_CHECK_*
    int64_t lhs;  ///< Index of a program of the signature.
    int64_t rhs;  ///< Index of a program of the signature, or -1.
    int64_t guard_count;
    const int64_t* guards; ///< Indices of dims: when the extent of any of them is 0, the check is skipped.
    int64_t code;          ///< The coulter_error that is returned; negative.
    const char* text;      ///< The message, put after the kernel's name. {0} and {1}: the values of lhs and rhs.
} coulter_check;

/// The half that depends on the algorithm.
///
/// Extents are found in this order: constants; dims with `program == -1` from the first input that has them, else the
/// first output; then the programs of dims in the order of `order`. A program may use constant dims, dims given by
/// arguments, and dims before it in that order. Every tensor is then checked against the extents so found.
typedef struct coulter_signature {
    int64_t abi; ///< COULTER_ABI as the stub was compiled with it.
    const coulter_kernel_info* info;
    int64_t program_count;
    const coulter_program* programs;
    int64_t check_count;
    const coulter_check* checks;
    const int64_t* order; ///< Every dim once, sources before users. Null: the order of the dim table.
} coulter_signature;

/// A function compiled by Halide. Returns 0 or a halide_error_code_t.
typedef int (*coulter_halide_function)(void** argv);

/// Makes a packed copy of an input before the kernel runs. The copy depends on the input and on its own extents alone:
/// calls that differ in other extents share it.
typedef struct coulter_pack {
    const char* stage; ///< The stage's name, for messages.
    int64_t argument;  ///< Index of the source in the signature's arguments: a tensor, not an output.
    int64_t type_code; ///< Element type of the packed tensor, as in coulter_argument.
    int64_t type_bits;
    int64_t ndim;
    const int64_t* extents; ///< `ndim` indices of programs of the plan, innermost last. The packed tensor is compact.
    coulter_halide_function function;
    int64_t once; ///< Nonzero: kept in the context until `coulter_context_forget`. The source must be frozen.
} coulter_pack;

/// One compiled form of the kernel. The first in the table that applies is called. It applies when the processor has
/// the features, every argument is compact if that is required, every data pointer is aligned as required, and the
/// condition has a value that is not zero (one that overflows or divides by zero has none).
typedef struct coulter_variant {
    coulter_halide_function function;
    int64_t condition;        ///< Index of a program of the plan, or -1: always.
    int64_t requires_compact; ///< Nonzero: only for tensors whose strides are those of a compact tensor.
    int64_t alignment;        ///< Data pointers of all tensors must be multiples of this many bytes; 0 or 1: any.
    int64_t feature_words;    ///< Words in `features`; 0: runs everywhere.
    const uint64_t*
        features; ///< Bit k of word k / 64 is halide_target_feature_t k. The bit of opencl or cuda says that
                  ///< the function runs kernels on such a device. Halide's runtime knows how to look
                  ///< for sse41, avx, f16c, fma, avx2, avx512, _knl, _skylake, _cannonlake, _sapphirerapids,
                  ///< ours for _zen4; others are taken as present: set those that a newer feature implies as well.
    int64_t pack_count;   ///< Entries in `packs`; read only when `packs` is not null.
    const int64_t* packs; ///< Indices of the plan's packs that the variant takes, in order. Null: all packs, in order.
} coulter_variant;

/// The half that depends on the schedule.
typedef struct coulter_plan {
    int64_t abi; ///< COULTER_ABI
    int64_t program_count;
    const coulter_program* programs;
    int64_t variant_count;
    const coulter_variant* variants;
    int64_t pack_count;
    const coulter_pack* packs;
    coulter_build_info build; ///< Seven members: five strings, flops, bytes.
} coulter_plan;

typedef struct coulter_kernel_descriptor {
    const coulter_signature* signature;
    const coulter_plan* plan;
} coulter_kernel_descriptor;

/// Checks the arguments and runs the kernel. `args` has one entry per argument of the signature, in order: `const
/// DLTensor*` for a tensor, pointer to the value for a scalar. Returns 0 or a coulter_error; nothing is written when an
/// argument is refused. When every output is empty nothing is called and 0 is returned.
///
/// What is accepted of a tensor: the declared type with one lane; the declared rank; device kDLCPU, or that of the
/// plan's variants (kDLOpenCL, whose data is a cl_mem without a byte offset, of the context's own cl_context); null
/// strides (compact); any stride in a dim whose extent is 0 or 1, and in every dim of an empty tensor; stride 1 in the
/// innermost dim; in the other dims any stride of an input, also zero and negative, and positive strides of an output
/// such that, ordered by stride, each dim steps past all that the dims before it span. Pointers are aligned to the
/// element. Extents and strides fit in 31 bits, and a tensor spans at most 2^31-1 elements, gaps included. An output
/// may share no element with another argument, unless the signature allows it to be the very same tensor (pointer,
/// type, extents, strides) as one input. Views that interleave in memory, such as two column slices of one matrix, are
/// accepted.
int coulter_call(coulter_context* context, const coulter_kernel_descriptor* kernel, const void* const* args);

#ifdef __cplusplus
}
#endif
