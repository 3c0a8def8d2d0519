"""The kernels as a good PyTorch user writes them, eager and compiled: library calls, channels-last memory, and weights in
the order that the library likes, rearranged once as they are frozen."""
import os

import numpy as np

import compare
from contenders import Prepared, Unavailable
from peers import capsules, forms, suites


def channels_first(image):
    """A view of [n, y, x, channel] that the library takes for channels-last memory."""
    return image.permute(0, 3, 1, 2)


def convolution(torch, weight, **window):
    """weight[ky, kx, in, out], or [ky, kx, group, in, out]; over and to channels-last memory."""
    if weight.ndim == 5:
        window["groups"] = weight.shape[2]
        weight = weight.transpose(2, 4, 3, 0, 1).reshape(-1, weight.shape[3], *weight.shape[:2])
    else:
        weight = weight.transpose(3, 2, 0, 1)
    kernel = torch.from_numpy(np.ascontiguousarray(weight)).contiguous(memory_format=torch.channels_last)

    def conv(image, bias):
        flat = image.reshape(*image.shape[:3], -1)
        sums = torch.nn.functional.conv2d(channels_first(flat), kernel, bias.reshape(-1), **window)
        return sums.permute(0, 2, 3, 1)
    return conv


def conv2d(**window):
    def form(torch, kernel, frozen):
        conv = convolution(torch, frozen["weight"], **window)
        if kernel.name == "conv2d":
            return lambda image, bias: (torch.relu(conv(image, bias)),)
        shape = tuple(kernel.extents[dim] for dim in kernel.outputs[0]["dims"])
        return lambda image, bias: (conv(image, bias).reshape(shape),)
    return form


def pool(function, *window, **options):
    def form(torch, kernel, frozen):
        apply = getattr(torch.nn.functional, function)
        return lambda image: (apply(channels_first(image), *window, **options).permute(0, 2, 3, 1),)
    return form


def conv_capsules(torch, kernel, frozen):
    votes = compare.torch_votes(torch, torch.from_numpy(frozen["weight"]))
    return lambda pose: (votes(pose),)


def reductions(torch, kernel, frozen):
    def reduce(x):
        lowest, highest = torch.min(x, 1), torch.max(x, 1)
        variance, mean = torch.var_mean(x, 1, correction=0)
        return (x.sum(1), x.prod(1), lowest.values, highest.values, lowest.indices.to(torch.int32),
                highest.indices.to(torch.int32), torch.logsumexp(x, 1), mean, variance)
    return reduce


def capsule_decoder(torch, kernel, frozen):
    weights = [torch.from_numpy(frozen[f"weight{i}"].reshape(-1, frozen[f"weight{i}"].shape[-1])) for i in (1, 2, 3)]
    biases = [torch.from_numpy(frozen[f"bias{i}"]) for i in (1, 2, 3)]
    digits = torch.arange(kernel.extents["digit"])

    def decode(v, chosen):
        x = (v * (digits == chosen[:, None])[..., None]).flatten(1)
        x = torch.relu(torch.addmm(biases[0], x, weights[0]))
        x = torch.relu(torch.addmm(biases[1], x, weights[1]))
        return (torch.sigmoid(torch.addmm(biases[2], x, weights[2])),)
    return decode


def digits_cnn(torch, kernel, frozen):
    parameter = {name: torch.from_numpy(array) for name, array in frozen.items()}
    conv1 = convolution(torch, frozen["conv1_weight"], padding=1)
    conv2 = convolution(torch, frozen["conv2_weight"], padding=1)
    dense1 = parameter["dense1_weight"].reshape(-1, 64)
    functions = torch.nn.functional

    def network(image):
        x = functions.gelu(conv1((image.to(torch.float32) / 16)[..., None], parameter["conv1_bias"]))
        x = functions.max_pool2d(channels_first(x), 2).permute(0, 2, 3, 1)
        x = conv2(x, parameter["conv2_bias"])
        x = functions.gelu(functions.layer_norm(x, (64,), parameter["norm_gamma"], parameter["norm_beta"], 1e-5))
        x = functions.avg_pool2d(channels_first(x), 2).permute(0, 2, 3, 1).flatten(1)
        x = functions.gelu(torch.addmm(parameter["dense1_bias"], x, dense1))
        logits = torch.addmm(parameter["dense2_bias"], x, parameter["dense2_weight"])
        return logits, torch.softmax(logits, 1)
    return network


def digits_capsules(torch, kernel, frozen):
    conv, bias = convolution(torch, frozen["conv_weight"], padding=1), torch.from_numpy(frozen["conv_bias"])
    return capsules.digits(capsules.TorchOps(torch), frozen,
                           lambda image: torch.relu(conv((image.to(torch.float32) / 16)[..., None], bias)))


def hinton_capsules(torch, kernel, frozen):
    conv, bias = convolution(torch, frozen["conv_weight"], stride=2), torch.from_numpy(frozen["conv_bias"])
    return capsules.hinton(capsules.TorchOps(torch), frozen, lambda image: torch.relu(conv(image, bias)))


# form(torch, kernel, frozen) gives the function of the inputs that are not frozen.
FORMS = {
    "matmul": lambda torch, kernel, frozen: lambda a, b: (torch.matmul(a, b),),
    "conv2d": conv2d(padding=1),
    "conv2d_strided": conv2d(padding=1, stride=2),
    "conv2d_dilated": conv2d(padding=2, dilation=2),
    "conv2d_grouped": conv2d(padding=1),
    "conv2d_valid": conv2d(),
    "max_pool2d": pool("max_pool2d", 2),
    "max_pool2d_padded": pool("max_pool2d", 3, 2, 1),
    "avg_pool2d": pool("avg_pool2d", 2),
    "avg_pool2d_padded": pool("avg_pool2d", 3, 2, 1, count_include_pad=False),
    "softmax": lambda torch, kernel, frozen: lambda x: (torch.softmax(x, 1),),
    "layer_norm": lambda torch, kernel, frozen: lambda x, gamma, beta: (
        torch.nn.functional.layer_norm(x, gamma.shape, gamma, beta, 1e-5),),
    "gelu": lambda torch, kernel, frozen: lambda x: (torch.nn.functional.gelu(x),),
    "gelu_tanh": lambda torch, kernel, frozen: lambda x: (torch.nn.functional.gelu(x, approximate="tanh"),),
    "reductions": reductions,
    "conv_capsules": conv_capsules,
    "em_routing": lambda torch, kernel, frozen: capsules.routing_of_frozen(capsules.TorchOps(torch), kernel, frozen),
    "capsule_decoder": capsule_decoder,
    "digits_cnn": digits_cnn,
    "digits_capsules": digits_capsules,
    "hinton_capsules": hinton_capsules,
}


def prepare(kernel, inputs, outputs, options):
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = options["cache"]
    try:
        import torch
    except ImportError:
        raise Unavailable("not installed: torch") from None
    from peers import pytorch_capsules, pytorch_twenty
    own_forms = pytorch_capsules.FORMS if suites.is_training(kernel.name) else pytorch_twenty.FORMS
    torch.set_num_threads(options["threads"])
    torch.set_grad_enabled(kernel.forward is not None)
    contender = options["form"]

    def compiled(function, whole=True):
        return torch.compile(function) if contender == "compile" and whole else function

    def of_frozen():
        frozen = {each["name"]: inputs[each["name"]] for each in kernel.inputs if each["frozen"]}
        function = compiled(FORMS[kernel.name](torch, kernel, frozen))
        arguments = [torch.from_numpy(array) for name, array in inputs.items() if name not in frozen]
        # Row-major results: a copy where the library's are not.
        return lambda: [value.contiguous() for value in function(*arguments)]

    def callable_of(form):
        arguments = [torch.from_numpy(array) for array in forms.arranged(form, kernel, inputs)]
        if form.before:
            arguments = form.before(torch, kernel, arguments)
        function = compiled(form.make(torch, kernel), form.whole)
        if not kernel.forward:
            return lambda: [value.contiguous() for value in function(*arguments)]
        return backward(torch, kernel, form, function, arguments, inputs, alone=contender == "eager backward")

    def arrays_of(values):
        return [value.reshape(array.shape).numpy() for array, value in zip(outputs.values(), values)]

    if kernel.family in own_forms:
        call, note = forms.fastest(own_forms[kernel.family], kernel, contender, callable_of, arrays_of)
    else:
        call, note = of_frozen(), ""
    box = []

    def into_box():
        box[:] = call()

    def fetch():
        for array, value in zip(outputs.values(), arrays_of(box)):
            array[...] = value
    return Prepared(None, into_box, fetch, f"{torch.__version__} {note}".strip())


def backward(torch, kernel, form, function, arguments, inputs, alone):
    """Forward and backward; `alone`: backward, of one forward that is not timed."""
    by, of = forms.wanted(kernel)
    leaves = [arguments[number].requires_grad_() for number in by]
    cotangents = [torch.from_numpy(inputs[name]) for _, name in of]
    orders = forms.gradient_orders(form, kernel)

    def gradients(values, keep=False):
        found = torch.autograd.grad([values[number] for number, _ in of], leaves, cotangents, retain_graph=keep)
        return [(each.permute(order) if order else each).contiguous() for each, order in zip(found, orders)]
    if not alone:
        return lambda: gradients(function(*arguments))
    values = function(*arguments)
    return lambda: gradients(values, keep=True)
