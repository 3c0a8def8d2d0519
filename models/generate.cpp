// Writes the text of every model kernel, `<kernel>.coulter`.

#include "models/kernels.hpp"

int main(int argc, char** argv) {
    return coulter::generate(argc, argv, coulter::models::kernels());
}
