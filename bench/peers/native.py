"""What a compiler made: Coulter's libraries, Halide's under its own autoschedulers, and C loops, each through its C
function."""
import ctypes
import dataclasses
import subprocess

import numpy as np

import compare
import schedules
from contenders import Prepared
from peers import suites

FLAGS = ["-O3", "-march=native", "-ffast-math", "-fopenmp"]
# The file of each kernel's loops, below bench/, and the dims whose sizes the function takes.
LOOPS = {
    "conv_capsules": ("loops.c", ["batch", "iy", "ix", "in", "out"]),
    "matmul": ("loops.c", ["i", "j", "k"]),
    "conv2d": ("loops.c", ["batch", "iy", "ix", "in", "out"]),
    "softmax": ("loops.c", ["row", "col"]),
    "layer_norm": ("loops.c", ["row", "col"]),
    "em_routing": ("em_loops.c", ["batch", "iy", "ix", "in", "out"]),
    "conv2d_strided": ("peers/loops.c", ["batch", "iy", "ix", "in", "out"]),
    "conv2d_dilated": ("peers/loops.c", ["batch", "iy", "ix", "in", "out"]),
    "conv2d_valid": ("peers/loops.c", ["batch", "iy", "ix", "in", "out"]),
    "conv2d_grouped": ("peers/loops.c", ["batch", "iy", "ix", "group", "in", "out"]),
    "max_pool2d": ("peers/loops.c", ["batch", "iy", "ix", "channel"]),
    "max_pool2d_padded": ("peers/loops.c", ["batch", "iy", "ix", "channel"]),
    "avg_pool2d": ("peers/loops.c", ["batch", "iy", "ix", "channel"]),
    "avg_pool2d_padded": ("peers/loops.c", ["batch", "iy", "ix", "channel"]),
    "gelu": ("peers/loops.c", ["n"]),
    "gelu_tanh": ("peers/loops.c", ["n"]),
    "reductions": ("peers/loops.c", ["i", "j"]),
    "dynamic_routing": ("peers/loops.c", ["batch", "in", "out"]),
    "capsule_decoder": ("peers/loops.c", ["batch", "digit", "hidden1", "hidden2", "pixel"]),
    "digits_cnn": ("peers/networks.c", ["batch"]),
    "digits_capsules": ("peers/networks.c", ["batch"]),
    "hinton_capsules": ("peers/networks.c", ["batch"]),
}
# Of the twenty and their gradients. A gradient's function takes the kernel's inputs, the cotangents, and the gradients.
LOOPS |= {name: (f"peers/twenty_{file}.c", dims.split()) for file, functions in {
    "scans": {"selective_scan": "batch time channel state", "wkv": "batch time channel", "soft_dtw": "batch i j"},
    "attention": {"attention": "batch head i j d e", "sliding_window_attention": "batch head i j tap d e",
                  "neighbourhood_attention": "batch y x head d e ty", "rope": "batch i head pair"},
    "windows": {"locally_connected": "batch iy ix in out", "involution": "batch iy ix group channel ky",
                "depthwise_conv3d": "batch iz iy ix channel", "correlation": "batch y x iy ix channel dy",
                "group_norm": "batch group channel pixel"},
    "sampling": {"grid_sample": "batch iy ix y x channel", "deformable_conv": "batch iy ix in out",
                 "bilateral_grid": "y x gy gx"},
    "products": {"pairwise_l1": "i j channel", "contraction": "edge channel i j k",
                 "grouped_int8_matmul": "row col k group within", "moe_gather_matmul": "token in out expert choice",
                 "message_passing": "source channel edge bound", "topk": "row col"},
}.items() for name, dims in functions.items()}
# Each has a gradient's nest beside it, but for integers.
LOOPS |= {name + suites.GRADIENT: LOOPS[name] for name, layer in suites.TWENTY.items()
          if layer.wrt and LOOPS[name][0].startswith("peers/twenty_")}


class HalideDimension(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int32) for name in ("min", "extent", "stride")] + [("flags", ctypes.c_uint32)]


class HalideBuffer(ctypes.Structure):
    """halide_buffer_t of HalideRuntime.h."""
    _fields_ = [("device", ctypes.c_uint64), ("device_interface", ctypes.c_void_p), ("host", ctypes.c_void_p),
                ("flags", ctypes.c_uint64), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("dimensions", ctypes.c_int32), ("dim", ctypes.POINTER(HalideDimension)), ("padding", ctypes.c_void_p)]


def halide_buffer(array):
    """Of a row-major array: Halide counts dimensions from the innermost."""
    dims = (HalideDimension * array.ndim)()
    stride = 1
    for dim, extent in zip(dims, reversed(array.shape)):
        dim.extent, dim.stride = extent, stride
        stride *= extent
    code = {"i": 0, "u": 1, "f": 2}[array.dtype.kind]
    buffer = HalideBuffer(0, None, array.ctypes.data, 0, code, array.dtype.itemsize * 8, 1, array.ndim, dims, None)
    buffer.keep = (array, dims)
    return buffer


def halide(kernel, arrays, options):
    library = ctypes.CDLL(options["library"])
    library.halide_set_num_threads(options["threads"])
    function = getattr(library, kernel.symbol)
    buffers = [halide_buffer(array) for array in arrays]
    pointers = [ctypes.byref(buffer) for buffer in buffers]

    def call():
        if function(*pointers) != 0:
            raise RuntimeError("the pipeline failed")
    call.keep = buffers
    return call


def by_value(array):
    """An input without dims as C takes it."""
    return np.ctypeslib.as_ctypes_type(array.dtype)(array.item()) if array.ndim == 0 else array


def coulter(kernel, arrays, options):
    library = compare.Coulter(options["library"], options["threads"])
    given = [by_value(array) for array in arrays[:len(kernel.inputs)]]
    return library.kernel(kernel.symbol, given + arrays[len(kernel.inputs):], schedules.dltensor)


def forward_and_gradient(kernel, inputs, outputs, options):
    """As a step of training calls them: one kernel of both passes, or two, between which the caller's own arrays pass alone."""
    library = compare.Coulter(options["library"], options["threads"])
    results = [schedules.array_of(dataclasses.asdict(kernel), each) for each in kernel.forward["outputs"]]
    primal = [by_value(inputs[each["name"]]) for each in kernel.primal]
    together = suites.together_of(kernel.name)
    if together:
        cotangents = [by_value(inputs[each["name"]]) for each in kernel.cotangents]
        return library.kernel(together.replace(".", "_"), [*primal, *cotangents, *results, *outputs.values()],
                              schedules.dltensor)
    forward = library.kernel(kernel.family, [*primal, *results], schedules.dltensor)
    gradient = library.kernel(kernel.symbol,
                              [*(by_value(inputs[each["name"]]) for each in kernel.inputs), *outputs.values()],
                              schedules.dltensor)

    def call():
        forward()
        gradient()
    return call


def loops(kernel, arrays, options):
    library = ctypes.CDLL(options["library"])
    sizes = [kernel.extents[dim] for dim in LOOPS[kernel.name][1]]
    if kernel.name != "em_routing":
        return compare.c_call(getattr(library, kernel.symbol), sizes, arrays)
    # The caller keeps the memory for the votes: the faster way for this contender.
    library.em_workspace.restype = ctypes.c_int64
    workspace = np.empty(library.em_workspace(*map(ctypes.c_int64, sizes)), np.float32)
    return compare.c_call(library.em_routing_in, sizes, [*arrays, workspace])


def compiler_version():
    return subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()


def prepare(kernel, inputs, outputs, options):
    if options["form"] == "coulter" and suites.is_training(kernel.name):
        return Prepared(None, forward_and_gradient(kernel, inputs, outputs, options))
    form = {"halide": halide, "coulter": coulter, "loops": loops}[options["form"]]
    # Loops get all that a gradient could need, the others what the kernel's text asks for.
    given = inputs.values() if form is loops else [inputs[each["name"]] for each in kernel.inputs]
    return Prepared(None, form(kernel, [*given, *outputs.values()], options),
                    note=compiler_version() if form is loops else "")
