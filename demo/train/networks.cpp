#include "networks.hpp"

#include "digits_network.hpp"
#include "solids_network.hpp"

namespace train {

const std::vector<NetworkKind>& network_kinds() {
    static const std::vector<NetworkKind> list{{"digits", "digits_capsules", digits_shape, 32, 1, 30, digits_network},
                                               {"solids", "hinton_capsules", solids_shape, 20, 0, 1, solids_network}};
    return list;
}

} // namespace train
