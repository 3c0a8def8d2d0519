// Writes the text of each kernel and network of models/.

#include "models/kernels.hpp"
#include "models/networks.hpp"

int main(int argc, char** argv) {
    std::vector<coulter::KernelFactory> all = coulter::models::kernels();
    const std::vector<coulter::KernelFactory>& networks = coulter::models::networks();
    all.insert(all.end(), networks.begin(), networks.end());
    return coulter::generate(argc, argv, all);
}
