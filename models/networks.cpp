#include "models/networks.hpp"

#include "models/digits_capsules.hpp"
#include "models/hinton_capsules.hpp"

namespace coulter::models {

const std::vector<KernelFactory>& networks() {
    static const std::vector<KernelFactory> list{{"digits_capsules", digits_capsules},
                                                 {"hinton_capsules", hinton_capsules}};
    return list;
}

} // namespace coulter::models
