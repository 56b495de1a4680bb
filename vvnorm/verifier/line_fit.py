"""Regularised fits of one input: the bound on their objective, and how it is verified.

The objective of a network f is

    P(f) = sum over present entries of omega_it loss_t(f_t(x_i), y_it) + lam VV(f).

A dual array R (N, T) bounds it for all networks. Let R be orthogonal to 1 and, with a skip connection, to x, let it be 0 on
missing entries, and let -R / omega be where the conjugate of the loss is finite. The pairing of a neuron with R is at most
|w| ||v|| max ||Z||, where Z(a) = sum_j R_j relu(x_j - a), so if ||Z|| <= lam everywhere, then for every g

    P(g) >= sum omega loss(g) + sum <R_i, g(x_i)> >= -sum omega loss*(-R / omega).

Z is linear between data points, and by the orthogonality Z(a) = sum_j R_j relu(a - x_j); without a skip connection both are
bounded. The gap of f is a sum of terms that are not negative:

    gap = sum [omega loss(u) + omega loss*(-R / omega) + R u] + lam VV(f) - sum over kinks <jump of slope, Z(kink)>.

*The dual array.* Unless R is given, it begins as -omega loss'(u), which is optimal at an optimum of a smooth loss. Then
phi (alpha + beta x) is subtracted to make it orthogonal to affine functions, where phi >= 0 is how far an entry can move
inside its domain. R is scaled until ||Z|| <= lam. Where an output would leave its domain, its R is 0, which proves that its
losses are not negative.

*Arrays at the ends of their domain.* phi is 0 where an entry lies at an end of its domain. All entries may lie there, for
instance those of Huber's loss if no label is within delta of the function. Then no entry can absorb the rounding errors of
the sums that must vanish. Therefore R is replaced by s R with s = 1 - 2^-30. Domains are intervals that contain 0, so s R
lies in them, at a distance of 2^-30 of its entry from every end but 0. The constraints are linear and homogeneous, so s R
meets them where R does, up to rounding that phi > 0 absorbs as above. It costs 2^-30 of the bound at most.

*Rounding.* Sums with cancellation are double-doubles. So the computed R is orthogonal up to about 1e-30. The bound is about
R - phi (alpha' + beta' x), where alpha' and beta' are never computed; `drift` bounds |alpha' + beta' x| over the data. The
largest effect of drift on Z and on the gap is added to the gap, and so are all other rounding errors.

*Objectives that are at most rounding.* Labels on a line lie there only up to rounding. Then the objective of the line is a
sum of squared rounding errors. No digit of this sum is known, nor of a gap relative to it. Let

    F_t = sum_i omega_it max loss_t(y_it + e, y_it) over |e| <= rounding of output t's labels

(`vvnorm.losses.rounding_losses`; it depends on labels, weights and losses alone). This is the largest loss of output t of
an exact affine function if only rounding separates the labels from it. If the loss of f in each output, plus lam VV(f), is
at most F_t,

    sum_i omega_it loss_t(f_t(x_i), y_it) + lam VV(f) <= F_t    for all t,

then the gap is set to 0. This proves 0 <= P(g) for all networks g and P(f) <= sum F_t: no network is better than f by more
than rounding of the labels explains. Each output has its own F_t, so large labels of one output do not excuse another
output. In all other cases F_t plays no part.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.threads import share
from vvnorm.float64 import Rows, as_rows, dual_rows
from vvnorm.losses import Loss, label_power
from vvnorm.network import ReLUNetwork
from vvnorm.piecewise import PiecewiseLinear
from vvnorm.tolerances import EPS
from vvnorm.validation import Array, as_positive
from vvnorm.verifier.arithmetic import fixed, power_of_two, scaled, vv_norm
from vvnorm.verifier.certificates import FitRecord
from vvnorm.verifier.fits import DRIFT_ALLOWED, INSIDE, MARGIN_USED, dual_of_shape, is_label_rounding, read_labels
from vvnorm.verifier.line_fit_blocks import BlockSums, Response, are_worth_it
from vvnorm.verifier.units import SAFE, Units

_BLOCK = 1 << 18  # label entries handed to compiled code at once
_LANES = 32  # labels whose magnitudes are compared at once
_FOLLOWED = 1 << 10  # entries that compiled code follows at once: they stay in the fastest cache
_TINY = 2.0**-100  # a few roundings of a double-double
_LOST = 2.0**-1060  # bound on the sum of all products that underflow, in units of about 1
_NUDGES = 40
_SHRINK = 1 - 2.0**-30
_DAMPING = 1e-12
_SAFE_IN_BLOCKS = SAFE / 2**7  # the largest labels are known up to a factor of 64
_CLEAR, _SHARE_OF_GAP = 2.0**-42, 2.0**-10  # shares of objective and gap up to which rounding of block sums is accepted


def judge_fit(
    function: ReLUNetwork | PiecewiseLinear,
    inputs: Array,
    Y: ArrayLike,
    lam: float,
    *,
    loss: str | Loss | Sequence[str | Loss],
    weights: ArrayLike | None,
    skip: bool,
    dual: Rows | ArrayLike | None,
) -> FitRecord:
    """Judge a regularised fit of one input, `inputs` (N, 1); see `vvnorm.verifier.check.certify_fit`."""
    labels, shares, losses = read_labels(function, Y, len(inputs), loss, weights)
    strength = as_positive(lam)
    given = None if dual is None else dual_of_shape(dual, labels.shape)
    fit, judged = _judged(function, inputs[:, 0], labels, shares, strength, losses, skip, given)
    data = fit.data
    objective = judged.loss + judged.penalty
    lower = max(0.0, objective * (1 - (labels.shape[1] + 64) * EPS) - judged.slack - judged.gap)
    value = data.units.objective(objective)
    if not math.isfinite(value) or math.isnan(judged.gap):
        raise ValueError("the objective leaves the range of float64; rescale X, Y or weights")
    return FitRecord(
        objective=value,
        loss=data.units.objective(judged.loss),
        vv_norm=fit.vv_norm,
        lower_bound=data.units.objective(lower),
        gap=0.0 if fit.is_rounding(judged) else min(float(judged.gap) / objective, 1.0),  # 0 is a lower bound, too
        lam=strength,
        losses=losses,
        skip=skip,
        dual=given,
    )


def _judged(
    function: ReLUNetwork | PiecewiseLinear,
    x: Array,
    labels: Array,
    shares: Array | None,
    lam: float,
    losses: tuple[Loss, ...],
    skip: bool,
    given: Rows | None,
) -> "tuple[_Fit, _Judged]":
    """Judge by sums over blocks if the data allow it, and their rounding is negligible; else entry by entry."""
    plain = bool(skip) and shares is None and given is None and all(loss.name == "squared" for loss in losses)
    kinks = function.n_neurons if isinstance(function, ReLUNetwork) else len(function.knots)
    if plain and are_worth_it(x, labels, kinks):
        fit = _Fit(function, _Data(x, labels, None, None, losses, surveyed=False), lam, losses, skip)
        judged = fit.judge_in_blocks() if fit.data.order is None and fit.reach > 0 else None
        if judged is not None:
            clear = max(_CLEAR * (judged.loss + judged.penalty), _SHARE_OF_GAP * judged.gap)
            if judged.rounding <= clear < math.inf:
                return fit, judged
    fit = _Fit(function, _Data(x, labels, shares, given, losses), lam, losses, skip)
    return fit, fit.judge()


def output_losses(
    function: ReLUNetwork | PiecewiseLinear,
    inputs: Array,
    Y: ArrayLike,
    loss: str | Loss | Sequence[str | Loss],
    weights: ArrayLike | None,
) -> tuple[Array, Array]:
    """Return weighted sums of losses of each output, for one input; see `vvnorm.verifier.check.output_losses`."""
    labels, shares, losses = read_labels(function, Y, len(inputs), loss, weights)
    data = _Data(inputs[:, 0], labels, shares, None, losses)
    bounds = _Fit(function, data, None, losses, True).output_losses()
    lost, at_most = (np.array([data.units.objective(value) for value in sums]) for sums in bounds)
    return lost, np.where(np.isfinite(lost), at_most, np.inf)


class _Data:
    """Rows in the order of x, block by block, in units of powers of two in which no product leaves float64.

    If they are not `surveyed`, no label is read, and the labels are taken as complete and of a safe size.
    """

    def __init__(
        self,
        x: Array,
        Y: Array,
        weights: Array | None,
        dual: Rows | None,
        losses: Sequence[Loss],
        surveyed: bool = True,
    ) -> None:
        self.order = None if bool(np.all(x[1:] >= x[:-1])) else np.argsort(x, kind="stable")
        self.x = x if self.order is None else x[self.order]
        self.Y, self.weights, self.shape = Y, weights, Y.shape
        self.block_rows = min(len(x), max(16, _BLOCK // Y.shape[1]))
        self.dual: Any = dual if dual is None or self.order is None else as_rows(dual)
        self.largest, missing = self._survey() if surveyed else (np.zeros(Y.shape[1]), np.zeros(Y.shape[1]))
        self.uniform = not missing.any() and weights is None  # all outputs have the same weights
        power = label_power(losses)
        self.units = Units(
            x=power_of_two(float(max(self.x[-1], -self.x[0])), SAFE),
            y=power_of_two(float(self.largest.max()), SAFE) if power else 1.0,
            w=1.0 if weights is None else power_of_two(float(weights.max()), SAFE),
            power=power,
        )
        self.x = self.x / self.units.x if self.units.x != 1 else self.x
        self.largest = self.largest / self.units.y
        self.total = len(x) - missing if weights is None else self._total_weights()

    def _survey(self) -> tuple[Array, Array]:
        """Return the largest |label| of each output, and the number of its missing labels, (T,) each."""
        from vvnorm.verifier import line_fit_kernels as kernel

        T, parts = self.shape[1], -(-self.shape[0] // self.block_rows)
        lanes = T * max(1, _LANES // T)  # compiled code uses vectors across several rows if there are few outputs
        largest, missing = np.zeros((parts, lanes)), np.zeros((parts, lanes))

        def some(first: int, last: int) -> None:
            for k in range(first, last):
                rows = fixed(self.Y[k * self.block_rows : (k + 1) * self.block_rows])
                kernel.survey(rows.reshape(-1), largest[k], missing[k])

        share(some, parts)
        return largest.reshape(-1, T).max(axis=0), missing.reshape(-1, T).sum(axis=0)

    def _total_weights(self) -> Array:
        total = np.zeros(self.shape[1])
        for rows in self.blocks():
            total += np.sum(np.where(np.isnan(rows.Y), 0.0, rows.weights), axis=0)
        return total

    def blocks(self) -> Iterator[Any]:
        """Blocks of rows for the kernel."""
        from vvnorm.verifier import line_fit_kernels as kernel

        n = self.shape[0]
        for start in range(0, n, self.block_rows):
            rows = slice(start, min(start + self.block_rows, n))
            chosen: Any = rows if self.order is None else self.order[rows]
            x = self.x[rows]
            weights = np.ones((len(x), 1)) if self.weights is None else self.weights[chosen] / self.units.w
            Y = self.Y[chosen] if self.units.y == 1 else self.Y[chosen] / self.units.y
            dual = np.empty((len(x), 0))
            if self.dual is not None:
                dual = self.units.dual(dual_rows(self.dual, chosen))
                if not np.isfinite(dual).all():
                    raise ValueError("dual holds NaN or infinity")
            yield kernel.FitRows(fixed(x), fixed(Y), fixed(weights), fixed(dual))

    def ranges(self) -> tuple[Array, Array]:
        """Return the least and the largest label with a weight, (T,) each."""
        low, high = np.full(self.shape[1], np.inf), np.full(self.shape[1], -np.inf)
        for rows in self.blocks():
            Y = np.where(rows.weights > 0, rows.Y, np.nan)
            low, high = np.fmin(low, np.fmin.reduce(Y)), np.fmax(high, np.fmax.reduce(Y))
        return low, high


@dataclass(frozen=True)
class _Judged:
    """Parts of an objective, its gap, and its rounding, in the data's units.

    `outputs` (T,) are bounds from above on the losses of each output. `rounding` is the part of the gap that more exact
    sums would make smaller.
    """

    loss: float
    penalty: float
    gap: float
    slack: float
    rounding: float
    outputs: Array


@dataclass(frozen=True)
class _Projection:
    """The affine function subtracted from the dual array, (T,) each, and the sums from which it is computed.

    Attributes
    ----------
    alpha, beta
        phi (alpha + beta (x - centre)) is subtracted.
    first
        About sum R x afterwards; 0 with a skip connection.
    mean
        About the mean of x under phi.
    gram : (3, T) array
        Sums of phi, phi (x - mean), phi (x - mean)^2.
    single
        Whether R is 0 except at one x; it must then be orthogonal to constants only.
    moments : (2, T) array
        Sums of R and R (x - centre) before.
    totals : (7, T) array
        Sums of squared losses, with their low parts, and in row 4 twice those of |residuals|; zero for other losses.
    """

    alpha: Array
    beta: Array
    first: Array
    mean: Array
    gram: Array
    single: NDArray[np.bool_]
    moments: Array
    totals: Array


@dataclass(frozen=True)
class _Pairing:
    """A lower bound on <R, function>, upper bounds on ||Z|| and on drift, (T,), and the rounding in the bound on ||Z||."""

    value: float
    norm: float
    drift: Array
    unsure: float


class _Fit:
    """A function on a data set, and the passes over its rows."""

    def __init__(
        self, function: ReLUNetwork | PiecewiseLinear, data: _Data, lam: float | None, losses: Sequence[Loss], skip: bool
    ) -> None:
        self.data, self.skip, self.shrink = data, skip, 1.0
        self.reach = float(data.x[-1] - data.x[0])
        self.centre = float(data.x[0] / 2 + data.x[-1] / 2)
        self.lam = math.nan if lam is None else data.units.strength(lam)
        self.losses = losses = data.units.losses(losses)
        self.plain = data.dual is None and all(loss.name == "squared" for loss in losses)
        self.blocks: BlockSums | None = None
        self.codes = np.array([loss.code for loss in losses])
        self.parameters = np.array([loss.parameter for loss in losses])
        self.regression = np.array([float(loss.name not in ("logistic", "hinge")) for loss in losses])
        self.bounded = np.array([loss.name != "squared" for loss in losses])
        # A larger affine function would move the dual array out of its domain.
        self.steepest = np.array([{"huber": loss.parameter, "squared": np.inf}.get(loss.name, 1.0) for loss in losses])
        self.limit = MARGIN_USED * self.steepest
        if isinstance(function, ReLUNetwork):
            self._begin_network(function)
        else:
            self._begin_pieces(function)

    # --- the function ---

    def _begin_network(self, network: ReLUNetwork) -> None:
        from vvnorm.verifier import line_fit_kernels as kernel

        data = self.data
        x_unit, y_unit = data.units.x, data.units.y
        # Neuron by neuron: w x + b = x_unit (w x' + b / x_unit), and that factor goes to v.
        w, b = fixed(network.W[:, 0]), fixed(network.b / x_unit)
        V = fixed(scaled(network.V, x_unit, y_unit).T)
        A, c = scaled(network.A[:, 0], x_unit, y_unit), scaled(network.c, 1.0, y_unit)
        self.begin = self._blank()
        kernel.begin_network(w, b, V, A, c, data.x[0], self.reach, self.begin)
        high, low = np.empty(len(b)), np.empty(len(b))
        kernel.kinks(w, b, data.x[0], high, low)
        order = np.lexsort((low, high))
        order = order[np.isfinite(high[order])]
        at = np.append(high[order], np.inf)
        self.curve = kernel.Curve(fixed(w[order]), fixed(b[order]), fixed(V[order]), fixed(at))
        self.vv_norm = vv_norm(network)
        self.scaled_norm = float(scaled(np.array(self.vv_norm), x_unit, y_unit))

    def _begin_pieces(self, function: PiecewiseLinear) -> None:
        from vvnorm.verifier import line_fit_kernels as kernel

        data = self.data
        knots, values = function.knots / data.units.x, function.values / data.units.y
        if not np.all(knots[1:] > knots[:-1]):
            raise ValueError("knots span more orders of magnitude than float64 can hold in one unit; rescale X")
        at = np.append(knots[:-1], np.inf)
        self.curve = kernel.Curve(fixed(np.empty(0)), fixed(knots), fixed(values), fixed(at))
        self.begin = self._blank()
        kernel.begin_pieces(self.curve, data.x[0], self.reach, self.begin)
        self.scaled_norm = float(kernel.slope_variation(self.curve))
        self.vv_norm = float(scaled(np.array(self.scaled_norm), data.units.y, data.units.x))

    def _blank(self) -> Any:
        from vvnorm.verifier import line_fit_kernels as kernel

        T = self.data.shape[1]
        return kernel.Line(np.zeros(2), np.zeros((2, T)), np.zeros((2, T)), np.zeros(T))

    def _first_piece(self) -> Any:
        from vvnorm.verifier import line_fit_kernels as kernel

        return kernel.Line(*(part.copy() for part in self.begin))

    def _walk(
        self, step: int, spec: Any, *, theta: float = 1.0, hard: bool = False, first: Array | None = None
    ) -> tuple[Any, Any]:
        """Follow the function through the data; return the sums, and the piece at the end."""
        from vvnorm.verifier import line_fit_kernels as kernel

        T = self.data.shape[1]
        size = min(self.data.block_rows, max(4, _FOLLOWED // T))
        line = self._first_piece()
        block = kernel.Block(
            np.empty((2, size, T)),
            np.empty((2, size, T)),
            np.empty((size, T)),
            np.empty((size, T)),
            np.empty(size, np.intp),
        )
        sums = kernel.Sums(
            total=np.zeros((2, 2, T)),
            powers=np.zeros((3, 2, 1 if self.plain and self.data.uniform else T)),
            support=np.repeat([[np.inf], [-np.inf]], T, axis=1),
            first=np.empty(0) if first is None else first,
            last=np.array([self.data.x[0], self.begin.place[1]]),
            S=np.zeros((2, T)),
            Z=np.zeros((2, T)),
            size=np.zeros(T),
            paired=np.zeros(5),
            gap=np.zeros((7, T)),
        )
        frame = kernel.Frame(self.plain, hard, 1.0 if hard else self.shrink, self.reach, self.centre)
        for rows in self.data.blocks():
            if self.plain and step != kernel.GAPS:
                kernel.walk_plain(step, rows, self.curve, line, spec, frame, block, sums)
            else:
                kernel.walk(step, rows, self.curve, line, spec, frame, theta, block, sums)
        return sums, line

    # --- the passes ---

    def judge_in_blocks(self) -> _Judged | None:
        """Judge with one pass over blocks of rows; None if a label is missing, or too large or small.

        Of functions of squared losses, with a skip connection. See `vvnorm.verifier.line_fit_blocks`.
        """
        data = self.data
        with np.errstate(over="ignore", invalid="ignore"):
            self.blocks = BlockSums(data.x, data.Y, self.curve, self._first_piece(), self.centre)
            data.largest = self.blocks.largest
            if not (np.isfinite(self.blocks.total).all() and 1 / _SAFE_IN_BLOCKS < data.largest.max() < _SAFE_IN_BLOCKS):
                return None
            return self._judge(np.zeros((2, data.shape[1])))[0]

    def judge(self) -> _Judged:
        """Make the dual array, scale it until it is feasible, and sum its gap.

        If an output's dual array became 0, or moved far, the closest orthogonal array is tried as well. It is made a little
        smaller, to keep a margin at the far ends of its domain.
        """
        no_shift = np.zeros((2, self.data.shape[1]))
        with np.errstate(over="ignore", invalid="ignore"):  # an overflow proves nothing
            judged, improvable, single = self._judge(no_shift)
            if improvable.any():
                shift = self._nudge(improvable, single)
                self.shrink = _SHRINK
                judged = min(judged, self._judge(shift)[0], key=lambda judgement: judgement.gap)
        return judged

    def is_rounding(self, judged: _Judged) -> bool:
        """Whether the objective is 0, or at most the rounding of the labels, as the module's docstring defines it."""
        if judged.loss + judged.penalty == 0:
            return True
        size, total, sums = self.data.largest, self.data.total, (self.losses, judged.outputs, judged.penalty)
        # Ranges are read from the labels only if the largest labels, which are known, do not rule it out.
        return is_label_rounding(*sums, -size, size, total) and is_label_rounding(*sums, *self.data.ranges(), total)

    def _judge(self, shift: Array) -> tuple[_Judged, NDArray[np.bool_], NDArray[np.bool_]]:
        """Judge the dual array minus `shift`.

        Return also for which outputs the closest array may give a better bound, and which have a single x.
        """
        from vvnorm.verifier import line_fit_kernels as kernel

        T = self.data.shape[1]
        projection = self._projection(shift)
        at_ends = np.abs([projection.alpha + projection.beta * (end - self.centre) for end in self.data.x[[0, -1]]])
        largest = at_ends.max(axis=0)
        keep = (largest <= self.limit).astype(np.float64)
        while True:
            spec = self._spec(shift, projection, keep)
            given = projection.first * keep
            response, piece = self._response(spec, projection, given)
            pairing = self._pairing(response, projection, given, piece.slope.sum(axis=0))
            drift, norm = pairing.drift, pairing.norm
            lost = ~(drift <= np.where(self.bounded, DRIFT_ALLOWED * self.limit, np.finfo(float).max)) & (keep > 0)
            if not lost.any():
                break
            keep[lost] = 0.0
        most = INSIDE if self.bounded.any() else 1.0
        theta = most if norm * most <= self.lam else min(most, self.lam / norm * (1 - 4 * EPS))
        if self.plain:
            totals = projection.totals.copy()
            # (off + theta r)^2 / 2 for r = -off - a, added up, is the first line and theta times the second; a is affine.
            away, used = 1.0 - theta, keep > 0
            totals[2] = np.where(used, away * away, 1.0) * (totals[0] + totals[1])
            totals[3] = np.where(used, theta * self._affine_part(projection, theta, largest), 0.0)
            totals[4] += projection.gram[0] * largest
            totals[5], totals[6] = totals[4], projection.gram[0]
        else:
            totals = self._walk(kernel.GAPS, spec, theta=theta)[0].gap
        loss = math.fsum(totals[:2].ravel())
        penalty = self.lam * self.scaled_norm
        off = self._value_error(piece) + response.value_error
        # Where u is off by e, a loss and what theta R leaves open are off by at most (slope + min(e, steepest)) e.
        slack = float(totals[5] @ off + 4 * self.data.total @ (off * np.minimum(off, self.steepest)))
        slack += (float(self.data.total.sum()) + self.data.Y.size) * _LOST
        drifted = float(totals[4] @ drift + 16 * totals[6] @ drift**2)
        entry_gaps = math.fsum(totals[2:4].ravel()) * (1 + 2.0**-42) + slack + drifted + 2.0**-60 * (loss + penalty)
        paired = theta * pairing.value
        kink_gaps = penalty * (1 + (T + 64) * EPS) - paired + 4 * EPS * abs(paired)
        moved = largest > 1e-6 * self.limit if self.data.dual is not None else np.zeros(T, dtype=np.bool_)
        outputs = self._losses_at_most(totals, off)
        improvable = self.bounded & ((keep == 0) | moved)
        rounding = slack + drifted + 2 * pairing.unsure * self.scaled_norm
        if theta < most:  # the dual array had to be scaled down
            rounding += response.norm_error / self.lam * (penalty + 2 * (1 - theta) * loss)
        return _Judged(loss, penalty, entry_gaps + kink_gaps, slack, rounding, outputs), improvable, projection.single

    def _value_error(self, piece: Any) -> Array:
        """Bound how far computed values of the function are off, (T,); `piece` is the last one."""
        sizes = piece.size + self.data.largest + (1 - self.regression)
        doubt: Array = (4 * len(self.curve.b) + 64) * _TINY * sizes + _LOST
        return doubt

    def _losses_at_most(self, totals: Array, off: Array) -> Array:
        """Bound the losses of each output from above, (T,), by sums and sensitivities `totals` of values off by `off`."""
        moved = totals[5] * off + 4 * self.data.total * off * np.minimum(off, self.steepest)
        lost = (self.data.total + self.data.shape[0]) * _LOST
        bound: Array = (totals[0] + totals[1]) * (1 + 2.0**-42) + moved + lost
        return bound

    def output_losses(self) -> tuple[Array, Array]:
        """Return the losses of each output, and upper bounds on them, (T,) each."""
        from vvnorm.verifier import line_fit_kernels as kernel

        zero = np.zeros(self.data.shape[1])
        blank = _Projection(zero, zero, zero, zero, np.zeros((3, len(zero))), zero > 0, zero, zero)
        with np.errstate(over="ignore", invalid="ignore"):
            sums, piece = self._walk(kernel.GAPS, self._spec(np.zeros((2, len(zero))), blank, zero), theta=0.0)
            return sums.gap[0] + sums.gap[1], self._losses_at_most(sums.gap, self._value_error(piece))

    def _affine_part(self, projection: _Projection, theta: float, largest: Array) -> Array:
        """Bound the sum of (1 - theta) R a + theta omega a^2 / 2, a = alpha + beta (x - centre), |a| <= `largest`."""
        p, cross, spread = projection.gram
        alpha, beta = projection.alpha, projection.beta
        parts = np.array([alpha, beta]) * projection.moments
        middle = alpha + beta * (projection.mean - self.centre)
        square = p * middle * middle + 2.0 * np.abs(cross * middle * beta) + spread * beta * beta
        paired = parts.sum(axis=0) + 8 * EPS * np.abs(parts).sum(axis=0)
        bound: Array = (1.0 - theta) * paired + 0.5 * theta * square
        return bound + 16 * EPS * p * largest * largest

    def _nudge(self, wanted: NDArray[np.bool_], single: NDArray[np.bool_]) -> Array:
        """Return, for some outputs, the shift after which the clipped dual array is orthogonal to affine functions.

        Without a skip connection, or for outputs with a `single` x, it is orthogonal to constants, and the shift is one.
        It is the projection to the closest such array, by damped Newton steps in two variables. Entries at the ends of
        their domains, which `_projection` cannot move, may leave these ends.
        """
        from vvnorm.verifier import line_fit_kernels as kernel

        shift, zero = np.zeros((2, len(wanted))), np.zeros(len(wanted))
        blank = _Projection(zero, zero, zero, zero, np.zeros((3, len(wanted))), zero > 0, zero, zero)
        lever = self.reach * self.reach / 4 if self.reach > 0 else 1.0  # of one distinct input there is no moment
        metric = np.array([self.data.total, self.data.total * lever])
        damping = np.where(wanted, _DAMPING, np.inf)
        trial, least = shift, np.full(len(wanted), np.inf)
        slope, curvature = np.zeros((2, len(wanted))), np.zeros((3, len(wanted)))
        for _ in range(_NUDGES):
            sums = self._walk(kernel.MOMENTS, self._spec(trial, blank, np.ones(len(wanted))), hard=True)[0]
            force = sums.total.sum(axis=1)
            force[1, single | (not self.skip)] = 0.0
            size = (force * force / metric).sum(axis=0)
            better = wanted & (size < least)
            shift = np.where(better, trial, shift)
            slope, curvature = np.where(better, force, slope), np.where(better, sums.powers.sum(axis=1), curvature)
            least = np.where(better, size, least)
            damping = np.where(better, np.maximum(damping * 0.01, _DAMPING), damping * 100)
            wanted = wanted & (damping < 1e4) & (least > 0)
            if not wanted.any():
                break
            a, c = curvature[0] + damping * metric[0], curvature[2] + damping * metric[1]
            b = np.where(single | (not self.skip), 0.0, curvature[1])
            with np.errstate(invalid="ignore", over="ignore"):
                step = np.array([c * slope[0] - b * slope[1], a * slope[1] - b * slope[0]]) / (a * c - b * b)
            trial = np.where(wanted, shift + step, shift)
        return shift

    def _spec(self, shift: Array, projection: _Projection, keep: Array) -> Any:
        from vvnorm.verifier import line_fit_kernels as kernel

        return kernel.Spec(self.codes, self.parameters, self.regression, shift, projection.alpha, projection.beta, keep)

    def _projection(self, shift: Array) -> _Projection:
        """Return the affine function whose subtraction makes the dual array orthogonal to affine functions."""
        from vvnorm.verifier import line_fit_kernels as kernel

        T, zero = self.data.shape[1], np.zeros(self.data.shape[1])
        blank = _Projection(zero, zero, zero, zero, np.zeros((3, T)), zero > 0, zero, zero)
        sums: Any = self.blocks or self._walk(kernel.MOMENTS, self._spec(shift, blank, np.ones(T)))[0]
        if not (np.isfinite(sums.total).all() and np.isfinite(sums.powers).all()):
            raise ValueError("the function's values leave the range of float64; rescale X, Y or weights")
        shared = self.plain and self.data.uniform
        powers = np.broadcast_to(sums.powers, (3, 2, T))
        single = np.full(T, self.reach == 0) if shared else ~(sums.support[0] < sums.support[1])
        least = (self.data.shape[0] + 16) * 2.0**-90 * self.reach * self.reach
        spreads = [_spread(powers[:, :, t], self.centre) for t in range(1 if shared else T)]
        spreads *= T // len(spreads)
        parts = [_solve(sums.total[:, :, t], spreads[t], self.skip and not single[t], least) for t in range(T)]
        alpha, beta, first, mean, *gram = np.array(parts).T.copy()
        moments = sums.total.sum(axis=1)
        return _Projection(alpha, beta, first * (not self.skip), mean, np.array(gram), single, moments, sums.gap)

    def _response(self, spec: Any, projection: _Projection, given: Array) -> tuple[Response, Any]:
        """Return the response of neurons to the dual array, and the function's last piece."""
        from vvnorm.verifier import line_fit_kernels as kernel

        if self.blocks is not None:
            return self.blocks.respond(projection.alpha, projection.beta, self.lam), self.blocks.line
        sums, line = self._walk(kernel.PAIRINGS, spec, first=None if self.skip else given)
        n, T = self.data.shape
        response = Response(
            S=sums.S.sum(axis=0),
            Z=sums.Z.sum(axis=0),
            size=sums.size,
            error=(n + 16) * (_TINY * sums.size + _LOST),
            value_error=np.zeros(T),
            # Products may have underflowed.
            norm=math.sqrt(max(sums.paired[0], sums.paired[1]) + T * _LOST) * (1 + (T + 4) * EPS),
            norm_error=0.0,  # sums in double-doubles
            paired=sums.paired,
        )
        return response, line

    def _pairing(self, response: Response, projection: _Projection, given: Array, slope: Array) -> _Pairing:
        """Bound the pairing of the function with R; `slope` (T,) is that of its last piece."""
        T, totals, error = self.data.shape[1], response.paired, response.error
        first = -response.Z if not self.skip else np.zeros(T)
        drift = self._drift(projection, response.S, response.Z, error)
        drift[response.size == 0] = 0.0
        with np.errstate(invalid="ignore", over="ignore"):
            unsure = float(np.linalg.norm(error * self.reach + drift * projection.gram[0] * self.reach))
            norm = response.norm + unsure
            if not self.skip:
                norm += float(np.linalg.norm(first - given)) + 4 * EPS * float(np.linalg.norm(given))
            rounding = (T + 16) * EPS * (totals[4] + float(np.abs(first) @ np.abs(slope)))
            rounding += unsure * (
                self.scaled_norm * (1 + (T + 64) * EPS) + (0 if self.skip else float(np.linalg.norm(slope)))
            )
            rounding += (self.scaled_norm + len(self.curve.b) * T) * _LOST
        return _Pairing(float(totals[2] + totals[3] + first @ slope) - rounding, norm, drift, unsure)

    def _drift(self, projection: _Projection, S: Array, Z: Array, error: Array) -> Array:
        """Bound |alpha' + beta' x| over the data, the affine function that exact arithmetic would still subtract."""
        p, cross, square = np.abs(projection.gram)
        x = self.data.x
        zeroth = np.abs(S) + error
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            constant = zeroth / p
            if not self.skip:
                return 1.001 * constant
            far = np.maximum(np.abs(x[-1] - projection.mean), np.abs(x[0] - projection.mean))
            first = np.abs(x[-1] - projection.mean) * zeroth + np.abs(Z) + error * self.reach
            determinant = p * square - cross * cross
            alpha, beta = (zeroth * square + cross * first) / determinant, (p * first + cross * zeroth) / determinant
            both = np.where(determinant > p * square / 2, alpha + beta * far, np.inf)
        return 1.001 * np.where(projection.single, constant, both)


@dataclass(frozen=True)
class _Spread:
    """Exact sums of phi (x - centre)^j, j = 0, 1, 2, `centre`, and the sums of phi (x - mean)^j, j = 1, 2, mean rounded."""

    p: Fraction
    px: Fraction
    pxx: Fraction
    centre: float
    mean: float
    cross: Fraction
    square: Fraction


def _spread(powers: Array, centre: float) -> _Spread:
    """Read sums of phi (x - centre)^j, (3, 2), double-double."""
    p, px, pxx = (Fraction(high) + Fraction(low) for high, low in powers.tolist())
    mean = centre + float(px / p) if p > 0 else centre
    d = Fraction(mean) - Fraction(centre)
    return _Spread(p, px, pxx, centre, mean, px - d * p, pxx - 2 * d * px + d * d * p)


def _solve(sums: Array, spread: _Spread, linear: bool, least: float) -> tuple[float, ...]:
    """Find alpha and beta with R - phi (alpha + beta (x - centre)) orthogonal to 1 and, if `linear`, to x.

    Parameters
    ----------
    sums : (2, 2) array
        sum R and sum R (x - centre), double-double.
    spread : _Spread
    linear : bool
    least : float
        A variance of x below it is rounding.

    Returns
    -------
    alpha, beta, sum R x afterwards, mean of x, and sums of phi (x - mean)^j for j = 0, 1, 2.
    """
    r, rx = (Fraction(high) + Fraction(low) for high, low in sums.tolist())
    p, px, pxx = spread.p, spread.px, spread.pxx
    if p <= 0:
        return 0.0, 0.0, float(rx), spread.mean, 0.0, 0.0, 0.0
    beta = Fraction(0)
    if linear and spread.square > least * p:
        beta = (p * rx - px * r) / (p * pxx - px * px)
    alpha = (r - px * beta) / p
    first = rx - alpha * px - beta * pxx
    return float(alpha), float(beta), float(first), spread.mean, float(p), float(spread.cross), float(spread.square)
