"""The checks, in the order in which they run."""

from jitconv.testing.checks import contract, laws, memory, reuse, state, trials

PROMISES: dict[str, str] = {
    **contract.PROMISES,
    **memory.PROMISES,
    **state.PROMISES,
    **trials.PROMISES,
    **reuse.PROMISES,
    **laws.PROMISES,
}
"""Every check by name, and what it holds an algorithm to."""


def promises(op: str) -> dict[str, str]:
    """Return the checks of an op: those that mean something for it."""
    without = {law for law, ops in laws.APPLY.items() if op not in ops}
    without |= set() if op.startswith("conv") else {"weights"}
    return {check: promise for check, promise in PROMISES.items() if check not in without}


__all__ = ["PROMISES", "contract", "laws", "memory", "promises", "reuse", "state", "trials"]
