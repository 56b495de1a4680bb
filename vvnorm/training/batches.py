"""Mini-batches: the rows of the data that each step of training uses."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Batches:
    """Mini-batches without replacement: every epoch goes through the rows in a new random order.

    The order depends only on the run's seed and the epoch. Rows at the end of an epoch that do not fill a batch are left
    out of that epoch.

    Parameters
    ----------
    n : int
        Number of rows.
    size : int
        Rows in a batch, at most n.
    seeds : sequence of S int
        One for each run.
    """

    def __init__(self, n: int, size: int, seeds: Sequence[int]) -> None:
        self.n, self.size, self.seeds = n, size, tuple(seeds)
        self.per_epoch = n // size
        self._epoch = -1  # the epoch of self._orders
        self._orders = np.empty((len(self.seeds), 0), np.int32)

    def rows(self, step: int) -> NDArray[np.int64]:
        """Return the rows of a step, shape (S, size)."""
        epoch, turn = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._orders = np.stack([self._order(seed, epoch).astype(np.int32) for seed in self.seeds])
        return self._orders[:, turn * self.size : (turn + 1) * self.size].astype(np.int64)

    def epoch_rows(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return the rows of all batches of one run's epoch, shape (batches, size)."""
        return self._order(seed, epoch)[: self.per_epoch * self.size].reshape(self.per_epoch, self.size)

    def _order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([seed, epoch, 1]).permutation(self.n)
