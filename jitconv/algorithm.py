"""The contract between jitconv and an algorithm, built in or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from jitconv.variants import Variants

OPS = (
    "conv_forward",
    "conv_backward",
    "max_pool_forward",
    "max_pool_backward",
    "avg_pool_forward",
    "avg_pool_backward",
    "create_mask",
    "distribute_value",
)

ERROR_CLASSES = ("direct", "winograd", "fft")

ACTIVATIONS = ("relu",)
"""What a plan of `jitconv.plan_conv` may do to its sums besides nothing; a NaN stays one."""

Plan = Callable[..., Any]
"""An algorithm built for one spec: ``plan(*operands, *outputs)``.

Operands and outputs come in the order of ``spec.operands(op)`` and ``spec.outputs(op)``; all are
C-contiguous arrays in native byte order, and ``None`` stands for what the caller does not give or
does not want. A plan never writes to an operand. It fills the outputs and returns ``None``, or
returns a tuple of arrays to be used instead of them (for a library that allocates its own results).
It may be called from several threads at once.
"""


def with_weights(plan: Plan, w: Any, b: Any, activation: str | None) -> Plan:
    """Return ``plan(x, y)`` of an algorithm that prepares no weights; an activation is a pass over `y`.

    Parameters
    ----------
    plan : Plan
        Of conv_forward.
    w, b, activation
        As an algorithm's `prepare` is given them.
    """

    def run(x: Any, y: Any) -> Any:
        made = plan(x, w, b, y)
        if activation is None:
            return made
        np.maximum(y if made is None else made[0], 0, out=y)
        return None

    return run


def unprepared(run: Callable[..., Any]) -> Callable[[Any], Plan]:
    """Return the `build` of an algorithm that prepares nothing: its plan is ``run`` with the spec.

    Parameters
    ----------
    run : callable
        ``run(spec, *operands, *outputs)``.
    """
    return lambda spec: partial(run, spec)


def at_each_call(prepare: Callable[..., Plan]) -> Callable[[Any], Plan]:
    """Return the `build` of an algorithm that must see its weights: its plan prepares them in every call.

    Parameters
    ----------
    prepare : callable
        As that of `Algorithm`.
    """
    return lambda spec: lambda x, w, b, y: prepare(spec, w, b, None)(x, y)


def never_refuses(spec: Any) -> None:
    """Return None: the `why_not` of an algorithm that is able to do every problem."""


def no_workspace(spec: Any) -> int:
    """Return 0: the workspace of an algorithm that needs none."""
    return 0


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to compute an op.

    Parameters
    ----------
    op : str
        One of `OPS`.
    name : str
        Unique among the algorithms of the op.
    why_not : callable
        ``spec -> None`` if able, else the reason in words, which follows "refuses: it ...".
    cost : callable
        ``spec -> float``, predicted seconds on this machine, finite and at least 0; or ``None`` if
        unknown: `auto` then takes any other first, but for mode "measure".
    workspace : callable
        ``spec -> int``, bytes needed beyond operands and outputs, at least 0: the most that a call holds
        at once, to within a tenth or 64 KiB, on as many threads as are in force (`jitconv.jit.team`), each
        with its buffers.
    build : callable
        ``spec -> Plan``.
    revision : int
        Raised when speed or numerics change.
    error_class : str
        One of `ERROR_CLASSES`: which bound of `jitconv.testing.bound` holds. ``"winograd"`` and
        ``"fft"`` also spread a NaN or an infinity beyond its window.
    deterministic : bool
        Same bits on every run, whatever the thread count.
    prepare : callable, optional
        Of conv_forward: ``(spec, w, b, activation) -> plan(x, y)``, which holds the weights packed or
        transformed. `w` and `b` (or None) are the plan's own C-contiguous copies, to keep and not to
        change; `activation` is None or one of `ACTIVATIONS`. Like any plan it fills `y` and returns None, or
        returns a tuple of one array, and may be called from several threads at once. Without it a plan
        of `jitconv.plan_conv` is `build`'s, with the activation as a pass over its result.
    prepared_cost : callable, optional
        ``spec -> float``, predicted seconds of a call of such a plan, by which `jitconv.plan_conv`
        chooses: without the work on the weights that `prepare` has done. `cost` by default.
    prepared_workspace : callable, optional
        ``spec -> int``, bytes that such a plan holds and its calls need. `workspace` by default.
    variants : Variants, optional
        The ways that `build` chooses among: `jitconv.explain` names the chosen one, and
        ``algorithm="name/variant"`` forces one; see `of_variants`.
    why_not_weights : callable, optional
        Of an algorithm with `prepare` that takes some weights alone, by their values:
        ``(spec, w, b) -> None`` if it takes these, else the reason in words, as of `why_not`. It is asked
        once for each plan of `jitconv.plan_conv`, after `why_not`, and changes nothing. Such an algorithm
        takes part in plans alone: a call that brings its weights along is refused, for it was chosen before
        they came. `build` is then ``at_each_call(prepare)``, which the conformance kit runs.
    fit_weights : callable, optional
        Goes with `why_not_weights`: ``(spec, w) -> array``, weights like `w` that it takes, in an array of
        their own; whole numbers stay whole. The conformance kit checks the algorithm on them.
    """

    op: str
    name: str
    why_not: Callable[[Any], str | None]
    cost: Callable[[Any], float | None]
    workspace: Callable[[Any], int]
    build: Callable[[Any], Plan]
    revision: int = 1
    error_class: str = "direct"
    deterministic: bool = True
    prepare: Callable[..., Plan] | None = None
    prepared_cost: Callable[[Any], float | None] | None = None
    prepared_workspace: Callable[[Any], int] | None = None
    variants: Variants | None = None
    why_not_weights: Callable[[Any, Any, Any], str | None] | None = None
    fit_weights: Callable[[Any, Any], Any] | None = None

    def __post_init__(self) -> None:
        if self.op not in OPS:
            raise ValueError(f"Algorithm.op must be one of {', '.join(OPS)}; got {self.op!r}")
        own = self.name.partition("/")[0] if isinstance(self.name, str) and self.variants else self.name
        if not (isinstance(own, str) and own.isidentifier()) or own == "auto":
            raise ValueError(
                f"Algorithm.name must be a Python identifier other than 'auto'; got {self.name!r}"
            )
        if self.error_class not in ERROR_CLASSES:
            known = ", ".join(ERROR_CLASSES)
            raise ValueError(f"Algorithm.error_class must be one of {known}; got {self.error_class!r}")
        if self.prepare is not None and self.op != "conv_forward":
            raise ValueError(f"Algorithm.prepare is for conv_forward; got one for {self.op}")
        if (self.why_not_weights is None) != (self.fit_weights is None):
            raise ValueError(
                "Algorithm.why_not_weights and fit_weights must be given together; got one of them"
            )
        if self.why_not_weights is not None and self.prepare is None:
            raise ValueError(
                "Algorithm.why_not_weights needs a prepare, which is given the weights; got prepare=None"
            )

    @classmethod
    def of_variants(cls, op: str, name: str, variants: Variants, **fields: Any) -> Algorithm:
        """Return an algorithm whose plans and workspace are those of its variants.

        Parameters
        ----------
        op, name
            As above.
        variants : Variants
            Of conv_forward, those with `hold` prepare weights.
        **fields
            `why_not`, `cost` and the other fields but `build`, `workspace`, `prepare` and
            `prepared_workspace`. Where the variants know their costs, these are the algorithm's.
        """
        holds = any(one.hold is not None for one in variants.listed)
        if variants.priced:
            fields["cost"] = variants.cost
            fields["prepared_cost"] = variants.held_cost if holds else None
        return cls(
            op,
            name,
            workspace=variants.workspace,
            build=variants.build,
            variants=variants,
            prepare=variants.prepare if holds else None,
            prepared_workspace=variants.held_workspace if holds else None,
            **fields,
        )

    def only(self, name: str) -> Algorithm:
        """Return this algorithm with one of its variants alone, under the name "algorithm/variant".

        Raises
        ------
        LookupError
            When it has no variant of that name.
        """
        if self.variants is None:
            raise LookupError(name)
        kept = self.variants.only(name)
        forced = type(self).of_variants(
            self.op,
            f"{self.name}/{name}",
            kept,
            why_not=lambda spec: self.why_not(spec) or kept.why_not(spec),
            cost=self.cost,
        )
        return replace(
            forced,
            revision=self.revision,
            error_class=self.error_class,
            deterministic=self.deterministic,
            prepared_cost=(
                forced.prepared_cost or self.prepared_cost if forced.prepare is not None else None
            ),
            why_not_weights=self.why_not_weights if forced.prepare is not None else None,
            fit_weights=self.fit_weights if forced.prepare is not None else None,
        )

    def prepared(self, spec: Any, w: Any, b: Any, activation: str | None) -> Plan:
        """Return ``plan(x, y)`` with the weights held: that of `prepare`, or `build`'s if there is none."""
        if self.prepare is not None:
            return self.prepare(spec, w, b, activation)
        return with_weights(self.build(spec), w, b, activation)
