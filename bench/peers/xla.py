"""The kernels as a good JAX user writes them, under jit. What is frozen is a constant of the compiled function."""
import os

import numpy as np

from contenders import Prepared, Unavailable
from contenders import xla as table1_forms
from contenders.problems import Problem
from peers import capsules, forms, suites


def convolution(jax, weight, stride=1, padding=0, dilation=1):
    """weight[ky, kx, in, out], or [ky, kx, group, in, out]."""
    groups = 1
    if weight.ndim == 5:
        groups = weight.shape[2]
        weight = weight.transpose(0, 1, 3, 2, 4).reshape(*weight.shape[:2], weight.shape[3], -1)
    kernel = jax.numpy.asarray(weight)

    def conv(image, bias):
        sums = jax.lax.conv_general_dilated(
            image.reshape(*image.shape[:3], -1), kernel, (stride, stride), [(padding, padding)] * 2,
            rhs_dilation=(dilation, dilation), dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups)
        return sums + bias.reshape(-1)
    return conv


def conv2d(**window):
    def form(jax, kernel, frozen):
        conv = convolution(jax, frozen["weight"], **window)
        if kernel.name == "conv2d":
            return lambda image, bias: (jax.nn.relu(conv(image, bias)),)
        shape = tuple(kernel.extents[dim] for dim in kernel.outputs[0]["dims"])
        return lambda image, bias: (conv(image, bias).reshape(shape),)
    return form


def windows(jax, x, size, padding, start, combine):
    return jax.lax.reduce_window(x, np.float32(start), combine, (1, size, size, 1), (1, 2, 2, 1),
                                 ((0, 0), (padding, padding), (padding, padding), (0, 0)))


def max_pool(size, padding=0):
    return lambda jax, kernel, frozen: lambda image: (windows(jax, image, size, padding, -np.inf, jax.lax.max),)


def average_pool(size, padding=0):
    def form(jax, kernel, frozen):
        at = kernel.extents
        # How many elements each window has inside is known beforehand.
        inside = np.zeros((1, at["iy"] + 2 * padding, at["ix"] + 2 * padding, 1), np.float32)
        inside[:, padding:padding + at["iy"], padding:padding + at["ix"]] = 1
        taps = np.lib.stride_tricks.sliding_window_view(inside, (size, size), axis=(1, 2))[:, ::2, ::2].sum((-1, -2))
        return lambda image: (windows(jax, image, size, padding, 0, jax.lax.add) / taps,)
    return form


def layer_norm(jax, x, gamma, beta):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * gamma + beta


def reductions(jax, kernel, frozen):
    np_ = jax.numpy
    return lambda x: (x.sum(1), x.prod(1), x.min(1), x.max(1), x.argmin(1).astype(np_.int32),
                      x.argmax(1).astype(np_.int32), jax.nn.logsumexp(x, 1), x.mean(1), x.var(1))


def conv_capsules(jax, kernel, frozen):
    at = kernel.extents
    problem = Problem(kernel.name, at["batch"], at["iy"], at["out"])
    return table1_forms.votes_by_product(jax, problem, frozen["weight"])


def capsule_decoder(jax, kernel, frozen):
    np_ = jax.numpy
    weights = [np_.asarray(frozen[f"weight{i}"].reshape(-1, frozen[f"weight{i}"].shape[-1])) for i in (1, 2, 3)]
    biases = [np_.asarray(frozen[f"bias{i}"]) for i in (1, 2, 3)]

    def decode(v, chosen):
        x = (v * jax.nn.one_hot(chosen, v.shape[1])[..., None]).reshape(v.shape[0], -1)
        x = jax.nn.relu(x @ weights[0] + biases[0])
        x = jax.nn.relu(x @ weights[1] + biases[1])
        return (jax.nn.sigmoid(x @ weights[2] + biases[2]),)
    return decode


def digits_cnn(jax, kernel, frozen):
    np_ = jax.numpy
    parameter = {name: np_.asarray(array) for name, array in frozen.items()}
    conv1, conv2 = (convolution(jax, frozen[f"conv{i}_weight"], padding=1) for i in (1, 2))

    def gelu(x):
        return jax.nn.gelu(x, approximate=False)

    def network(image):
        x = gelu(conv1((image.astype(np_.float32) / 16)[..., None], parameter["conv1_bias"]))
        x = conv2(windows(jax, x, 2, 0, -np.inf, jax.lax.max), parameter["conv2_bias"])
        x = gelu(layer_norm(jax, x, parameter["norm_gamma"], parameter["norm_beta"]))
        x = windows(jax, x, 2, 0, 0, jax.lax.add).reshape(x.shape[0], -1) / 4
        x = gelu(x @ parameter["dense1_weight"].reshape(-1, 64) + parameter["dense1_bias"])
        logits = x @ parameter["dense2_weight"] + parameter["dense2_bias"]
        return logits, jax.nn.softmax(logits, 1)
    return network


def digits_capsules(jax, kernel, frozen):
    conv, bias = convolution(jax, frozen["conv_weight"], padding=1), frozen["conv_bias"]
    return capsules.digits(capsules.JaxOps(jax), frozen,
                           lambda image: jax.nn.relu(conv((image.astype(np.float32) / 16)[..., None], bias)))


def hinton_capsules(jax, kernel, frozen):
    conv, bias = convolution(jax, frozen["conv_weight"], stride=2), frozen["conv_bias"]
    return capsules.hinton(capsules.JaxOps(jax), frozen, lambda image: jax.nn.relu(conv(image, bias)))


# form(jax, kernel, frozen) gives the function of the inputs that are not frozen.
FORMS = {
    "matmul": lambda jax, kernel, frozen: lambda a, b: (a @ b,),
    "conv2d": conv2d(padding=1),
    "conv2d_strided": conv2d(padding=1, stride=2),
    "conv2d_dilated": conv2d(padding=2, dilation=2),
    "conv2d_grouped": conv2d(padding=1),
    "conv2d_valid": conv2d(),
    "max_pool2d": max_pool(2),
    "max_pool2d_padded": max_pool(3, 1),
    "avg_pool2d": average_pool(2),
    "avg_pool2d_padded": average_pool(3, 1),
    "softmax": lambda jax, kernel, frozen: lambda x: (jax.nn.softmax(x, 1),),
    "layer_norm": lambda jax, kernel, frozen: lambda x, gamma, beta: (layer_norm(jax, x, gamma, beta),),
    "gelu": lambda jax, kernel, frozen: lambda x: (jax.nn.gelu(x, approximate=False),),
    "gelu_tanh": lambda jax, kernel, frozen: lambda x: (jax.nn.gelu(x, approximate=True),),
    "reductions": reductions,
    "conv_capsules": conv_capsules,
    "em_routing": lambda jax, kernel, frozen: capsules.routing_of_frozen(capsules.JaxOps(jax), kernel, frozen),
    "capsule_decoder": capsule_decoder,
    "digits_cnn": digits_cnn,
    "digits_capsules": digits_capsules,
    "hinton_capsules": hinton_capsules,
}


def prepare(kernel, inputs, outputs, options):
    # XLA takes the number of its threads from the processors that the process may use.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:options["threads"]])
    try:
        import jax
    except ImportError:
        raise Unavailable("not installed: jax") from None
    from peers import xla_capsules, xla_twenty
    own_forms = xla_capsules.FORMS if suites.is_training(kernel.name) else xla_twenty.FORMS

    def of_frozen():
        frozen = {each["name"]: inputs[each["name"]] for each in kernel.inputs if each["frozen"]}
        function = jax.jit(FORMS[kernel.name](jax, kernel, frozen))
        arguments = [jax.numpy.asarray(array) for name, array in inputs.items() if name not in frozen]
        return lambda: jax.block_until_ready(function(*arguments))

    def callable_of(form):
        arguments = [jax.numpy.asarray(array) for array in forms.arranged(form, kernel, inputs)]
        if form.before:
            arguments = [jax.block_until_ready(each) for each in form.before(jax, kernel, arguments)]
        function = form.make(jax, kernel)
        if not kernel.forward:
            function = jax.jit(function)
            return lambda: jax.block_until_ready(function(*arguments))
        return backward(jax, kernel, form, function, arguments, inputs, alone=options["form"] == "jit backward")

    def arrays_of(values):
        return [np.asarray(value).reshape(array.shape) for array, value in zip(outputs.values(), values)]

    if kernel.family in own_forms:
        call, note = forms.fastest(own_forms[kernel.family], kernel, options["form"], callable_of, arrays_of)
    else:
        call, note = of_frozen(), ""
    box = []

    def into_box():
        box[:] = call()

    def fetch():
        for array, value in zip(outputs.values(), arrays_of(box)):
            array[...] = value
    return Prepared(None, into_box, fetch, f"{jax.__version__} {note}".strip())


def backward(jax, kernel, form, function, arguments, inputs, alone):
    """Forward and backward under one jit; `alone`: backward under its own, of one forward that is not timed."""
    by, of = forms.wanted(kernel)
    cotangents = [jax.numpy.asarray(inputs[name]) for _, name in of]
    orders = forms.gradient_orders(form, kernel)

    def of_leaves(arguments):
        def values(*leaves):
            all_of_them = list(arguments)
            for number, leaf in zip(by, leaves):
                all_of_them[number] = leaf
            results = function(*all_of_them)
            return [results[number] for number, _ in of]
        return jax.vjp(values, *[arguments[number] for number in by])[1]

    def pulled(back, cotangents):
        return [each.transpose(order) if order else each for each, order in zip(back(cotangents), orders)]
    if not alone:
        both = jax.jit(lambda arguments, cotangents: pulled(of_leaves(arguments), cotangents))
        return lambda: jax.block_until_ready(both(arguments, cotangents))
    back, pull = jax.block_until_ready(jax.jit(of_leaves)(arguments)), jax.jit(pulled)
    return lambda: jax.block_until_ready(pull(back, cotangents))
