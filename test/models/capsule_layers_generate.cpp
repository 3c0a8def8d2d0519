// Writes the texts of the capsule layers.

#include "models/capsule_layers.hpp"

int main(int argc, char** argv) {
    return coulter::generate(argc, argv, coulter::test::capsule_layers());
}
