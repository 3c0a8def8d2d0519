"""Golden cases of the library's kernels, a module per family; scripts/make_library_goldens.py writes them."""


def families():
    from . import attention, norms, windows
    return [attention.make, norms.make, windows.make]
