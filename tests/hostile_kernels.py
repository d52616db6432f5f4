"""Kernels that hang, die, or take all memory, each at one place; another process loads them by their name."""

import os
import threading
import time
from dataclasses import dataclass

import numpy as np

from jitconv import Algorithm, hookimpl
from jitconv.algorithms.naive import window


@dataclass(frozen=True)
class Hostile:
    """A plugin of one algorithm of create_mask, `mine`, that does what `how` says."""

    how: str

    @hookimpl
    def jitconv_algorithms(self):
        """Return it."""
        return [Algorithm("create_mask", "mine", self.why_not, self.cost, lambda spec: 0, self.build)]

    def why_not(self, spec):
        """Refuse nothing."""
        if self.how == "hangs in why_not" and spec.h == 2:
            time.sleep(60)

    def cost(self, spec):
        """Say some seconds."""
        if self.how == "ends in cost":
            os._exit(7)
        return 1e-5 * (1 + spec.n)

    def build(self, spec):
        """Return naive's plan, and what is wrong with it."""

        def plan(x, marked):
            elsewhere = threading.current_thread() is not threading.main_thread()
            if self.how == "aborts in a thread" and elsewhere:
                os.abort()
            if self.how == "hangs on NaN in Fortran's order" and np.isnan(x).any():
                time.sleep(60)
            if self.how == "takes all memory":
                taken = [np.ones(2**24, np.uint8)]
                while len(taken) < 2**12:  # 64 GiB
                    taken.append(np.ones(2**24, np.uint8))
            window.mask(spec, x, marked)

        return plan
