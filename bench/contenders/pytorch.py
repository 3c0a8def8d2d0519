"""PyTorch, eager and compiled, in the best forms that bench/compare.py and bench/compare_em.py know."""
import os

import compare
import compare_em
from contenders import Prepared, Unavailable


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
        votes = compare.torch_votes(torch, tensors["weight"])
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
