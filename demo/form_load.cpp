#include "form.hpp"

#include <dlfcn.h>
#include <stdexcept>

namespace demo {

std::unique_ptr<Form> load_form(const std::string& path, int threads) {
    // Never closed: threads of its runtime may live as long as the process.
    void* const module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    void* const symbol = module == nullptr ? nullptr : dlsym(module, "coulter_demo_form");
    if (symbol == nullptr) {
        throw std::runtime_error(dlerror());
    }
    return std::unique_ptr<Form>(reinterpret_cast<Form* (*)(int)>(symbol)(threads));
}

} // namespace demo
