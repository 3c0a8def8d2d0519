#include "variant_library.hpp"

#include "compile.hpp"
#include "coulter/schedule/emit.hpp"
#include "coulter/schedule/symbols.hpp"

#include <cstdlib>
#include <dlfcn.h>
#include <fmt/core.h>
#include <fstream>
#include <set>
#include <stdexcept>

namespace coulter::test {
namespace fs = std::filesystem;

namespace {

template <class Function>
Function symbol(void* handle, const std::string& name) {
    auto* const found = reinterpret_cast<Function>(dlsym(handle, name.c_str()));
    if (found == nullptr) {
        throw std::runtime_error("the library has no " + name);
    }
    return found;
}

// Counts the calls of each part, and takes the tensors of the call as an array.
std::string shim(const ir::Kernel& kernel, const std::vector<std::string>& symbols) {
    std::string text = fmt::format("#include \"kernel.h\"\nint calls_of[{}];\n", symbols.size());
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        text += fmt::format("int __real_{0}(void** argv);\nint __wrap_{0}(void** argv);\n"
                            "int __wrap_{0}(void** argv) {{ ++calls_of[{1}]; return __real_{0}(argv); }}\n",
                            symbols[i], i);
    }
    std::string arguments;
    for (std::size_t i = 0; i <= kernel.inputs.size(); ++i) {
        arguments += fmt::format(", t[{}]", i);
    }
    return text + fmt::format("int call_on(coulter_context* context, DLTensor** t);\n"
                              "int call_on(coulter_context* context, DLTensor** t) {{ return {}(context{}); }}\n",
                              schedule::c_name(kernel.name), arguments);
}

} // namespace

VariantLibrary::VariantLibrary(const ir::Kernel& kernel, const schedule::Plan& common,
                               const std::vector<schedule::Variant>& variants, const std::string& target) {
    std::string pattern = (fs::temp_directory_path() / "coulter-variants-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error("cannot make a temporary folder");
    }
    folder_ = pattern;
    const auto library = *schedule::find_target(target);
    lower::Options options;
    options.target = target;
    lower::Outputs outputs;
    outputs.object = (folder_ / "kernel.o").string();
    lower::compile(common, variants, options, outputs);

    std::set<std::string> objects{outputs.object};
    std::vector<std::string> symbols;
    for (const schedule::Variant& variant : variants) {
        parts_.push_back(variant.name);
        symbols.push_back(schedule::main_symbol(kernel.name, variant.name) + "_argv");
        objects.insert(
            schedule::target_object(outputs.object, schedule::variant_target(variant.when, library), library));
    }
    parts_.emplace_back("common");
    symbols.push_back(schedule::main_symbol(kernel.name) + "_argv");

    std::vector<Diagnostic> diagnostics;
    const Sizes sizes = infer_sizes(kernel, diagnostics);
    std::ofstream(folder_ / "entry.c") << schedule::c_entry(kernel, sizes);
    std::ofstream(folder_ / "kernel.h") << schedule::c_header(kernel, sizes);
    std::ofstream(folder_ / "plan.s") << schedule::plan_data(kernel, common, variants, {library, "", "", "", {}});
    std::ofstream(folder_ / "shim.c") << shim(kernel, symbols);
    std::string command = fmt::format("cd '{}' && cc -shared -fPIC -o made.so -I '{}' entry.c plan.s shim.c",
                                      folder_.string(), COULTER_INCLUDE_DIR);
    for (const std::string& object : objects) {
        command += fmt::format(" '{}'", object);
    }
    for (const std::string& each : symbols) {
        command += " -Wl,--wrap=" + each;
    }
    command += fmt::format(" -Wl,--whole-archive '{}' -Wl,--no-whole-archive -lstdc++ -lm -ldl -pthread",
                           COULTER_RUNTIME_LIBRARY);
    if (std::system(command.c_str()) != 0) {
        throw std::runtime_error("this failed: " + command);
    }
    handle_ = dlopen((folder_ / "made.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) {
        throw std::runtime_error(dlerror());
    }
    info_ = symbol<const coulter_kernel_info* (*)()>(handle_, schedule::c_name(kernel.name) + "_info")();
    symbol<int (*)(int, coulter_context**)>(handle_, "coulter_context_create")(COULTER_ABI, &context_);
}

VariantLibrary::~VariantLibrary() {
    if (context_ != nullptr) {
        symbol<int (*)(coulter_context*)>(handle_, "coulter_context_destroy")(context_);
    }
    if (handle_ != nullptr) {
        dlclose(handle_);
    }
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

Called VariantLibrary::call(const std::vector<Array>& inputs, const std::vector<std::int64_t>& shape,
                            const Given& given) {
    std::vector<std::unique_ptr<Floats>> tensors;
    std::vector<DLTensor*> pointers;
    for (const Array& input : inputs) {
        tensors.push_back(std::make_unique<Floats>(input.shape, given));
        tensors.back()->fill(input);
        pointers.push_back(tensors.back()->dl());
    }
    Called called = call_on(pointers, shape, given);
    // Their memory ends here.
    symbol<int (*)(coulter_context*, const void*)>(handle_, "coulter_context_forget")(context_, nullptr);
    return called;
}

Called VariantLibrary::call_on(const std::vector<DLTensor*>& inputs, const std::vector<std::int64_t>& shape,
                               const Given& given) {
    Floats output(shape, given);
    std::vector<DLTensor*> all = inputs;
    all.push_back(output.dl());
    int* const counts = symbol<int*>(handle_, "calls_of");
    std::fill_n(counts, parts_.size(), 0);
    Called called;
    called.code = symbol<int (*)(coulter_context*, DLTensor**)>(handle_, "call_on")(context_, all.data());
    if (called.code != COULTER_OK) {
        called.error = symbol<const char* (*)(const coulter_context*)>(handle_, "coulter_context_last_error")(context_);
    }
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        for (int count = 0; count < counts[i]; ++count) {
            called.part += parts_[i];
        }
    }
    called.result = output.values();
    return called;
}

std::int64_t VariantLibrary::packed_bytes() const {
    coulter_memory memory{};
    symbol<int (*)(const coulter_context*, coulter_memory*)>(handle_, "coulter_context_memory")(context_, &memory);
    return memory.packed;
}

Floats::Floats(const std::vector<std::int64_t>& shape, const Given& given) : shape_(shape), strides_(shape.size()) {
    std::int64_t span = 1;
    for (std::size_t i = shape.size(); i-- > 0;) {
        strides_[i] = span;
        span = span * shape[i] + given.row_gap;
    }
    memory_.resize(static_cast<std::size_t>(span) * sizeof(float) + 1024);
    const std::size_t past = reinterpret_cast<std::uintptr_t>(memory_.data()) % 256;
    first_ = memory_.data() + (256 - past) + given.misalignment;
    tensor_ = {first_,
               {kDLCPU, 0},
               static_cast<std::int32_t>(shape_.size()),
               {kDLFloat, 32, 1},
               shape_.data(),
               strides_.data(),
               0};
}

float* Floats::element(std::int64_t flat) const {
    std::int64_t offset = 0;
    for (std::size_t i = shape_.size(); i-- > 0;) {
        offset += flat % shape_[i] * strides_[i];
        flat /= shape_[i];
    }
    return reinterpret_cast<float*>(first_) + offset;
}

void Floats::fill(const Array& values) {
    for (std::int64_t i = 0; i < values.size(); ++i) {
        *element(i) = static_cast<float>(values.real(i));
    }
}

Array Floats::values() const {
    Array values(Type::f32, shape_);
    for (std::int64_t i = 0; i < values.size(); ++i) {
        values.set_real(i, *element(i));
    }
    return values;
}

} // namespace coulter::test
