"""Deliberate faults, each put into the library in memory: do the claims notice?

    python -m tests.mutations                     # all of them, and a table
    python -m tests.mutations lambda_max_halved   # some
    python -m tests.mutations --record runs.csv   # all, and if interrupted go on where it stopped

A fault replaces a piece of a module's source when the module is loaded; no file changes. Then claims are checked as
`vvnorm verify --quick` does, those first that should notice. The first instance whose verdict is not the expected one, or
whose check fails, ends the run: the fault is caught. One that no claim notices survives.

Compiled functions are kept on disk by the file that they stand in, so faults in compiled code, or in what it calls, get an
empty folder of their own.
"""

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

_ROOT = Path(__file__).parent.parent
_CAUGHT, _SURVIVES = 0, 3  # exit codes of a run of one fault


@dataclass(frozen=True)
class Mutation:
    """A fault.

    Attributes
    ----------
    name : str
        What is wrong, in a few words.
    module : str
        Where.
    old, new : str
        Piece of source, that occurs once, and what stands there instead.
    claims : tuple of str
        Those that should notice, first to be checked.
    """

    name: str
    module: str
    old: str
    new: str
    claims: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The module's file."""
        place = _ROOT.joinpath(*self.module.split("."))
        return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")

    @property
    def source(self) -> str:
        """The module's source with the fault.

        Raises
        ------
        ValueError
            If the piece does not occur exactly once: the list is behind the library.
        """
        text = self.path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.old!r} occurs {text.count(self.old)} times in {self.module}")
        return text.replace(self.old, self.new)

    @property
    def compiled(self) -> bool:
        """Whether the module has compiled functions."""
        return re.search(r"^@(kernel|inner|plain|part)\(", self.source, flags=re.MULTILINE) is not None


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module: the one with the fault."""

    def __init__(self, mutation: Mutation) -> None:
        self._mutation = mutation

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        if name != self._mutation.module:
            return None
        place = str(self._mutation.path)
        return importlib.util.spec_from_file_location(name, place, loader=_Loader(name, place, self._mutation.source))


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from other source than its file's."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self._source.encode(), self.path)


def caught_by(mutation: Mutation) -> str | None:
    """Put the fault into this process, check claims, and say which instance noticed first; None if none did."""
    sys.meta_path.insert(0, _Finder(mutation))
    from vvnorm import claims

    if unknown := set(mutation.claims) - set(claims.claim_names()):
        raise LookupError(f"{mutation.name}: no claims named {sorted(unknown)} are installed")
    names = list(dict.fromkeys([*mutation.claims, *claims.claim_names()]))
    for name in names:
        try:
            claim = claims.load_claim(name)
            for case in claims.cases(claim, claim.quick_draws, 0, quick=True):
                outcome = claims.run_case(claim, case)
                if not outcome.as_expected:
                    reason = outcome.complaints[0] if outcome.complaints else f"{outcome.result.verdict}"
                    return f"{name}, {case.label}: {reason}"
        except Exception as error:  # whatever a fault makes the library raise
            return f"{name}: {type(error).__name__}: {error}"
    return None


def run(mutation: Mutation) -> tuple[str | None, float]:
    """Run one fault in a process of its own; return what noticed it (None: nothing) and seconds."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        own = {"NUMBA_CACHE_DIR": folder} if mutation.compiled else {}
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **own}
        done = subprocess.run(
            [sys.executable, "-m", "tests.mutations", "--here", mutation.name],
            cwd=_ROOT, env=environment, capture_output=True, text=True,
        )  # fmt: skip
    seconds = time.perf_counter() - began
    if done.returncode == _SURVIVES:
        return None, seconds
    if done.returncode != _CAUGHT:
        raise RuntimeError(f"{mutation.name} could not be tried:\n{done.stderr}")
    return done.stdout.strip().splitlines()[-1], seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Try faults; list those that survive."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutations", description="Do the claims notice deliberate faults?"
    )
    parser.add_argument("names", nargs="*", help="faults to try; all by default")
    parser.add_argument("--here", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once")
    parser.add_argument(
        "--record", type=Path, help="CSV file of outcomes; faults that it has for this code are not run again"
    )
    parser.add_argument("--table", type=Path, help="write a table in Markdown to this file")
    options = parser.parse_args(arguments)
    by_name = {mutation.name: mutation for mutation in MUTATIONS}
    unknown = sorted({*options.names, *([options.here] if options.here else [])} - by_name.keys())
    if unknown:
        parser.error(f"no fault is called {', '.join(unknown)}")
    if options.here:
        notice = caught_by(by_name[options.here])
        print("" if notice is None else " ".join(notice.split())[:300], flush=True)
        return _SURVIVES if notice is None else _CAUGHT
    chosen = [by_name[name] for name in options.names] or list(MUTATIONS)
    record = Record(options.record)
    noticed = dict(record.noticed)
    with ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(run, mutation): mutation for mutation in chosen if mutation.name not in noticed}
        for done in as_completed(running):
            mutation, (notice, seconds) = running[done], done.result()
            noticed[mutation.name] = notice
            record.add(mutation.name, notice)
            print(f"{mutation.name:45} {seconds:6.1f} s  {notice or 'SURVIVES'}", flush=True)
    rows = [(mutation, noticed[mutation.name]) for mutation in chosen]
    survivors = [mutation.name for mutation, notice in rows if notice is None]
    print(
        f"{len(rows) - len(survivors)} of {len(rows)} caught"
        + (f"; survivors: {', '.join(survivors)}" if survivors else "")
    )
    if options.table:
        options.table.write_text(table(rows), encoding="utf-8")
    return 1 if survivors else 0


class Record:
    """Outcomes of faults on disk, for one state of library and claims; written as each fault is done.

    Parameters
    ----------
    path : Path or None
        Nothing is read or written if None.
    """

    def __init__(self, path: Path | None) -> None:
        # Not at the top: a process that applies a fault must not have loaded the library before.
        from vvnorm.studies.store import PACKAGE, sources
        from vvnorm.studies.summary import read_rows

        self.path, self.code = path, f"{sources(PACKAGE)}-{sources(_ROOT / 'proofs_checks')}"
        rows = read_rows(path) if path and path.exists() else []
        self.rows = [row for row in rows if row["code"] == self.code]

    @property
    def noticed(self) -> dict[str, str | None]:
        """What noticed each fault that is on record."""
        return {row["fault"]: row["noticed"] for row in self.rows}

    def add(self, name: str, noticed: str | None) -> None:
        """Record a fault."""
        from vvnorm._internal.files import write_csv

        self.rows.append({"fault": name, "noticed": noticed, "code": self.code})
        if self.path:
            write_csv(self.path, self.rows)


def table(rows: Sequence[tuple[Mutation, str | None]]) -> str:
    """The outcome in Markdown."""
    caught = sum(notice is not None for _, notice in rows)
    lines = [
        "# Faults that the claims notice",
        "",
        "Each fault is put into the library in memory, then the claims are checked as `vvnorm verify --quick` does, until",
        f"one notices (`python -m tests.mutations --table docs/mutations.md`). {caught} of {len(rows)} are noticed.",
        "",
        "| fault | in | noticed by |",
        "|---|---|---|",
    ]
    for mutation, notice in rows:
        claim = "**nothing**" if notice is None else f"`{notice.split(',')[0].split(':')[0]}`"
        lines.append(f"| {mutation.name.replace('_', ' ')} | `{mutation.module}` | {claim} |")
    return "\n".join(lines) + "\n"


def _fault(name: str, module: str, old: str, new: str, *claims: str) -> Mutation:
    return Mutation(name, f"vvnorm.{module}", old, new, claims)


_INTERPOLANTS = ("connect_the_dots_optimal", "uniqueness", "solution_set")
_FITS = ("regularised", "multi_objective", "pareto_front")
_POINTS = ("width", "kernel_limit", "two_squares", "neuron_sharing")

MUTATIONS: tuple[Mutation, ...] = (
    # --- the verifier of interpolants of one input ---
    _fault(
        "gap_of_interpolants_always_0",
        "verifier.line",
        "gap=relative_gap(cost, at_most, lower, lambda: _rounding_cost(eta, x, Y, label_rounding(low, high)) / scale),",
        "gap=0.0,",
        *_INTERPOLANTS,
    ),
    _fault(
        "residual_of_interpolants_always_0",
        "verifier.line",
        "relative_residual=relative,",
        "relative_residual=0.0,",
        *_INTERPOLANTS,
    ),
    _fault(
        "dual_not_scaled_to_length_1",
        "verifier.line",
        "scale = max(1.0, norm * (1 + (T + 4) * EPS))",
        "scale = 1.0",
        "representational_cost",
        *_INTERPOLANTS,
    ),
    _fault(
        "bound_of_interpolants_is_the_cost",
        "verifier.line",
        "        lower_bound=lower,",
        "        lower_bound=cost,",
        *_INTERPOLANTS,
    ),
    _fault(
        "cost_without_last_block",
        "verifier.arithmetic",
        "return math.fsum(parts)",
        "return 0.999 * math.fsum(parts)",
        "representational_cost",
        *_INTERPOLANTS,
    ),
    _fault(
        "dual_end_not_forced_to_0",
        "verifier.line",
        "        eta[present[-1], t] = 0.0\n",
        "        pass\n",
        *_INTERPOLANTS,
    ),
    _fault(
        "distance_to_dots_halved",
        "verifier.line",
        "distance = max(residual, math.sqrt(totals[kernel.DISTANCE]) * y_unit)",
        "distance = max(residual, 0.5 * math.sqrt(totals[kernel.DISTANCE]) * y_unit)",
        "stability",
        "trained_networks",
    ),
    _fault(
        "stability_bound_halved",
        "verifier.line",
        "bound = residual if excess == 0 else excess * sensitivity + residual",
        "bound = residual if excess == 0 else 0.01 * excess * sensitivity + residual",
        "stability",
    ),
    _fault(
        "own_dual_turned_round",
        "verifier.line",
        "np.divide(delta, size[:, None], out=eta[1:-1]",
        "np.divide(-delta, size[:, None], out=eta[1:-1]",
        "trained_networks",
        *_INTERPOLANTS,
    ),
    # --- the verifier of fits of one input ---
    _fault(
        "gap_of_fits_always_0",
        "verifier.line_fit",
        "gap=0.0 if fit.is_rounding(judged) else min(float(judged.gap) / objective, 1.0),",
        "gap=0.0,",
        *_FITS,
    ),
    _fault(
        "bound_of_fits_is_the_objective",
        "verifier.line_fit",
        "lower_bound=data.units.objective(lower),",
        "lower_bound=value,",
        *_FITS,
    ),
    _fault(
        "fits_penalty_without_lam",
        "verifier.line_fit",
        "objective = judged.loss + judged.penalty",
        "objective = judged.loss + 0.99 * judged.penalty",
        *_FITS,
    ),
    _fault(
        "dual_of_fits_not_looked_at",
        "verifier.line_fit",
        "given = None if dual is None else dual_of_shape(dual, labels.shape)",
        "given = None",
        *_FITS,
    ),
    _fault(
        "weights_of_fits_ignored_by_verifier",
        "verifier.fits",
        "fit_labels(labels, loss, weights)",
        "fit_labels(labels, loss, None)",
        *_FITS,
    ),
    # --- the verifiers for several inputs ---
    _fault(
        "neuron_bound_too_small",
        "verifier.neuron_bound",
        "    return _response(X, Lambda, budget, mutual=True)",
        "    return 0.9 * _response(X, Lambda, budget, mutual=True)",
        "lambda_max",
        *_POINTS,
    ),
    _fault(
        "response_in_certificates_too_small",
        "verifier.space",
        "self._response = largest_response(x, Lambda, penalise_bias, x_unit)",
        "self._response = 0.9 * largest_response(x, Lambda, penalise_bias, x_unit)",
        *_POINTS,
    ),
    _fault("residual_of_points_always_0", "verifier.space", "relative_residual=", "relative_residual=0.0 * ", *_POINTS),
    # --- one input, closed form ---
    _fault(
        "alignment_tolerance_1e-3",
        "solvers.univariate.interpolation.closed_form",
        "aligned[start + rows] = explained & (row_norms(apart) <= ALIGNMENT_CAP)",
        "aligned[start + rows] = row_norms(apart) <= 1e-3",
        "uniqueness",
        "sparsest",
    ),
    _fault(
        "nothing_is_aligned",
        "solvers.univariate.interpolation.closed_form",
        "aligned[start + rows] = explained & (row_norms(apart) <= ALIGNMENT_CAP)",
        "aligned[start + rows] = False",
        "uniqueness",
        "solution_set",
    ),
    _fault(
        "band_half_as_deep",
        "solvers.univariate.interpolation.solution_set",
        "end = centre[inside] - depth[:, None]",
        "end = centre[inside] - 0.5 * depth[:, None]",
        "solution_set",
    ),
    _fault(
        "band_on_wrong_side",
        "solvers.univariate.interpolation.solution_set",
        "end = centre[inside] - depth[:, None]",
        "end = centre[inside] + depth[:, None]",
        "solution_set",
    ),
    _fault(
        "sample_returns_f_D_only",
        "solvers.univariate.interpolation.solution_set",
        "    low[np.append(True, ~dots.aligned)[: len(m)]] = 0.0\n",
        "    low[:], high[:] = 0.0, 1.0\n",
        "solution_set",
    ),
    _fault(
        "sparsest_does_not_pair",
        "solvers.univariate.interpolation.solution_set",
        "paired = leads & np.append(dots.aligned, False)[: len(m)]",
        "paired = leads & False",
        "sparsest",
    ),
    _fault(
        "sparsest_kink_at_the_middle",
        "solvers.univariate.interpolation.solution_set",
        "(m[pair + 1] / (m[pair] + m[pair + 1]))",
        "0.5",
        "sparsest",
    ),
    _fault(
        "lp_minimiser_joins_greedily",
        "solvers.univariate.interpolation.path_norm",
        "z = gain - z if gain > z else 0.0",
        "z = gain if z == 0 else 0.0",
        "lp_path_norm",
    ),
    _fault(
        "lp_gain_of_p_1",
        "solvers.univariate.interpolation.path_norm",
        "gains = np.where(dots.aligned, _gains(sizes, p), 0.0)",
        "gains = np.where(dots.aligned, _gains(sizes, 0.999), 0.0)",
        "lp_path_norm",
        "lp_sparsest",
    ),
    _fault(
        "critical_exponent_always_1",
        "solvers.univariate.interpolation.path_norm",
        "    return max(after[:2]), max(after[2:])",
        "    return max(after[:2]), -math.inf",
        "lp_sparsest",
    ),
    _fault(
        "mean_power_of_half_the_pieces",
        "piecewise",
        "total: Array = h @ (means * size**q)",
        "total: Array = h[::2] @ (means * size**q)[::2]",
        "tempered_overfitting",
        "catastrophic_overfitting",
    ),
    _fault(
        "sampled_minimisers_move_too_much",
        "solvers.univariate.interpolation.solution_set",
        "np.sort(np.clip(rng.uniform(-0.3, 1.3, (2, len(m))), 0.0, 1.0), axis=0)",
        "np.sort(rng.uniform(-0.9, 1.9, (2, len(m))), axis=0)",
        "lipschitz_constant",
    ),
    Mutation(
        "neurons_of_one_direction_without_skip",
        "proofs_checks.cost_without_skip",
        "D = share[:, None] * S",
        "D = 0.5 * share[:, None] * S",
        ("cost_without_skip",),
    ),
    Mutation(
        "parity_of_odd_dimensions_without_threshold",
        "proofs_checks.parity",
        "threshold = -float(X.shape[1] % 2)",
        "threshold = 0.0",
        ("parity",),
    ),
    Mutation(
        "denoisers_too_flat",
        "proofs_checks.denoisers",
        "slope = gap / (gap - 2 * rho)",
        "slope = gap / (gap - rho)",
        ("denoisers",),
    ),
    Mutation(
        "cones_ignored_in_bounds",
        "proofs_checks.gated_programs",
        "gradient = gradient + cone.T @ np.maximum(nnls(cone.T, -gradient)[0], 0.0)",
        "gradient = gradient + 0.0 * cone[0]",
        ("sign_patterns", "gated_relaxation"),
    ),
    Mutation(
        "networks_of_patterns_without_constant",
        "proofs_checks.gated_programs",
        "return self._centred(self.y - hidden[0] + hidden[1])",
        "return self.y - hidden[0] + hidden[1]",
        ("sign_patterns",),
    ),
    Mutation(
        "edges_of_cones_ignored",
        "proofs_checks.copositive_program",
        "if np.ptp(np.sign(shares)) == 2:",
        "if np.ptp(np.sign(shares)) == 3:",
        ("copositive_program",),
    ),
    Mutation(
        "outer_ends_are_attained_ones",
        "proofs_checks.penalised_bias_uniqueness",
        '"outer": band.outer[0, 0],',
        '"outer": band.inner[0, 0],',
        ("penalised_bias_uniqueness",),
    ),
    Mutation(
        "random_gates_of_few_directions",
        "proofs_checks.gated_relaxation",
        'gates = (rng.standard_normal((instance["gates"], _INPUTS)) @ features.T > 0)',
        'gates = (rng.standard_normal((1, _INPUTS)).repeat(instance["gates"], axis=0) @ features.T > 0)',
        ("gated_relaxation",),
    ),
    Mutation(
        "narrow_networks_all_of_one_kink",
        "proofs_checks.scalarisation_width",
        'float(kink), scale)) for kink in instance["x"][1:3])',
        'float(kink), scale)) for kink in instance["x"][1:3].mean().repeat(2))',
        ("scalarisation_width",),
    ),
    _fault(
        "merged_neurons_keep_their_sum_of_norms",
        "network",
        "np.add.at(V, group, unit.V.T)",
        "np.add.at(V, group, np.abs(unit.V.T))",
        "finite_network_cost",
    ),
    Mutation(
        "all_points_are_kept",
        "proofs_checks.nonconvex_loss",
        "if (objective := _objective(instance, values)) < least:",
        "if (objective := _objective(instance, values)) < least and kept.all():",
        ("nonconvex_loss",),
    ),
    # --- networks ---
    _fault(
        "biases_do_not_count",
        "network",
        "np.sum(row_norms(np.column_stack([self.W, self.b])) * row_norms(self.V.T))",
        "np.sum(row_norms(self.W) * row_norms(self.V.T))",
        "penalised_biases",
    ),
    _fault(
        "vv_norm_of_squares",
        "network",
        "return float(np.sum(row_norms(self.W) * row_norms(self.V.T)))",
        "return float(np.sum(row_norms(self.W) ** 2 + row_norms(self.V.T) ** 2) / 2)",
        "rescaling",
        "representational_cost",
    ),
    _fault(
        "vv_norm_with_1_norm",
        "network",
        "return float(np.sum(row_norms(self.W) * row_norms(self.V.T)))",
        "return float(np.sum(row_norms(self.W) * np.abs(self.V).sum(axis=0)))",
        "representational_cost",
    ),
    _fault(
        "balanced_without_biases",
        "network",
        "return ReLUNetwork(unit.W * root[:, None], unit.b * root, unit.V / root, unit.A, unit.c)",
        "return ReLUNetwork(unit.W * root[:, None], unit.b, unit.V / root, unit.A, unit.c)",
        "representation_distance",
    ),
    _fault(
        "evaluation_forgets_skip_connection",
        "network",
        "out = inputs @ self.A.T + self.c",
        "out = 0 * inputs @ self.A.T + self.c",
        *_POINTS,
    ),
    _fault(
        "evaluation_on_a_line_off_by_1e-6",
        "network",
        "        out += values[anchor]\n        return out",
        "        out += values[anchor]\n        return out * (1 + 1e-6)",
        *_INTERPOLANTS,
        "stability",
    ),
    _fault(
        "gradient_forgets_skip_connection",
        "network",
        "out = np.repeat(self.A[None], len(inputs), axis=0)",
        "out = np.repeat(0 * self.A[None], len(inputs), axis=0)",
        "gradient_norms",
    ),
    # --- losses and fits ---
    _fault(
        "one_class_nu_is_1_minus_nu",
        "losses",
        '        object.__setattr__(self, "parameter", float(value))',
        '        object.__setattr__(self, "parameter", 1 - float(value) if self.name == "one_class" else float(value))',
        *_FITS,
    ),
    _fault(
        "huber_delta_doubled",
        "losses",
        '        object.__setattr__(self, "parameter", float(value))',
        '        object.__setattr__(self, "parameter", float(value) * (2 if self.name == "huber" else 1))',
        *_FITS,
    ),
    _fault(
        "logistic_loss_of_other_class",
        "losses",
        "np.logaddexp(0.0, np.where(y > 0, -u, u))",
        "np.logaddexp(0.0, np.where(y > 0, u, -u))",
        *_FITS,
    ),
    _fault(
        "hinge_loss_squared",
        "losses",
        "np.maximum(0.0, 1.0 - y * u)",
        "np.maximum(0.0, 1.0 - y * u) ** 2",
        *_FITS,
    ),
    _fault(
        "lambda_max_halved",
        "api.fits",
        "    return critical_lam(read_problem(X, Y, loss, weights), deadline)",
        "    return critical_lam(read_problem(X, Y, loss, weights), deadline) / 2",
        "lambda_max",
    ),
    _fault(
        "lambda_max_of_points_halved",
        "api.fits",
        ".largest_lam(deadline.end)",
        ".largest_lam(deadline.end) / 2",
        "lambda_max",
    ),
    _fault(
        "fit_at_twice_the_lam",
        "api.univariate_fits",
        "knots = solve(problem, lam, tol=tol, start=start, deadline=first, callback=callback)",
        "knots = solve(problem, 2 * lam, tol=tol, start=start, deadline=first, callback=callback)",
        *_FITS,
    ),
    _fault(
        "front_of_smaller_budget",
        "multitask.pareto",
        "vv_norms=np.array([point.network.vv_norm for point in points]),",
        "vv_norms=np.array([point.network.vv_norm / 2 for point in points]),",
        "pareto_front",
    ),
    _fault(
        "weights_of_rows_ignored_by_fit",
        "api.fit_data",
        "shares, order = as_weights(weights, labels.shape), None",
        "shares, order = None, None",
        *_FITS,
    ),
    # --- fronts ---
    _fault(
        "front_losses_in_reverse",
        "multitask.pareto",
        "losses=np.array([point.losses for point in points]),",
        "losses=np.array([point.losses[::-1] for point in points]),",
        "pareto_front",
    ),
    _fault(
        "front_losses_10_percent_too_small",
        "verifier.front",
        "return self.by_task(self.output_losses(network)[0])",
        "return 0.9 * self.by_task(self.output_losses(network)[0])",
        "pareto_front",
    ),
    _fault(
        "front_weights_ignored",
        "verifier.front",
        "loss=self.kinds, weights=self.weights)",
        "loss=self.kinds)",
        "pareto_front",
    ),
    # --- several inputs ---
    _fault(
        "infinite_limit_off_by_0.1_percent",
        "solvers.multivariate.infinite",
        "ReLUNetwork(design.W, design.b, z.T @ design.V,",
        "ReLUNetwork(design.W, design.b, 1.001 * z.T @ design.V,",
        "kernel_limit",
    ),
    _fault(
        "infinite_limit_of_wrong_weights",
        "results.infinite_auxiliary",
        "return sizes * row_norms(f.V.T)",
        "return sizes * row_norms(f.V.T) ** 2",
        "kernel_limit",
    ),
    _fault(
        "kernel_of_own_output_too",
        "analysis.feature_kernels",
        "np.sqrt(self.weights)",
        "np.sqrt(self.weights) ** 1.1",
        "kernel_limit",
        "two_squares",
        "kernel_regime",
    ),
    _fault(
        "kernel_solution_off_by_1_percent",
        "analysis.feature_kernels",
        "    return u + (left.T @ (target - features @ u) / s) @ right",
        "    return 1.01 * u",
        "kernel_limit",
    ),
    _fault(
        "kernel_ridge_penalty_doubled",
        "analysis.feature_kernels",
        "return ((s / (s**2 + lam)) * (left.T @ target)) @ right",
        "return ((s / (s**2 + 2 * lam)) * (left.T @ target)) @ right",
        "kernel_excess",
    ),
    _fault(
        "budget_of_bands_with_half_the_excess",
        "results.band_search",
        "self.budget = (1 + excess) * problem.value",
        "self.budget = (1 + excess / 2) * problem.value",
        "multivariate_stability",
    ),
    _fault(
        "ends_of_bands_without_a_proof",
        "results.band_search",
        "distance, size = abs(trial.outer - value),",
        "return value + 0.9 * (trial.outer - value)\n        distance, size = abs(trial.outer - value),",
        "multivariate_stability",
    ),
    _fault(
        "contacts_of_a_rough_dual_array",
        "results.contacts",
        "_SOLVED = 1e-10",
        "_SOLVED = 1e-2",
        "multivariate_uniqueness",
    ),
    _fault(
        "every_second_contact_left_out",
        "results.contacts",
        "    W, b = _with_middles(W, b, X, merged)\n",
        "    W, b = _with_middles(W[::2], b[::2], X, merged)\n",
        "multivariate_uniqueness",
    ),
    # --- measures ---
    _fault(
        "mean_gradient_times_1.5",
        "analysis.measures",
        "        mean = mean_norm(single, area)\n",
        "        mean = 1.5 * mean_norm(single, area)\n",
        "gradient_norms",
        "smoothness_mean_gradient",
    ),
    _fault(
        "sampled_gradient_times_1.5",
        "analysis.measures",
        "    means, used = [size.mean() for size in sizes],",
        "    means, used = [1.5 * size.mean() for size in sizes],",
        "gradient_norms",
    ),
    _fault(
        "max_gradient_halved",
        "analysis.measures",
        "        largest = max_norm(single, area)\n",
        "        largest = max_norm(single, area) / 2\n",
        "gradient_norms",
    ),
    _fault(
        "sampled_interval_of_width_0",
        "analysis.measures",
        "    mean, half = _student(np.array(means), level)\n",
        "    mean, half = _student(np.array(means), level)[0], 0.0\n",
        "gradient_norms",
    ),
    _fault(
        "distance_to_farthest_point",
        "analysis.measures",
        "return np.array([min(indices) for indices in ties], dtype=np.intp)",
        "return np.array([(min(indices) + 1) % len(train) for indices in ties], dtype=np.intp)",
        "error_at_test_points",
        "output_distance",
    ),
    _fault(
        "representation_of_one_layer_unbalanced",
        "analysis.measures",
        "_representation_distances(f.balanced(), test, near)",
        "_representation_distances(f, test, near)",
        "representation_distance",
    ),
    _fault(
        "error_against_wrong_output",
        "analysis.measures",
        "np.abs(values - _true_values(truth, test, f.n_outputs, output))",
        "np.abs(2 * values - _true_values(truth, test, f.n_outputs, output))",
        "error_at_test_points",
    ),
    _fault(
        "sup_distance_at_ends_only",
        "analysis.measures",
        "points = np.concatenate([[low, high], kinks[(kinks > low) & (kinks < high)]])",
        "points = np.array([low, high])",
        "stability",
        "uniqueness",
    ),
    _fault(
        "rms_distance_squared",
        "analysis.measures",
        "rms, low, high = (sup * math.sqrt(max(0.0, square))",
        "rms, low, high = (sup * max(0.0, square)",
        "two_squares",
        "kernel_limit",
    ),
    # --- statistics ---
    _fault(
        "interval_of_width_0",
        "studies.statistics",
        "    return quantile + np.maximum(-extension, 0.0), quantile + np.maximum(extension, 0.0)",
        "    return 0 * extension, 0 * extension",
        "interval_coverage",
    ),
    _fault(
        "interval_half_as_wide",
        "studies.statistics",
        "    return quantile + np.maximum(-extension, 0.0), quantile + np.maximum(extension, 0.0)",
        "    return (quantile + np.maximum(-extension, 0.0)) / 2, (quantile + np.maximum(extension, 0.0)) / 2",
        "interval_coverage",
    ),
    _fault(
        "interval_twice_as_wide",
        "studies.statistics",
        "    return quantile + np.maximum(-extension, 0.0), quantile + np.maximum(extension, 0.0)",
        "    return 2 * (quantile + np.maximum(-extension, 0.0)), 2 * (quantile + np.maximum(extension, 0.0))",
        "interval_coverage",
    ),
    _fault(
        "verdict_holds_across_the_end",
        "claims.verdict",
        "if claimed[0] <= lower and upper <= claimed[1]:",
        "if claimed[0] <= upper and lower <= claimed[1]:",
        "smoothness_in_m",
        "two_squares",
    ),
    _fault(
        "stability_constant_halved",
        "solvers.univariate.interpolation.stability",
        "both = (1 + norm) / (2 * apart)",
        "both = (1 + norm) / (200 * apart)",
        "stability",
    ),
    # --- training and tasks ---
    _fault(
        "one_network_for_all_seeds",
        "training.regression_trainer",
        "np.random.default_rng(run.seed)) for run in runs]",
        "np.random.default_rng(0)) for run in runs]",
        "trained_networks",
    ),
    _fault(
        "least_norm_weights_equal",
        "multitask.least_norm",
        "    weights: Array = _stack(np.ascontiguousarray(grams))\n",
        "    weights: Array = np.full(grams.shape[:2], 1 / grams.shape[1])\n",
        "mgda_stationary",
        "mgda_bound",
    ),
    _fault(
        "least_norm_of_first_vector",
        "multitask.least_norm",
        "    weights[first] = 1.0\n    unit = G[first, first]\n",
        "    weights[first] = 1.0\n    unit = 0.0\n",
        "mgda_stationary",
        "mgda_bound",
    ),
    Mutation(
        "mgda_ub_weights_equal",
        "proofs_checks.mgda_ub_full_rank",
        "    return minimum_norm(gradients @ gradients.T).weights\n",
        "    return np.full(len(gradients), 1 / len(gradients))\n",
        ("mgda_ub_full_rank",),
    ),
    _fault(
        "gradients_normalised_by_losses_only",
        "training.weighting",
        'sizes = {"l2": norms, "loss": losses,',
        'sizes = {"l2": losses, "loss": losses,',
        "mgda_normalised",
    ),
    _fault(
        "weights_of_normalised_gradients_not_divided",
        "training.weighting",
        "shares = minimum_norm_weights(gram / (sizes[:, :, None] * sizes[:, None, :])) / sizes",
        "shares = minimum_norm_weights(gram / (sizes[:, :, None] * sizes[:, None, :]))",
        "mgda_normalised",
    ),
    Mutation(
        "several_minimisers_not_counted",
        "proofs_checks.almost_every_label",
        "lower, upper = unique.count(False) / len(unique),",
        "lower, upper = 0 / len(unique),",
        ("almost_every_label",),
    ),
    Mutation(
        "cost_without_a_kink_too_large",
        "proofs_checks.kink_between_points",
        "more, less = sum(norms[:3], Decimal(0)), sum(norms[3:], Decimal(0))",
        "more, less = sum(norms[:3], Decimal(0)), sum(norms[3:], norms[1] / 99)",
        ("kink_between_points",),
    ),
    Mutation(
        "smaller_neuron_activates_points",
        "proofs_checks.single_neuron_teacher",
        "t = min([1.0, *(-z[z <= 0][rises] / rates[rises])])",
        "t = 1.0",
        ("single_neuron_teacher",),
    ),
    Mutation(
        "teachers_count_as_beaten",
        "proofs_checks.recovered_teachers",
        "return network.vv_norm < CHEAPER and",
        "return network.vv_norm < 2 and",
        ("recovered_teachers",),
    ),
    Mutation(
        "vertex_of_lasso_too_large",
        "proofs_checks.lasso_width",
        "moved[:, candidates] = u[:, candidates] * solution.x",
        "moved[:, candidates] = u[:, candidates] * solution.x * 1.01",
        ("lasso_width",),
    ),
    Mutation(
        "distance_of_sampled_neurons_too_small",
        "proofs_checks.approximation_rate",
        "np.mean([np.sum(f**2) / _POINTS for f in apart])",
        "np.mean([np.sum(f**2) / (2 * _POINTS) for f in apart])",
        ("approximation_rate",),
    ),
    # --- data ---
    _fault(
        "auxiliary_outputs_repeat_the_first",
        "datasets",
        'return np.hstack([labels, scale * as_generator(rng).standard_normal((len(labels), as_count(m, "m")))])',
        'return np.hstack([labels, scale * np.repeat(labels[:, :1], as_count(m, "m"), axis=1)])',
        "trained_networks",
    ),
)
"""All faults: those of an adversarial review that survived at the time, and others."""


if __name__ == "__main__":
    raise SystemExit(main())
