// Gradients of the kernels of models/.

#include "gradients/gradient_check.hpp"
#include "models/kernels.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

using Extents = std::map<std::string, std::int64_t>;

/// Two shapes per kernel: even and odd lengths, such that windows fit and not fit to the end.
std::vector<Extents> shapes(const std::string& name) {
    if (name.starts_with("conv2d") || name.find("pool2d") != std::string::npos) {
        return {{{"batch", 2}, {"iy", 5}, {"ix", 6}, {"in", 2}, {"out", 3}, {"group", 2}, {"channel", 3}},
                {{"batch", 1}, {"iy", 8}, {"ix", 7}, {"in", 3}, {"out", 2}, {"group", 1}, {"channel", 2}}};
    }
    if (name == "em_routing" || name == "conv_capsules") {
        return {{{"batch", 1}, {"iy", 5}, {"ix", 4}, {"in", 2}, {"out", 3}},
                {{"batch", 2}, {"iy", 3}, {"ix", 6}, {"in", 1}, {"out", 2}}};
    }
    return {{}, {{"batch", 1}}};
}

} // namespace

TEST_CASE("gradients of all kernels of models/ equal central differences") {
    for (const KernelFactory& factory : models::kernels()) {
        const ir::Kernel kernel = factory.make(Params{}).ir();
        std::uint64_t seed = 1;
        for (Extents extents : shapes(factory.name)) {
            std::int64_t next = seed == 1 ? 3 : 2;
            for (const ir::Input& input : kernel.inputs) {
                for (const std::string& dim : input.dims) {
                    if (!kernel.find_dim(dim)->size && !extents.contains(dim)) {
                        extents[dim] = next++;
                    }
                }
            }
            CAPTURE(factory.name);
            CAPTURE(seed);
            GradientCase test{kernel, {}, extents, seed};
            test.elements = factory.name == "em_routing" || factory.name == "digits_cnn" ? 12 : 40;
            const bool positive = factory.name == "em_routing";
            test.low = positive ? 0.1 : -1;
            const GradientResult result = check_gradient(test);
            CHECK_MESSAGE(result.error <= 1e-6, result.message);
            ++seed;
        }
    }
}
