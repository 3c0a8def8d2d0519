#pragma once
/// What this machine can do, measured: arithmetic in registers, and a stream through memory.

namespace coulter::cli {

struct Peak {
    double flops = 0;         ///< f32 operations per second, a fused multiply-add counting two
    double bytes = 0;         ///< bytes per second of `a[i] = b[i] + s * c[i]`, arrays beyond any cache
    const char* vectors = ""; ///< "avx512", "avx2" or "scalar"
};

/// Runs for about half a second on `threads` threads. Vectors as wide as `vector_bytes` and this processor allow.
[[nodiscard]] Peak measure_peak(int threads, int vector_bytes);

} // namespace coulter::cli
