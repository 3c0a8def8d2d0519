#pragma once

/// \file
/// The C interface of the runtime: contexts, error codes, and what a kernel tells about itself.
///
/// A generated library has one C function per kernel, `int NAME(coulter_context*, const DLTensor* in..., DLTensor*
/// out...)`, and `const coulter_kernel_info* NAME_info(void)`. Everything returns 0 or a negative `coulter_error`; the
/// text of the last failure is `coulter_context_last_error`. Nothing here throws, prints or aborts.
///
/// Threads: different contexts may be used at the same time, and so may one context by several threads (their calls
/// share its thread count, its scratch pool and its packed weights). The `set` functions, `destroy` and a call must not
/// overlap in time on one context; `set_allocator` notices and answers COULTER_ERROR_BUSY, the others rely on the
/// caller.
///
/// Plain C99.

#include <stddef.h>
#include <stdint.h>

#include "coulter/dlpack.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Version of everything that a generated library and the runtime agree on: the structures in this header and in
/// descriptor.h. It changes when either does.
#define COULTER_ABI 1

/// Error codes. From -1 to -99 the call was refused: nothing was written. At -100 and below it failed while it ran: the
/// contents of its outputs are unspecified.
typedef enum coulter_error {
    COULTER_OK = 0,
    COULTER_ERROR_CONTEXT = -1, ///< The context is null, was destroyed, or is not a context.
    COULTER_ERROR_ABI = -2,     ///< Caller or kernel was built for another COULTER_ABI than this runtime.
    COULTER_ERROR_INVALID = -3, ///< An argument of a context function is out of range, or a descriptor is malformed.
    COULTER_ERROR_NULL_ARGUMENT = -4, ///< An argument of a kernel, its shape or its scalar value is null.
    COULTER_ERROR_NULL_DATA = -5,     ///< A tensor with elements has null data.
    COULTER_ERROR_TYPE = -6,          ///< A tensor's element type is not the declared one (code, bits or lanes).
    COULTER_ERROR_RANK = -7,          ///< A tensor has another number of dims than declared.
    COULTER_ERROR_EXTENT = -8,      ///< An extent is negative, is not the constant, or disagrees with another argument.
    COULTER_ERROR_STRIDE = -9,      ///< A stride that the kernel does not accept.
    COULTER_ERROR_ALIGNMENT = -10,  ///< A data pointer is not aligned to its element.
    COULTER_ERROR_DEVICE = -11,     ///< A tensor is on a device that the kernel cannot reach.
    COULTER_ERROR_TOO_LARGE = -12,  ///< A tensor spans more than 2^31-1 elements, or its sizes overflow.
    COULTER_ERROR_OVERLAP = -13,    ///< An output overlaps itself, an input or another output.
    COULTER_ERROR_SIZE = -14,       ///< A size computed from extents overflows or is negative.
    COULTER_ERROR_BOUNDS = -15,     ///< The given extents would make the kernel read or write outside a tensor.
    COULTER_ERROR_EMPTY = -16,      ///< A reduction without an identity (argmin, mean, ...) over no elements.
    COULTER_ERROR_CHECK = -17,      ///< Another condition of the kernel on its extents does not hold.
    COULTER_ERROR_NO_VARIANT = -18, ///< No variant of the schedule accepts these arguments.
    COULTER_ERROR_PROCESSOR = -19,  ///< The kernel needs instructions that this processor does not have.
    COULTER_ERROR_BUSY = -20,       ///< The context is in use and cannot be changed now.
    COULTER_ERROR_READ_ONLY = -21,  ///< A read-only tensor was given as an output (C++ wrapper).
    COULTER_ERROR_FORMAT = -22,     ///< A file is malformed or holds something else than asked for (coulter::io).
    COULTER_ERROR_FILE = -23,       ///< A file cannot be opened, read or written (coulter::io).
    COULTER_ERROR_NO_DEVICE = -24,  ///< The kernel runs on an OpenCL or CUDA device, and none was found.
    COULTER_ERROR_MEMORY = -100,    ///< Memory ran out, or the caller's allocator returned null.
    COULTER_ERROR_KERNEL = -101,    ///< The compiled kernel reported an error; the message has its text.
    COULTER_ERROR_DEVICE_FAILED = -102 ///< The device or its driver reported an error; the message has its text.
} coulter_error;

/// The name of a code as it is spelt above, or "COULTER_ERROR_UNKNOWN". Never null.
const char* coulter_error_name(int code);

/// Holds what calls need between them: thread count, scratch pool, packed weights, last error.
typedef struct coulter_context coulter_context;

/// Makes a context. `abi` is COULTER_ABI as the caller was compiled with it. `*out` is null after a failure.
int coulter_context_create(int abi, coulter_context** out);

/// Frees the context and all it holds. Null is allowed. A context that was destroyed already is refused.
int coulter_context_destroy(coulter_context* context);

/// How many threads at most run a kernel of this context at one time, the caller included: 1 to 256, or 0 for the
/// number of processors that this process may use (the default). Other contexts are not affected.
int coulter_context_set_threads(coulter_context* context, int threads);

/// The CUstream on which CUDA kernels of this context are launched. Not owned. Other kernels ignore it.
int coulter_context_set_stream(coulter_context* context, void* stream);

/// The cl_context, of one device, and a cl_command_queue of it, in which OpenCL kernels of this context run; tensors on
/// the device belong to that cl_context. Not owned. Both null restore the default, a cl_context that all contexts of
/// the process share.
int coulter_context_set_opencl(coulter_context* context, void* cl_context, void* cl_command_queue);

/// Allocates `bytes` (> 0) aligned to `alignment` (a power of two, at most 128), or returns null. Called from many
/// threads.
typedef void* (*coulter_allocate)(void* user, size_t bytes, size_t alignment);
/// Frees what `coulter_allocate` returned; `bytes` is what was asked for then.
typedef void (*coulter_release)(void* user, void* memory, size_t bytes);

/// Where scratch memory and packed weights come from. Both functions null restore the default. Memory held from the
/// former allocator is returned to it first, so packed weights are forgotten. Refused while a kernel of the context
/// runs.
int coulter_context_set_allocator(coulter_context* context, coulter_allocate allocate, coulter_release release,
                                  void* user);

/// Drops the packed copies of the frozen input whose data pointer (with its byte offset) is `data`, or of all with
/// null. Must be called when the contents of a frozen tensor change or its memory is freed.
int coulter_context_forget(coulter_context* context, const void* data);

/// Returns the scratch memory that no running kernel uses to the allocator.
int coulter_context_trim(coulter_context* context);

/// The text of the last call on this context that failed, on any thread; "" when none did. Never null. The pointer is
/// valid until the calling thread asks again. With an invalid context the text says so.
const char* coulter_context_last_error(const coulter_context* context);

/// Memory of a context, in bytes.
typedef struct coulter_memory {
    int64_t scratch_current;  ///< Asked for by running kernels now.
    int64_t scratch_peak;     ///< The most that `scratch_current` was since the context exists or the peak was reset.
    int64_t scratch_reserved; ///< Held from the allocator for scratch, in use or kept for reuse.
    int64_t packed;           ///< In packed copies of frozen inputs.
} coulter_memory;

int coulter_context_memory(const coulter_context* context, coulter_memory* out);

/// Makes `scratch_peak` start again at `scratch_current`.
int coulter_context_reset_peak(coulter_context* context);

/// What an argument is.
enum {
    COULTER_ARGUMENT_OUTPUT = 1, ///< Written by the kernel.
    COULTER_ARGUMENT_SCALAR = 2, ///< Passed by value; in the argument array of `coulter_call` a pointer to the value.
    COULTER_ARGUMENT_FROZEN = 4  ///< Its contents do not change between calls, so it may be packed once.
};

/// A dim of a kernel.
typedef struct coulter_dim {
    const char* name;
    int64_t extent;  ///< The constant extent, or -1.
    int64_t program; ///< Index of the size program that computes the extent, or -1: constant, or given by arguments.
} coulter_dim;

/// An argument of a kernel, in the order of the C function.
typedef struct coulter_argument {
    const char* name;
    int64_t type_code;   ///< DLDataTypeCode.
    int64_t type_bits;   ///< bool has 8.
    int64_t ndim;        ///< 0 for scalars and for tensors without dims.
    const int64_t* dims; ///< `ndim` indices into the kernel's dims, outermost first, innermost (stride 1) last.
    int64_t flags;       ///< COULTER_ARGUMENT_*.
    int64_t alias; ///< For an output that updates in place: index of the input that may be the same memory; else -1.
} coulter_argument;

/// What was built: depends on the schedule and the target. No member is null.
typedef struct coulter_build_info {
    const char* schedule;    ///< The whole text of the schedule.
    const char* fingerprint; ///< Of the schedule and the target.
    const char* target;      ///< Halide's target string.
    const char* coulter_version;
    const char* halide_version;
    int64_t flops; ///< Floating-point operations of one call at the kernel's estimated sizes; -1 unknown.
    int64_t bytes; ///< Bytes of all arguments at the kernel's estimated sizes; -1 unknown.
} coulter_build_info;

/// What a kernel tells about itself. All of it is constant data of the generated library.
typedef struct coulter_kernel_info {
    const char* name;
    const char* fingerprint; ///< Of the algorithm.
    int64_t dim_count;
    const coulter_dim* dims;
    int64_t argument_count;
    const coulter_argument* arguments;
    const coulter_build_info* build;
} coulter_kernel_info;

#ifdef __cplusplus
}
#endif
