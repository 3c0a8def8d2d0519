// Lesson 9: lifting a kernel over dims that it does not know.
//
// Barham and Isard's equation 3 is a convolution of one image with one filter, and their complaint is that no library
// takes it: kernels want batches and channels, in an order of their own. Here it is the other way round. The formula is
// written as it is (single.cpp), and batches and filters are transformations of the kernel.
//
//     cmake --build build --target tutorial_09_lifting && build/tutorials/tutorial_09_lifting
//
// All files of the lesson are in one folder, and the commands below are run there; do the same:
//
//     cd build/tutorials/lifting; PATH=$PWD/../../bin:$PATH

#include "../lesson.hpp"

#include <iostream>
#include <string>
#include <vector>

namespace {

struct Step {
    const char* title;
    const char* lesson;
    std::vector<std::string> commands;
};

const Step steps[] = {
    {"one image, one filter",
     R"(
The response of a filter is 1 / (1 + d), where d is the squared distance of the filter from what lies under it.)",
     {"cat single.coulter"}},

    {"filters",
     R"(
A layer has many filters. `--vmap out:weight` gives the input `weight` a dim `out`, and with it everything that `weight`
influences. The expressions stay as they are, for an access binds the dims that it names and the others bind themselves.
`--layout` says where the dim lies in the memory of arguments; without it, it is outermost.)",
     {"coulter transform single.coulter --vmap out:weight --layout weight=ky,kx,in,out --layout response=y,x,out "
      "--estimate 32 && diff single.coulter single.vmap.coulter; true"}},

    {"images",
     R"(
A batch is the same once more, now for `image`: the filters are the same for all images. What is made is the layer
that one writes out by hand, to the letter, so nothing is lost by the way it came about.)",
     {"coulter transform single.vmap.coulter --vmap batch:image --estimate 8",
      "coulter kernels single.vmap.vmap.coulter"}},

    {"one schedule for all",
     R"(
Stages keep their names. single.sched is a schedule for the kernel and, by `single.*`, for whatever is made of it; loops
that it does not name stay outermost. layer.sched stands above it and says what only the layer has.)",
     {"cat single.sched layer.sched", "coulter show single.coulter single.sched --as loops",
      "coulter show single.vmap.vmap.coulter single.sched layer.sched --as loops"}},

    {"is it right?",
     R"(
`verify` runs the compiled kernel against the reference interpreter, at odd sizes and strides. A lifted kernel is a kernel.)",
     {"coulter verify single.vmap.vmap.coulter single.sched layer.sched --cases 10 > verify.txt && echo verified"}},

    {"gradients",
     R"(
Transformations compose. The gradient of the layer by its filters sums over the images, and nobody had to say so: `weight`
has no dim `batch`. The other order, the gradient of one image's response lifted over images, is the gradient for each of
them.)",
     {"coulter transform single.vmap.vmap.coulter --grad weight && coulter kernels single.vmap.vmap.grad.coulter",
      "coulter transform single.vmap.coulter --grad weight && coulter transform single.vmap.grad.coulter --vmap "
      "batch:image,d.response --estimate 8 && coulter kernels single.vmap.grad.vmap.coulter"}},

    {"directions",
     R"(
`--jvp` goes forward: how the responses change when the filters move along d.weight. With the gradient it gives products with
the Hessian, by `--jvp` of a `--grad`.)",
     {"coulter transform single.coulter --jvp weight && coulter kernels single.jvp.coulter"}},

    {"mistakes",
     R"(
A dim that is there already, an input that is none, a layout that is not the tensor's own:)",
     {"coulter transform single.coulter --vmap in:weight; echo $?",
      "coulter transform single.coulter --vmap out:wieght; echo $?",
      "coulter transform single.coulter --vmap out:weight --layout weight=out,in,ky,kx; echo $?"}},
};

void lesson() {
    (void)output_of("mkdir -p " + quoted(FOLDER) + " && cd " + quoted(FOLDER) + " && rm -f *.coulter *.txt && cp " +
                    quoted(TEXT) + " " + quoted(SCHEDULES) + "/*.sched .");
    for (const Step& step : steps) {
        std::cout << "== " << step.title << " ==" << step.lesson << "\n\n";
        for (const std::string& command : step.commands) {
            std::cout << "$ " << command << '\n'
                      << indented(output_of("cd " + quoted(FOLDER) + " && PATH=" + quoted(PROGRAMS) + ":$PATH && { " +
                                            command + "; }"))
                      << '\n'
                      << std::flush;
        }
    }
}

} // namespace

int main() {
    try {
        lesson();
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 4;
    }
    return 0;
}
