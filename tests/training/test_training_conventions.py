"""What trained networks cost in every convention, what follows training, and what can be proved about several inputs."""

from functools import cache
from itertools import product

import numpy as np
import pytest

from vvnorm import interpolate, train
from vvnorm.solvers.reference import dictionary_program, plane_dictionary

CONVENTIONS = list(product((True, False), repeat=2))


def jittered(n, T, seed=0, d=1):
    rng = np.random.default_rng(seed)
    x = (np.arange(n) + rng.uniform(-0.3, 0.3, n)) / (n - 1) if d == 1 else rng.standard_normal((n, d))
    return x, rng.standard_normal((n, T))


def dense_dictionary(x, *, penalise_bias):
    """Neurons of both orientations with kinks at the data and between; or all directions of (w, b), and those kinks."""
    kinks = np.concatenate([x, np.linspace(x.min(), x.max(), 100)])
    W, b = np.repeat([1.0, -1.0], len(kinks)), np.concatenate([-kinks, kinks])
    if penalise_bias:
        angle = np.linspace(0, 2 * np.pi, 1500, endpoint=False)
        W, b = np.append(W, np.cos(angle)), np.append(b, np.sin(angle))
    return W[:, None], b


def proved_bound(x, Y, result, W, b, lam, *, skip, penalise_bias):
    """A lower bound on the objective of every network, from the multipliers of the program over W, b.

    Divided by the largest response of a neuron they are feasible. It is at a kink at the data, or, with the bias inside
    the size, looked for in many more directions than the dictionary has.
    """
    dual = result.dual
    affine = np.column_stack([np.ones(len(x)), x])[:, : None if skip else 1]
    dual = dual - affine @ np.linalg.lstsq(affine, dual, rcond=None)[0]
    if penalise_bias:
        angle = np.linspace(0, 2 * np.pi, 20001)
        W, b = np.append(W[:, 0], np.cos(angle))[:, None], np.append(b, np.sin(angle))
    size = np.hypot(W[:, 0], b) if penalise_bias else np.abs(W[:, 0])
    response = np.linalg.norm((np.maximum(x[:, None] @ W.T + b, 0.0) / size).T @ dual, axis=1).max()
    dual = dual / max(1.0, response * (1 + (1e-6 if penalise_bias else 0.0)))
    return lam * np.sum(dual * Y) - lam**2 * np.sum(dual**2) / 2


# --- conventions ------------------------------------------------------------------------------------------------------


ADAM = {"steps": 1000}
DECAY = {"steps": 700, "penalty": "weight_decay", "schedule": "constant"}
PROXIMAL = {"steps": 2000, "optimizer": "proximal"}


@cache
def known_optimum(skip, penalise_bias):
    """Data, lam, and what the best objective costs, with a proved bound from below."""
    x, Y = jittered(6, 2, 3)
    convention = {"skip": skip, "penalise_bias": penalise_bias}
    W, b = dense_dictionary(x, penalise_bias=penalise_bias)
    lam = 0.1 * train(x, Y, steps=1, progress=False, **convention).settings["lam_max"]
    reference = dictionary_program(x, Y, W, b, lam=lam, **convention)
    return x, Y, lam, reference.value, proved_bound(x, Y, reference, W, b, lam, **convention)


@pytest.mark.parametrize(
    ("options", "skip", "penalise_bias"),
    [
        *((ADAM, *convention) for convention in CONVENTIONS),
        *((DECAY, *convention) for convention in CONVENTIONS[:1] + CONVENTIONS[-1:]),  # the two that differ most
        *(pytest.param(DECAY, *convention, marks=pytest.mark.slow) for convention in CONVENTIONS[1:-1]),
        # In the default convention `test_optimisers` has the proximal method, too.
        *(pytest.param(PROXIMAL, *convention, marks=pytest.mark.slow) for convention in CONVENTIONS),
    ],
)
def test_the_convex_optimum_is_reached_in_every_convention(options, skip, penalise_bias):
    x, Y, lam, optimum, bound = known_optimum(skip, penalise_bias)
    assert bound == pytest.approx(optimum, rel=1e-4)
    result = train(x, Y, lam=lam, seeds=2, skip=skip, penalise_bias=penalise_bias, progress=False, **options)
    np.testing.assert_allclose(result.objectives, optimum, rtol=0.01)
    assert np.all(result.objectives >= bound * (1 - 1e-9))
    for network, cost in zip(result.networks, result.costs, strict=True):
        assert skip or not network.A.any()
        inputs = np.column_stack([network.W, network.b]) if penalise_bias else network.W
        np.testing.assert_allclose(np.linalg.norm(inputs, axis=1), np.linalg.norm(network.V, axis=0), rtol=1e-9)
        assert cost == pytest.approx(np.sum(np.linalg.norm(network.V, axis=0) ** 2))
        assert cost == (network.vv_norm_with_bias if penalise_bias else network.vv_norm)
    np.testing.assert_allclose(result.history["vv_norm"][-1], result.costs, rtol=1e-9)
    objective = result.history["loss"][-1] + lam * result.history["vv_norm"][-1]
    np.testing.assert_allclose(objective, result.objectives, rtol=1e-9)


@pytest.mark.parametrize("skip", [pytest.param(True, marks=pytest.mark.slow), False])
def test_penalised_biases_far_from_the_origin(skip):
    x, Y = jittered(6, 2, 3)
    x = x + 2.0
    W, b = dense_dictionary(x, penalise_bias=True)
    options = {"lam": 0.02, "skip": skip, "penalise_bias": True}
    reference = dictionary_program(x, Y, W, b, **options)
    near = dictionary_program(x - 2.0, Y, W, b - 2.0 * W[:, 0], **options)  # shifts change this cost
    assert reference.value > 1.001 * near.value
    result = train(x, Y, seeds=2, steps=2000, progress=False, **options)
    np.testing.assert_allclose(result.objectives, reference.value, rtol=0.01)
    assert np.all(result.objectives >= proved_bound(x, Y, reference, W, b, **options))


@pytest.mark.parametrize("convention", [{}, {"skip": False}, {"penalise_bias": True}])
def test_shifts_of_labels_and_of_inputs(convention):
    x, Y = jittered(6, 2)
    options = {"lam": 1e-3, "seeds": 2, "steps": 60, "progress": False, **convention}
    plain, up = train(x, Y, **options), train(x, Y + 10.0, **options)
    np.testing.assert_allclose(up.costs, plain.costs, rtol=1e-6)
    if not convention.get("penalise_bias"):
        np.testing.assert_allclose(train(x - 7.0, Y, **options).costs, plain.costs, rtol=1e-6)


def test_two_inputs_against_a_dictionary():
    X, Y = jittered(8, 2, 1, d=2)
    lam = 0.1 * train(X, Y, steps=1, progress=False).settings["lam_max"]
    reference = dictionary_program(X, Y, *plane_dictionary(X, 40, 0), lam=lam).value
    result = train(X, Y, lam=lam, seeds=2, steps=600, schedule="constant", progress=False)
    np.testing.assert_allclose(result.objectives, reference, rtol=0.01)


# --- what follows training --------------------------------------------------------------------------------------------


def relative_residual(network, X, Y):
    return np.max(np.linalg.norm(network(X) - Y, axis=1)) / (np.max(np.ptp(Y, axis=0)) / 2)


@cache
def plain_run(skip=True, penalise_bias=False):
    return train(*jittered(10, 2), lam=1e-3, seeds=3, steps=150, skip=skip, penalise_bias=penalise_bias, progress=False)


@cache
def finished(skip=True, penalise_bias=False, **options):
    return train(
        *jittered(10, 2), lam=1e-3, seeds=3, steps=150, skip=skip, penalise_bias=penalise_bias, progress=False, **options
    )


@pytest.mark.parametrize(("skip", "penalise_bias"), CONVENTIONS)
def test_polishing_never_raises_the_objective(skip, penalise_bias):
    plain, result = plain_run(skip, penalise_bias), finished(skip, penalise_bias, polish=True)
    assert list(plain.finish) == ["trained"]
    assert list(result.finish) == ["trained", "polished"]
    np.testing.assert_array_equal(plain.finish["trained"], plain.costs)
    np.testing.assert_array_equal(result.finish["trained"], plain.costs)
    np.testing.assert_array_equal(result.finish["polished"], result.costs)
    assert np.all(result.objectives <= plain.objectives * (1 + 1e-12))
    assert np.any(result.objectives < 0.999 * plain.objectives)
    assert skip or not any(network.A.any() for network in result.networks)
    assert result.settings["polish"] is True
    assert result.notes == ()


@pytest.mark.parametrize(("skip", "penalise_bias"), CONVENTIONS)
def test_pruning_never_raises_the_cost_and_keeps_the_function(skip, penalise_bias):
    plain, result = plain_run(skip, penalise_bias), finished(skip, penalise_bias, prune=0.01)
    assert list(result.finish) == ["trained", "pruned"]
    assert np.all(result.finish["pruned"] <= result.finish["trained"] * (1 + 1e-12))
    t = np.linspace(result.X.min(), result.X.max(), 999)
    for before, after in zip(plain.networks, result.networks, strict=True):
        assert after.n_neurons <= 0.8 * before.n_neurons
        moved = np.max(np.linalg.norm(after(t) - before(t), axis=1)) / (np.max(np.ptp(result.Y, axis=0)) / 2)
        assert moved <= 0.01 * (1 + 1e-9)
    assert result.settings["prune"] == 0.01


@pytest.mark.parametrize(("skip", "penalise_bias"), CONVENTIONS)
@pytest.mark.parametrize(
    ("options", "stages"),
    [
        ({}, ["trained", "exact"]),
        ({"polish": True}, ["trained", "polished"]),
        ({"polish": True, "prune": 1e-3}, ["trained", "polished", "pruned", "exact"]),
    ],
)
def test_exact_networks_interpolate(skip, penalise_bias, options, stages):
    result = finished(skip, penalise_bias, exact=True, **options)
    assert list(result.finish) == stages
    for name in stages:
        assert result.finish[name].shape == (3,)
    np.testing.assert_array_equal(result.finish[stages[-1]], result.costs)
    assert max(relative_residual(network, result.X, result.Y) for network in result.networks) < 1e-10
    assert skip or not any(network.A.any() for network in result.networks)
    assert result.notes == ()
    if skip and not penalise_bias:
        assert np.all(result.costs >= interpolate(result.X, result.Y).value * (1 - 1e-9))
    if "polished" in stages and "exact" not in stages:  # no others on these kinks are cheaper
        assert np.all(result.costs <= finished(skip, penalise_bias, exact=True).costs * (1 + 1e-9))


def test_all_stages_bring_the_least_norm_and_few_neurons():
    x, Y = jittered(10, 2)
    result = train(x, Y, seeds=3, steps=1000, polish=True, prune=1e-4, exact=True, progress=False)
    least = interpolate(x, Y)
    np.testing.assert_allclose(result.costs, least.value, rtol=1e-3)
    assert all(network.n_neurons <= 14 for network in result.networks)
    for network, certificate in zip(result.networks, result.certificates(), strict=True):
        assert certificate.complaints(network, x, Y, tol=2e-3) == []


@pytest.mark.parametrize("options", [{"exact": True}, {"exact": True, "polish": True}])
def test_networks_too_narrow_to_interpolate_are_left_as_trained(options):
    x, Y = jittered(12, 2)
    fixed = {"width": 2, "seeds": 2, "steps": 100, "progress": False}
    with pytest.warns(
        RuntimeWarning, match=r"network [01] could not be .*: the network's 2 neurons cannot interpolate"
    ) as seen:
        result = train(x, Y, **fixed, **options)
    assert len(result.notes) == 2
    assert [str(warning.message) for warning in seen] == list(result.notes)
    assert "use a greater width" in result.notes[1]
    plain = train(x, Y, **fixed)
    for network, unfinished in zip(result.networks, plain.networks, strict=True):
        np.testing.assert_array_equal(network(x), unfinished(x))
    np.testing.assert_array_equal(result.costs, plain.costs)


def test_labels_that_differ_at_one_input():
    x, y = [0.0, 1.0, 1.0, 2.0, 3.0], [0.0, 1.5, 0.5, 0.0, 1.0]
    fixed = {"seeds": 2, "steps": 300, "progress": False}
    result = train(x, y, lam=0.01, polish=True, **fixed)
    optimum = dictionary_program(x, y, np.ones((2, 1)), [-1.0, -2.0], lam=0.01).value
    np.testing.assert_allclose(result.objectives, optimum, rtol=1e-3)
    for options in ({"exact": True}, {"exact": True, "polish": True}):
        with pytest.raises(ValueError, match=r"X repeats the value 1\.0 with different labels"):
            train(x, y, **options, **fixed)
    for certificate in result.certificates():  # as fits at their lam
        assert certificate.lower_bound == pytest.approx(optimum, rel=1e-6)


@pytest.mark.parametrize("option", ["polish", "exact"])
def test_too_many_points_for_convex_finishing(option):
    x = np.arange(4001.0)
    with pytest.raises(ValueError, match=f"{option}.* at most 4000 distinct points, X has 4001"):
        train(x, x % 2, **{option: True})


# --- several inputs ---------------------------------------------------------------------------------------------------


@cache
def polished(n, d, T, seeds, steps):
    X, Y = jittered(n, T, 1, d=d)
    return train(X, Y, seeds=seeds, steps=steps, polish=True, exact=True, progress=False)


@pytest.mark.parametrize(("n", "d", "T", "seeds", "steps"), [
    (10, 2, 5, 6, 800), (10, 3, 2, 6, 600), pytest.param(15, 2, 5, 16, 800, marks=pytest.mark.slow),
])  # fmt: skip
def test_polished_networks_of_several_inputs_are_proved_nearly_optimal(n, d, T, seeds, steps):
    result = polished(n, d, T, seeds, steps)
    certificates = result.certificates()
    assert len(certificates) == seeds
    for network, certificate in zip(result.networks, certificates, strict=True):
        assert 0 < certificate.lower_bound <= network.vv_norm * (1 + 1e-12)
        assert certificate.vv_norm == pytest.approx(network.vv_norm, rel=1e-14)
        assert certificate.gap < 0.02
        assert certificate.relative_residual < 1e-10
        assert certificate.complaints(network, result.X, result.Y, tol=0.02) == []
        (complaint,) = certificate.complaints(network, result.X, result.Y, tol=1e-6)
        assert complaint.startswith("relative gap ")
    reference = dictionary_program(result.X, result.Y, *plane_dictionary(result.X, 20, 0))
    assert all(certificate.lower_bound <= reference.value * (1 + 1e-6) for certificate in certificates)


def test_two_inputs_without_skip_connection():
    X, Y = jittered(8, 2, 2, d=2)
    result = train(X, Y, seeds=3, steps=600, skip=False, polish=True, exact=True, progress=False)
    for network, certificate in zip(result.networks, result.certificates(), strict=True):
        assert not network.A.any()
        assert not certificate.skip
        assert 0 < certificate.lower_bound <= network.vv_norm * (1 + 1e-12)
        assert certificate.gap < 0.1
        assert certificate.complaints(network, X, Y, tol=0.1) == []


def test_certificates_where_the_kinks_of_all_networks_cannot_interpolate():
    X, Y = jittered(12, 2, 2, d=2)
    result = train(X, Y, width=2, seeds=2, steps=30, progress=False)
    for certificate in result.certificates():  # weak, but valid
        assert 0 < certificate.lower_bound <= dictionary_program(X, Y, *plane_dictionary(X, 20, 0)).value
        assert certificate.relative_residual > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(("n", "seeds", "steps"), [(20, 16, 5000), (15, 16, 5000), (20, 8, 1200)])
def test_two_inputs_reach_the_best_network_known(n, seeds, steps):
    assert_best_in_plane(train(*jittered(n, 5, 3, d=2), seeds=seeds, steps=steps, polish=True, exact=True, progress=False))


def test_two_inputs_reach_the_best_network_known_in_fewer_steps():
    assert_best_in_plane(train(*jittered(15, 5, 3, d=2), seeds=4, steps=1200, polish=True, exact=True, progress=False))


def assert_best_in_plane(result):
    """Medians of seeds: trained at most 3 %, polished at most 0.5 % above a program over lines through pairs of points."""
    reference = dictionary_program(result.X, result.Y, *plane_dictionary(result.X, 20, 0)).value
    assert np.median(result.finish["trained"]) <= 1.03 * reference
    assert np.median(result.finish["polished"]) <= 1.005 * reference
    assert max(relative_residual(network, result.X, result.Y) for network in result.networks) < 1e-10
