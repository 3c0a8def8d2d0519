// Writes the text of each kernel and network of models/.

#include "models/kernels.hpp"
#include "models/library.hpp"
#include "models/networks.hpp"
#include "models/training.hpp"

int main(int argc, char** argv) {
    std::vector<coulter::KernelFactory> all = coulter::models::kernels();
    for (const auto* more : {&coulter::models::networks(), &coulter::models::library(), &coulter::models::training()}) {
        all.insert(all.end(), more->begin(), more->end());
    }
    return coulter::generate(argc, argv, all);
}
