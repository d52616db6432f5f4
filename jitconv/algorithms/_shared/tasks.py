"""How many tasks of a kernel run at once: each has buffers of its own."""

from jitconv.jit import team
from jitconv.jit.kernels import threads_pay


def at_once(work: int, tasks: int) -> int:
    """Return how many of some tasks run side by side in a kernel of so many nanoseconds of serial work."""
    return max(1, min(tasks, team())) if threads_pay(work) else 1
