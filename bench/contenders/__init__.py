"""The contenders of bench/table1.py. Each module has `prepare(form, problem, inputs, outputs, options)`, which compiles one
kernel and returns a `Prepared`; it is imported only in the process that runs that contender."""
import dataclasses
from collections.abc import Callable


@dataclasses.dataclass
class Prepared:
    compile_seconds: float | None  # None: the first call less a steady one, as nothing compiles before a call
    call: Callable[[], None]
    fetch: Callable[[], None] = lambda: None  # brings the results into the output arrays, outside the timing
    note: str = ""


class Unavailable(Exception):
    """The contender cannot run here, for a reason that its row tells."""
