"""PyTorch, eager and compiled, in the best forms that bench/compare.py and bench/compare_em.py know."""
import os

import compare_em
from contenders import Prepared, Unavailable
from contenders.problems import STRIDE


def votes_by_convolution(torch, problem, weight):
    """The rows of a pose as batch, a channels-last conv2d over (in, k) to (out, col), the weights rearranged once."""
    n, size, channels, out = problem.batch, problem.size, problem.channels, problem.out
    kernel = weight.permute(3, 5, 2, 4, 0, 1).reshape(channels * 4, channels * 4, 3, 3)
    kernel = kernel.contiguous(memory_format=torch.channels_last)

    def votes(pose):
        rows = pose.permute(0, 4, 1, 2, 3, 5).reshape(n * 4, size, size, channels * 4).permute(0, 3, 1, 2)
        convolved = torch.nn.functional.conv2d(rows, kernel, stride=STRIDE)
        return convolved.permute(0, 2, 3, 1).reshape(n, 4, out, out, channels, 4).permute(0, 2, 3, 4, 1, 5)
    return votes


def prepare(form, problem, inputs, outputs, options):
    # A cache of an earlier run would make compilation look free.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = options["directory"]
    try:
        import torch
    except ImportError:
        raise Unavailable("not installed: torch") from None
    torch.set_num_threads(options["threads"])
    torch.set_grad_enabled(False)
    tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
    results = [torch.from_numpy(array) for array in outputs.values()]
    if problem.kernel == "conv_capsules":
        votes = votes_by_convolution(torch, problem, tensors["weight"])
        function, arguments = lambda pose: (votes(pose),), [tensors["pose"]]
    else:
        # As in compare_em.py, which compiles the einsums.
        module = compare_em.torch_bmm if form == "eager" else compare_em.torch_einsum
        function, arguments = module(torch), list(tensors.values())
    if form == "compile":
        function = torch.compile(function)

    def call():
        for result, value in zip(results, function(*arguments)):
            result.copy_(value.reshape(result.shape))
    return Prepared(0.0 if form == "eager" else None, call, note=torch.__version__)
