// Writes the texts of the kernels, for the command line: `generate -o DIR [kernel...]`.

#include "kernels.hpp"

int main(int argc, char** argv) {
    return coulter::generate(argc, argv,
                             {{"one_iteration", lesson::one_iteration},
                              {"per_position", lesson::per_position},
                              {"routing", lesson::routing},
                              {"shipped", lesson::shipped},
                              {"unguarded", lesson::unguarded}});
}
