"""The values of lam and of the learning rate at every step of a run."""

import math
from dataclasses import dataclass, replace

import numpy as np

from vvnorm.validation import Array

_LAM_SHARE = 0.9  # part of the first phase after which lam is constant
_HOLD = 0.5  # part of a phase after which the learning rate falls
_LAST_RATE = 1e-3  # learning rate at the end of a phase, relative to that at its beginning


@dataclass(frozen=True, eq=False)
class Schedule:
    """The value of lam, as a multiple of lam_max, and the learning rate at every step, for S runs.

    Attributes
    ----------
    steps : int
        Number of steps.
    whitened : int
        Number of first steps, in the whitened metric with the path norm; may be 0.
    start, end : (S,) arrays
        First and last lam / lam_max.
    lr, last_lr : (S,) arrays
        Learning rates at the beginning of the first phase and, if the first phase is whitened, of the second phase.
    pieces : tuple of (int, float)
        Pairs of a step and a lam / lam_max, which holds from this step to the step of the next pair. If there are pieces,
        start and end are not used.
    levels : int
        Number of equal decrements of log lam, for optimisers whose memory belongs to one objective; 0 means that lam falls
        at every step.
    """

    steps: int
    whitened: int
    start: Array
    end: Array
    lr: Array
    last_lr: Array
    pieces: tuple[tuple[int, float], ...] = ()
    levels: int = 0

    @property
    def annealed(self) -> int:
        """Length of the first phase."""
        return self.whitened or self.steps

    def twice(self) -> "Schedule":
        """Return the schedule with every run twice in a row."""
        start, end, lr, last_lr = (np.repeat(values, 2) for values in (self.start, self.end, self.lr, self.last_lr))
        return replace(self, start=start, end=end, lr=lr, last_lr=last_lr)

    def ratio(self, step: int) -> Array:
        """Return lam / lam_max, (S,): geometric over the first 90 % of the first phase, then constant."""
        if self.pieces:
            return np.full(len(self.end), next(ratio for first, ratio in reversed(self.pieces) if first <= step))
        if np.array_equal(self.start, self.end):  # zero included
            return self.end
        ratio: Array = self.start * (self.end / self.start) ** self._descent(step)
        return ratio

    def jumps(self, step: int) -> bool:
        """Return whether lam jumps at this step; the same for all runs."""
        if self.pieces:
            return any(first == step for first, _ in self.pieces)
        return self.levels > 0 and self._descent(step) != self._descent(step - 1)

    def _descent(self, step: int) -> float:
        done = min(1.0, step / (_LAM_SHARE * self.annealed))
        return math.floor(done * self.levels) / self.levels if self.levels else done

    def rate(self, step: int) -> Array:
        """Return the learning rates, (S,): in each phase constant for the first half, then a cosine to nearly zero."""
        if step < self.annealed:
            lr, done = self.lr, step / self.annealed
        else:
            lr, done = self.last_lr, (step - self.annealed) / (self.steps - self.annealed)
        fall = max(0.0, (done - _HOLD) / (1 - _HOLD))
        return lr * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * fall)) / 2)
