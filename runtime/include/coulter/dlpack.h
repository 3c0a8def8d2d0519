#pragma once

/// \file
/// The DLPack 1.1 structures, as an ABI: the layout is DLPack's (https://dmlc.github.io/dlpack), the text is ours.
///
/// The header steps aside when the real `dlpack.h` (1.0 or later) was included before it. To use both, include the
/// real one first. Everything here is plain C99.

#ifndef DLPACK_MAJOR_VERSION

#include <stdint.h>

#define DLPACK_MAJOR_VERSION 1
#define DLPACK_MINOR_VERSION 1

#define DLPACK_FLAG_BITMASK_READ_ONLY (1UL << 0UL)
#define DLPACK_FLAG_BITMASK_IS_COPIED (1UL << 1UL)

#ifdef __cplusplus
extern "C" {
#endif

/// The version that the producer of a DLManagedTensorVersioned wrote. A consumer refuses another major version, and may
/// then call nothing but the deleter.
typedef struct {
    uint32_t major;
    uint32_t minor;
} DLPackVersion;

/// Where memory lives. The values are DLPack's; gaps are device kinds that DLPack has retired.
#ifdef __cplusplus
typedef enum : int32_t {
#else
typedef enum {
#endif
    kDLCPU = 1,
    kDLCUDA = 2,
    kDLCUDAHost = 3,
    kDLOpenCL = 4,
    kDLVulkan = 7,
    kDLMetal = 8,
    kDLVPI = 9,
    kDLROCM = 10,
    kDLROCMHost = 11,
    kDLExtDev = 12,
    kDLCUDAManaged = 13,
    kDLOneAPI = 14,
    kDLWebGPU = 15,
    kDLHexagon = 16,
    kDLMAIA = 17
} DLDeviceType;

typedef struct {
    DLDeviceType device_type;
    int32_t device_id;
} DLDevice;

/// The kind of an element. Bits are given apart: f32 is {kDLFloat, 32}, bf16 is {kDLBfloat, 16}, bool is {kDLBool, 8}.
typedef enum {
    kDLInt = 0U,
    kDLUInt = 1U,
    kDLFloat = 2U,
    kDLOpaqueHandle = 3U,
    kDLBfloat = 4U,
    kDLComplex = 5U,
    kDLBool = 6U,
    kDLFloat8_e3m4 = 7U,
    kDLFloat8_e4m3 = 8U,
    kDLFloat8_e4m3b11fnuz = 9U,
    kDLFloat8_e4m3fn = 10U,
    kDLFloat8_e4m3fnuz = 11U,
    kDLFloat8_e5m2 = 12U,
    kDLFloat8_e5m2fnuz = 13U,
    kDLFloat8_e8m0fnu = 14U,
    kDLFloat6_e2m3fn = 15U,
    kDLFloat6_e3m2fn = 16U,
    kDLFloat4_e2m1fn = 17U
} DLDataTypeCode;

typedef struct {
    uint8_t code;
    uint8_t bits;
    uint16_t lanes;
} DLDataType;

/// A tensor that somebody else owns. `shape` and `strides` have `ndim` entries and count elements; null `strides` mean
/// compact in row-major order. The first element is at `data + byte_offset`.
typedef struct {
    void* data;
    DLDevice device;
    int32_t ndim;
    DLDataType dtype;
    int64_t* shape;
    int64_t* strides;
    uint64_t byte_offset;
} DLTensor;

/// A tensor handed from one library to another, as before DLPack 1.0 (no version, no read-only flag).
typedef struct DLManagedTensor {
    DLTensor dl_tensor;
    void* manager_ctx;
    void (*deleter)(struct DLManagedTensor* self);
} DLManagedTensor;

/// A tensor handed from one library to another. `flags` are DLPACK_FLAG_BITMASK_*.
typedef struct DLManagedTensorVersioned {
    DLPackVersion version;
    void* manager_ctx;
    void (*deleter)(struct DLManagedTensorVersioned* self);
    uint64_t flags;
    DLTensor dl_tensor;
} DLManagedTensorVersioned;

#ifdef __cplusplus
}
#endif

#endif // DLPACK_MAJOR_VERSION
