"""The learned kernel and its solutions against dense linear algebra, and changes that leave them as they are."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from vvnorm import ReLUNetwork
from vvnorm.analysis.feature_kernels import feature_kernel, kernel_solution
from vvnorm.testing import networks


def random_network(rng: np.random.Generator, neurons: int, inputs: int = 2, outputs: int = 4) -> ReLUNetwork:
    W, b = rng.standard_normal((neurons, inputs)), rng.standard_normal(neurons)
    V, A = rng.standard_normal((outputs, neurons)), rng.standard_normal((outputs, inputs))
    return ReLUNetwork(W, b, V, A, rng.standard_normal(outputs))


def features(f: ReLUNetwork, X: np.ndarray) -> np.ndarray:
    """Hidden activations for ||w_k|| = 1."""
    return np.maximum(X @ f.W.T + f.b, 0) / np.linalg.norm(f.W, axis=1)


def others(f: ReLUNetwork, output: int) -> np.ndarray:
    """||v_{k,-s}|| for ||w_k|| = 1."""
    return np.linalg.norm(f.W, axis=1) * np.linalg.norm(np.delete(f.V, output, axis=0), axis=0)


def dense_solution(
    f: ReLUNetwork, X: np.ndarray, y: np.ndarray, eta: np.ndarray, lam: float, skip: bool, Z: np.ndarray
) -> np.ndarray:
    """Values at Z by the kernel matrix: (K + lam) a + P p = y, P'a = 0."""
    P, Q = (np.column_stack([np.ones(len(x)), x if skip else x[:, :0]]) for x in (X, Z))
    K = (features(f, X) * eta) @ features(f, X).T
    system = np.block([[K + lam * np.eye(len(X)), P], [P.T, np.zeros((P.shape[1],) * 2)]])
    solution = np.linalg.lstsq(system, np.append(y, np.zeros(P.shape[1])), rcond=None)[0]
    return (features(f, Z) * eta) @ features(f, X).T @ solution[: len(X)] + Q @ solution[len(X) :]


@pytest.mark.parametrize("output", [0, 3])
def test_the_kernel_is_its_definition(output: int, rng: np.random.Generator) -> None:
    f, X, Z = random_network(rng, 9), rng.standard_normal((5, 2)), rng.standard_normal((7, 2))
    kernel = feature_kernel(f, output)
    expected = np.zeros((5, 7))
    for i, x in enumerate(X):
        for j, z in enumerate(Z):
            for w, b, v in zip(f.W, f.b, f.V.T, strict=True):
                size = np.linalg.norm(w)
                pair = max(w @ x + b, 0) / size * max(w @ z + b, 0) / size
                expected[i, j] += size * np.linalg.norm(np.delete(v, output)) * pair
    np.testing.assert_allclose(kernel(X, Z), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(kernel(X), kernel(X, X), rtol=1e-14)
    np.testing.assert_array_equal(np.linalg.norm(kernel.W, axis=1).round(14), 1)


@given(f=networks(inputs=2, outputs=3), seed=st.integers(0, 99))
def test_the_kernel_is_of_the_function_not_of_its_neurons(f: ReLUNetwork, seed: int) -> None:
    """Nor does it depend on the output itself, on the order of the others, or on copies of neurons."""
    rng = np.random.default_rng(seed)
    X, part = rng.standard_normal((6, 2)), rng.uniform(0.1, 0.9, f.n_neurons)
    size, order = 2.0 ** rng.integers(-9, 9, 2 * f.n_neurons), rng.permutation(2 * f.n_neurons)
    V = np.hstack([f.V * part, f.V * (1 - part)]) / size
    V = np.vstack([rng.standard_normal(V.shape[1]), V[2], V[1]])
    other = ReLUNetwork((np.vstack([f.W] * 2) * size[:, None])[order], (np.tile(f.b, 2) * size)[order], V[:, order])
    np.testing.assert_allclose(feature_kernel(other)(X), feature_kernel(f)(X), rtol=1e-11, atol=1e-12)


def test_given_weights_replace_those_of_the_other_outputs(rng: np.random.Generator) -> None:
    f, X, eta = random_network(rng, 6), rng.standard_normal((4, 2)), rng.uniform(size=6)
    eta[2] = 0
    np.testing.assert_allclose(feature_kernel(f, weights=eta)(X), (features(f, X) * eta) @ features(f, X).T, rtol=1e-12)
    np.testing.assert_allclose(feature_kernel(f, 1, weights=others(f, 1))(X), feature_kernel(f, 1)(X), rtol=1e-12)
    alone = ReLUNetwork(f.W, f.b, f.V[:1])
    np.testing.assert_allclose(feature_kernel(alone, weights=eta)(X), feature_kernel(f, weights=eta)(X), rtol=1e-14)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("lam", [0.0, 1e-6, 0.1, 100.0])
@pytest.mark.parametrize("neurons", [30, 200])
def test_solutions_agree_with_the_kernel_matrix(lam: float, skip: bool, neurons: int) -> None:
    rng = np.random.default_rng(neurons)
    f, X, y, Z = (
        random_network(rng, neurons),
        rng.standard_normal((15, 2)),
        rng.standard_normal(15),
        rng.standard_normal((40, 2)),
    )
    g = kernel_solution(f, X, y, output=2, lam=lam, skip=skip)
    expected = dense_solution(f, X, y, others(f, 2), lam, skip, Z)
    np.testing.assert_allclose(g(Z)[:, 0], expected, atol=1e-7 * np.abs(expected).max())
    assert g.n_outputs == 1
    assert skip or not g.A.any()
    if lam == 0:
        np.testing.assert_allclose(g(X)[:, 0], y, atol=1e-11)


@pytest.mark.parametrize("skip", [True, False])
def test_the_ridge_solution_is_a_minimum_of_its_objective(skip: bool, rng: np.random.Generator) -> None:
    f, X, y, lam = random_network(rng, 12), rng.standard_normal((9, 2)), rng.standard_normal((9, 1)), 0.3
    phi, eta = features(f, X), others(f, 0)

    def objective(p: np.ndarray) -> float:
        fit = phi @ p[:12] + X @ p[12:14] * skip + p[14] - y[:, 0]
        return float(fit @ fit / 2 + lam / 2 * np.sum(p[:12] ** 2 / eta))

    g = kernel_solution(f, X, y, lam=lam, skip=skip)
    least = objective(np.concatenate([g.V[0], g.A[0], g.c]))
    np.testing.assert_allclose(g.W, f.W / np.linalg.norm(f.W, axis=1, keepdims=True), rtol=1e-14)
    assert least == pytest.approx(minimize(objective, np.zeros(15), options={"gtol": 1e-9}).fun, rel=1e-9)
    for step in rng.standard_normal((20, 15)) * 1e-3:
        assert least <= objective(np.concatenate([g.V[0], g.A[0], g.c]) + step)


def test_second_order_limit_of_one_task_among_many(rng: np.random.Generator) -> None:
    """Task s alone pays sum_k sqrt(v_k^2 + m_k^2); as the m_k grow by t and lam by t, that is kernel ridge regression."""
    f, X, y = random_network(rng, 6), rng.standard_normal((8, 2)), rng.standard_normal(8)
    phi, m = features(f, X), others(f, 0)
    gaps = []
    for t in (1.0, 10.0, 100.0):

        def objective(p: np.ndarray, t: float = t) -> float:
            fit = phi @ p[:6] + X @ p[6:8] + p[8] - y
            # sqrt(v^2 + a^2) - a without cancellation.
            return float(fit @ fit / 2 + 0.1 * t * np.sum(p[:6] ** 2 / (np.hypot(p[:6], t * m) + t * m)))

        best = minimize(objective, np.zeros(9), options={"gtol": 1e-8}).x
        g = kernel_solution(f, X, y, lam=0.1 * t, weights=t * m)
        gaps.append(np.abs(phi @ best[:6] + X @ best[6:8] + best[8] - g(X)[:, 0]).max())
    assert gaps[1] < gaps[0] / 20
    assert gaps[2] < 1e-4


@pytest.mark.parametrize("scale", [1e-100, 1e-8, 1e8, 1e100])
def test_units_do_not_matter(scale: float, rng: np.random.Generator) -> None:
    f, X, y, Z = random_network(rng, 30), rng.standard_normal((9, 2)), rng.standard_normal(9), rng.standard_normal((9, 2))
    for lam in (0.0, 0.2):
        expected = kernel_solution(f, X, y, lam=lam)(Z)
        louder = kernel_solution(f, X, y * scale, lam=lam)(Z) / scale
        heavier = kernel_solution(f, X, y, lam=lam * scale, weights=others(f, 0) * scale)(Z)
        wide = ReLUNetwork(f.W / scale, f.b, f.V * scale, f.A)
        wider = kernel_solution(wide, X * scale, y, lam=lam * scale**2, weights=others(f, 0))(Z * scale)
        for other in (louder, heavier, wider):
            np.testing.assert_allclose(other, expected, rtol=1e-7, atol=1e-9)


def test_labels_on_a_plane_need_no_neurons(rng: np.random.Generator) -> None:
    f, X = random_network(rng, 20), rng.standard_normal((30, 2)) + 100
    for lam in (0.0, 1.0):
        g = kernel_solution(f, X, X @ [2.0, -3.0] + 5, lam=lam)
        np.testing.assert_allclose(g.A, [[2, -3]], atol=1e-8)
        assert np.abs(g.V).max() < 1e-8
        h = kernel_solution(f, X, np.full(30, 7.0), lam=lam, skip=False)
        assert (h.c[0], np.abs(h.V).max()) == (pytest.approx(7, rel=1e-12), pytest.approx(0, abs=1e-11))


def test_repeated_points_and_flat_inputs_have_a_solution(rng: np.random.Generator) -> None:
    f, x = random_network(rng, 40), rng.standard_normal(6)
    X = np.column_stack([x, 2 * x + 1])[[0, 1, 2, 3, 4, 5, 0, 3]]
    y = rng.standard_normal(6)[[0, 1, 2, 3, 4, 5, 0, 3]]
    np.testing.assert_allclose(kernel_solution(f, X, y)(X)[:, 0], y, atol=1e-9)
    constant = np.array([[1.0, 2.0]] * 3)
    np.testing.assert_allclose(kernel_solution(f, constant, [1.0, 2.0, 3.0], lam=1.0)(constant), 2, rtol=1e-12)


def test_one_input(rng: np.random.Generator) -> None:
    x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, -1.0, 0.5, 2.0])
    f = ReLUNetwork(np.ones((2, 1)), [-1.0, -2.0], [[0.0, 0.0], [1.0, 3.0]])
    g = kernel_solution(f, x, y)  # as many weights as labels: connect the dots, whatever the weights
    np.testing.assert_allclose(g(x)[:, 0], y, atol=1e-13)
    np.testing.assert_allclose(g.V, [[3.5, 0.0]], atol=1e-13)


def test_neurons_that_no_other_output_uses_and_constants_stay_out(rng: np.random.Generator) -> None:
    W = np.vstack([rng.standard_normal((3, 2)), np.zeros((1, 2))])
    f = ReLUNetwork(W, rng.standard_normal(4), [[1.0, 1, 1, 1], [1.0, 0, 2, 5]])
    assert feature_kernel(f).weights.shape == (2,)
    assert kernel_solution(f, rng.standard_normal((9, 2)), rng.standard_normal(9), lam=1).n_neurons == 2
    bare = ReLUNetwork(np.empty((0, 2)), [], np.empty((2, 0)), [[1, 2], [3, 4]])
    assert feature_kernel(bare)([[1.0, 2.0]]).tolist() == [[0.0]]
    assert feature_kernel(bare, weights=[])([[1.0, 2.0]]).tolist() == [[0.0]]
    assert kernel_solution(bare, [[0.0, 0], [1, 0], [0, 1]], [0.0, 2, 3]).A.round(12).tolist() == [[2, 3]]


def test_too_few_features_say_how_far_they_miss() -> None:
    f = ReLUNetwork([[1.0]], [-1.0], [[0.0], [1.0]])
    with pytest.raises(ValueError, match=r"the 1 neuron .* misses a label by 0\.\d+; take lam > 0"):
        kernel_solution(f, [0.0, 1, 2, 3], [0.0, 1, 0, 1])
    with pytest.raises(ValueError, match="misses a label by 1"):
        kernel_solution(f, [0.0, 0.0], [0.0, 2.0])


NET = ReLUNetwork([[1.0, 0.0]], [0.0], [[1.0], [2.0]])
X2, Y2 = [[0.0, 0.0], [1.0, 1.0]], [0.0, 1.0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: feature_kernel("net"), TypeError, "f must be a ReLUNetwork, got str"),  # type: ignore[arg-type]
        (lambda: feature_kernel(NET, 2), ValueError, "output must be less than 2, .* got 2"),
        (lambda: feature_kernel(ReLUNetwork([[1.0]], [0.0], [[1.0]])), ValueError, "f has one output.*give weights"),
        (lambda: feature_kernel(NET, weights=[-1.0]), ValueError, "weights must not be negative, got -1.0 for neuron 0"),
        (lambda: feature_kernel(NET, weights=[np.nan]), ValueError, "weights holds nan"),
        (
            lambda: feature_kernel(NET, weights=[1.0, 2.0]),
            ValueError,
            r"weights has shape \(2,\); the network has 1 neuron",
        ),
        (lambda: feature_kernel(NET)([1.0, 2.0]), ValueError, "X has 1 column; the kernel has 2 inputs"),
        (lambda: feature_kernel(NET)(X2, [[1.0]]), ValueError, "Z has 1 column; the kernel has 2 inputs"),
        (lambda: kernel_solution(NET, [1.0, 2.0], Y2), ValueError, "X has 1 column; the network has 2 inputs"),
        (lambda: kernel_solution(NET, X2, [1.0]), ValueError, "y has 1 row but there are 2 inputs"),
        (lambda: kernel_solution(NET, X2, [0.0, np.nan]), ValueError, "y holds nan"),
        (lambda: kernel_solution(NET, X2, [[1, 2], [3, 4]]), ValueError, r"y must be one column, got shape \(2, 2\)"),
        (lambda: kernel_solution(NET, X2, Y2, lam=-1), ValueError, "lam must be .* got -1"),
        (lambda: kernel_solution(NET, X2, Y2, lam=np.nan), ValueError, "lam must be .* got nan"),
        (lambda: kernel_solution(NET, X2, Y2, lam="1"), TypeError, "lam must be a number, got '1'"),  # type: ignore[arg-type]
        (lambda: kernel_solution(NET, X2, Y2, lam=False), TypeError, "lam must be a number, got False"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
