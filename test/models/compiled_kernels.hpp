#pragma once
/// The kernels of one generated library behind one signature, to call them from a table.

#include "coulter/runtime.h"
#include "support/array_compare.hpp"

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace coulter::test {

struct CompiledKernel {
    std::string name;
    const coulter_kernel_info* info;
    /// Calls the C function of the header; `arguments` are in its order.
    std::function<int(coulter_context*, const std::vector<DLTensor*>&)> call;
};

/// A tensor as the generated function takes it: itself, or the one value of a scalar.
template <class T>
T argument_as(DLTensor* tensor) {
    if constexpr (std::is_pointer_v<T>) {
        return tensor;
    } else {
        return *static_cast<const T*>(tensor->data);
    }
}

/// A generated C function and what its library says of it.
template <class... T>
CompiledKernel compiled_kernel(const coulter_kernel_info* info, int (*function)(coulter_context*, T...)) {
    return {info->name, info, [function](coulter_context* context, const std::vector<DLTensor*>& arguments) {
                if (arguments.size() != sizeof...(T)) {
                    throw std::runtime_error("wrong number of arguments");
                }
                return [&]<std::size_t... i>(std::index_sequence<i...>) {
                    return function(context, argument_as<T>(arguments[i])...);
                }
                (std::index_sequence_for<T...>{});
            }};
}

/// All kernels of models/, from the library that the program is linked with.
[[nodiscard]] const std::vector<CompiledKernel>& compiled_kernels();

/// The kernels of capsule_layers.hpp, compiled with their default schedules; for a program that has that library.
[[nodiscard]] const std::vector<CompiledKernel>& compiled_capsule_layers();

/// The kernels of models/library.hpp, compiled with their default schedules; for a program that has that library.
[[nodiscard]] const std::vector<CompiledKernel>& compiled_library();

/// How the tensors of a call lie in memory. They always touch a page that may not be accessed.
enum class Placement : std::uint8_t {
    before_guard, ///< compact, the last element just before the page
    after_guard,  ///< compact, the first element just after the page
    in_place,     ///< before_guard, and outputs that update an input share its memory
    strided       ///< gaps after each step of the dims but the innermost, the last element just before the page
};

struct CallResult {
    int code = 0;
    std::string message;                  ///< of a call that failed
    std::map<std::string, Array> outputs; ///< what the outputs hold afterwards; 0xee in each byte before
    bool gaps_untouched = true;
};

/// Calls a kernel in a new context with these inputs and outputs of these shapes. A kernel that reads or writes far
/// enough outside its arguments ends the process.
[[nodiscard]] CallResult call(const CompiledKernel& kernel, const std::map<std::string, Array>& inputs,
                              const std::map<std::string, std::vector<std::int64_t>>& output_shapes,
                              Placement placement = Placement::before_guard);

} // namespace coulter::test
