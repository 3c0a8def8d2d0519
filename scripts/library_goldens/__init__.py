"""Golden cases of the library's kernels, a module per family; scripts/make_library_goldens.py writes them."""


def families():
    from . import attention, bilateral, gathers, norms, products, quantised, recurrences, sampling, training, windows
    return [attention.make, norms.make, windows.make, products.make, sampling.make, bilateral.make, gathers.make,
            quantised.make, training.make, recurrences.make]
