"""The ways in which a library can compute a kernel, of which the fastest counts, and the choice among them."""
import dataclasses
import time
from collections.abc import Callable

import numpy as np

from peers import kernels


@dataclasses.dataclass(frozen=True)
class Form:
    name: str
    make: Callable  # make(library, kernel) gives the function of the kernel's inputs, in their order
    orders: dict = dataclasses.field(default_factory=dict)  # of frozen inputs: the order of axes that the library likes
    under: tuple = ("eager", "compile", "jit")  # the contenders that it makes sense for
    gradients: bool = True  # False: it cannot be differentiated
    whole: bool = True  # False: it compiles its parts itself
    before: Callable | None = None  # before(library, kernel, arguments): what may be done to frozen inputs before the timing


def arranged(form, kernel, inputs):
    """The kernel's inputs as arrays, the frozen ones in the form's order."""
    arrays = []
    for each in kernel.primal:
        array = inputs[each["name"]]
        if each["frozen"] and each["name"] in form.orders:
            array = np.ascontiguousarray(array.transpose(form.orders[each["name"]]))
        arrays.append(array)
    return arrays


def gradient_orders(form, kernel):
    """For each gradient the order of axes that brings it back to the order of its input, or nothing."""
    frozen = {each["name"] for each in kernel.primal if each["frozen"]}
    names = [each["name"].removeprefix("d.") for each in kernel.outputs]
    return [np.argsort(form.orders[name]).tolist() if name in frozen and name in form.orders else None for name in names]


def wanted(kernel):
    """Which inputs the gradient is by, as indices, and which outputs have a cotangent, with its name."""
    names = [each["name"] for each in kernel.primal]
    by = [names.index(each["name"].removeprefix("d.")) for each in kernel.outputs]
    given = {each["name"] for each in kernel.cotangents}
    of = [(number, "d." + each["name"]) for number, each in enumerate(kernel.forward["outputs"])
          if "d." + each["name"] in given]
    return by, of


def fastest(forms, kernel, contender, callable_of, arrays_of):
    """The call of the fastest form and its name. `callable_of(form)` gives a call that returns results, `arrays_of` brings
    them to NumPy. Forms that fail are left out where another works; results of all must be the same."""
    possible = [form for form in forms if contender.split()[0] in form.under and (form.gradients or not kernel.forward)]
    if not possible:
        raise RuntimeError("no form of it")
    best, expected, failure = None, None, None
    for form in possible:
        try:
            call = callable_of(form)
            results = arrays_of(call())  # compiles
        except Exception as error:  # whatever a library raises
            failure = error
            continue
        if expected is None:
            expected = results
        elif not (differs := kernels.difference(results, expected)) <= kernels.TOLERANCE:
            raise RuntimeError(f"the form `{form.name}` differs by {differs:.1e}")
        if len(possible) > 1:
            call()
        took = 0.0 if len(possible) == 1 else seconds_of(call)
        if best is None or took < best[0]:
            best = took, call, form.name
    if best is None:
        raise failure
    return best[1], best[2]


def seconds_of(call):
    """The least of three calls, of more if they are short, and of fewer if they are long."""
    times, began = [], time.perf_counter()
    while not times or (spent := time.perf_counter() - began) < 0.3 or (len(times) < 3 and spent < 3):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)
