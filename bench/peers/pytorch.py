"""The kernels as a good PyTorch user writes them, eager and compiled: library calls, channels-last memory, and weights in
the order that the library likes, rearranged once as they are frozen."""
import os

import numpy as np

import compare
from contenders import Prepared, Unavailable
from peers import capsules


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


def dynamic_routing(torch, kernel, frozen):
    children, out, parts, pose = frozen["weight"].shape
    weight = torch.from_numpy(frozen["weight"]).permute(0, 2, 1, 3).reshape(children, parts, out * pose)

    def squash(s):
        squares = (s * s).sum(-1, keepdim=True)
        return s * (squares / ((1 + squares) * torch.sqrt(squares + 1e-7)))

    def route(u):
        predictions = torch.bmm(u.transpose(0, 1), weight).reshape(children, -1, out, pose)
        predictions = predictions.permute(1, 2, 0, 3).contiguous()
        parents, logits = squash(predictions.sum(2) / out), 0
        for _ in range(2):
            logits = logits + torch.matmul(predictions, parents[..., None])[..., 0]
            couplings = torch.softmax(logits, 1)
            parents = squash(torch.matmul(couplings[:, :, None], predictions)[:, :, 0])
        return parents, torch.linalg.vector_norm(parents, dim=-1)
    return route


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
    "em_routing": lambda torch, kernel, frozen: capsules.routing(capsules.TorchOps(torch), kernel, frozen),
    "dynamic_routing": dynamic_routing,
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
    torch.set_num_threads(options["threads"])
    torch.set_grad_enabled(False)
    frozen = {each["name"]: inputs[each["name"]] for each in kernel.inputs if each["frozen"]}
    function = FORMS[kernel.name](torch, kernel, frozen)
    arguments = [torch.from_numpy(array) for name, array in inputs.items() if name not in frozen]
    if options["form"] == "compile":
        function = torch.compile(function)
    box = []

    def call():
        # Row-major results: a copy where the library's are not.
        box[:] = [value.contiguous() for value in function(*arguments)]

    def fetch():
        for array, value in zip(outputs.values(), box):
            array[...] = value.reshape(array.shape).numpy()
    return Prepared(None, call, fetch, torch.__version__)
