#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "context.hpp"

namespace coulter::runtime {

/// State of one call of a kernel: what Halide carries through generated code as `user_context`.
///
/// The hooks recognise it by `magic`. With any other user_context (null, or that of a Halide pipeline that is not ours
/// but shares the process) they do what Halide's own runtime does.
class Call {
public:
    /// Not inline: it is what makes the linker take hooks.o, and with it the hooks, out of the archive.
    explicit Call(Context& context) noexcept;

    Context& context() noexcept { return context_; }

    /// The first error is kept: later ones follow from it.
    void record_error(const char* message) noexcept;
    void record_out_of_memory(size_t bytes) noexcept;

    /// Only after the kernel has returned.
    const std::string& error() const noexcept { return error_; }
    size_t bytes_not_found() const noexcept { return bytes_not_found_; }

    static Call* from(void* user_context) noexcept;

private:
    static constexpr uint64_t call_magic = 0x636f756c63616c6c; // "coulcall"

    uint64_t magic_ = call_magic;
    Context& context_;
    std::mutex mutex_;
    std::string error_;
    size_t bytes_not_found_ = 0;
};

} // namespace coulter::runtime
