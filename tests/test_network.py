"""Networks as values: evaluation, derivatives, rewriting, files, and what is refused."""

import pickle
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vvnorm import ReLUNetwork
from vvnorm.network import row_norms
from vvnorm.testing import networks

Array = NDArray[np.float64]
GOOD = {"W": [[1.0], [2.0]], "b": [0.0, 1.0], "V": [[1.0, 2.0]], "A": [[1.0]], "c": [1.0]}


def random_network(d: int, T: int, K: int, seed: int = 0) -> ReLUNetwork:
    rng = np.random.default_rng([d, T, K, seed])
    shapes = ((K, d), (K,), (T, K), (T, d), (T,))
    return ReLUNetwork(*(rng.standard_normal(shape) for shape in shapes))


def naive(network: ReLUNetwork, X: Array) -> Array:
    """The defining sum, one neuron at a time."""
    out = np.empty((len(X), network.n_outputs))
    for i, x in enumerate(X):
        out[i] = network.A @ x + network.c
        for w, b, v in zip(network.W, network.b, network.V.T, strict=True):
            out[i] += v * max(float(np.dot(w, x) + b), 0.0)
    return out


def exactly(network: ReLUNetwork, x: float) -> tuple[float, float]:
    """f(x) of a one-input, one-output network, and the size of what rounding can blur, both computed in fractions."""
    at = Fraction(x)
    total, size = Fraction(float(network.A[0, 0])) * at + Fraction(float(network.c[0])), Fraction(0)
    for w, b, v in zip(network.W[:, 0].tolist(), network.b.tolist(), network.V[0].tolist(), strict=True):
        hidden = Fraction(w) * at + Fraction(b)
        size += abs(Fraction(v) * Fraction(w) * at)
        if hidden > 0:
            total += Fraction(v) * hidden
            size += abs(Fraction(v) * Fraction(b))
    size += abs(Fraction(float(network.A[0, 0])) * at) + abs(Fraction(float(network.c[0])))
    return float(total), float(size)


# --- evaluation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("T", [1, 3])
@pytest.mark.parametrize("K", [0, 1, 2, 40])
def test_evaluation_is_the_defining_sum(d: int, T: int, K: int) -> None:
    network = random_network(d, T, K)
    X = 2 * np.random.default_rng(1).standard_normal((50, d))
    assert (network.n_inputs, network.n_outputs, network.n_neurons) == (d, T, K)
    np.testing.assert_allclose(network(X), naive(network, X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_evaluation_of_degenerate_networks_is_the_defining_sum(d: int) -> None:
    @given(networks(inputs=d))
    def check(network: ReLUNetwork) -> None:
        X = np.random.default_rng(0).integers(-16, 17, (20, d)) / 8  # points on kinks too
        np.testing.assert_allclose(network(X), naive(network, X), rtol=1e-12, atol=1e-12)

    check()


def test_many_rows_are_evaluated_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network(2, 2, 10)
    X = np.random.default_rng(0).standard_normal((101, 2))
    values, slopes = network(X), network.gradient(X)
    monkeypatch.setattr("vvnorm.network._BLOCK", 30)
    np.testing.assert_allclose(network(X), values, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(network.gradient(X), slopes, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("d", [1, 2])
def test_no_points_give_no_values(d: int) -> None:
    network = random_network(d, 3, 4)
    assert network([]).shape == (0, 3)
    assert network.gradient([]).shape == (0, 3, d)


def test_integers_and_flat_lists_are_inputs() -> None:
    network = ReLUNetwork([[1]], [0], [[2]], [[1]], [3])
    np.testing.assert_array_equal(network([-1, 0, 2]), [[2], [3], [9]])
    np.testing.assert_array_equal(network(np.array([[2]], dtype=np.int8)), [[9]])


@pytest.mark.parametrize("T", [1, 4])
def test_pieces_join_at_the_kinks(T: int) -> None:
    network = random_network(1, T, 12)
    t, values, slopes = network.kinks
    assert (t.shape, values.shape, slopes.shape) == ((12,), (12, T), (13, T))
    assert np.all(np.diff(t) > 0)
    np.testing.assert_allclose(values, naive(network, t[:, None]), atol=1e-12)
    np.testing.assert_allclose(np.diff(slopes, axis=0), (network.V * np.abs(network.W[:, 0]))[:, by_kink(network)].T)


def by_kink(network: ReLUNetwork) -> NDArray[np.intp]:
    return np.argsort(-network.b / network.W[:, 0])


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("seed", range(5))
def test_kinks_over_six_hundred_orders_of_magnitude_keep_their_digits(sign: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.concatenate([-(10.0 ** np.arange(-300, 301, 25.0)), [0.0], 10.0 ** np.arange(-300, 301, 25.0)])
    order = rng.permutation(len(t))
    # Neurons that open to the right at the right and to the left at the left (or all to the right) leave 0 in peace.
    w = np.where(t < 0, -1.0, 1.0) if sign < 0 else np.ones(len(t))
    v = rng.standard_normal(len(t)) * (1.0 if sign < 0 else np.where(t < -1e100, 0.0, 1.0))
    network = ReLUNetwork(w[order, None], -(w * t)[order], v[None, order], [[0.5]], [0.0])
    points = np.concatenate([t, 3.7 * t[np.abs(t) < 1e299], [1.0, -1.0, 1e-320]])
    for x, value in zip(points.tolist(), network(points)[:, 0].tolist(), strict=True):
        exact, size = exactly(network, x)
        assert abs(value - exact) <= 1e-13 * size


@pytest.mark.parametrize(
    ("w", "b", "expected"),
    [(1e-300, 1e300, 1e300), (-1e-300, 1e300, 1e300), (1e-300, -1e300, 0.0), (5e-324, 1.0, 1.0), (-5e-324, -1.0, 0.0)],
)
def test_a_kink_beyond_float64_is_on_or_off_everywhere(w: float, b: float, expected: float) -> None:
    network = ReLUNetwork([[w], [1.0]], [b, 0.0], [[1.0, 1.0]])
    for same in (network, network.normalised(), network.balanced(), network.simplified()):
        np.testing.assert_array_equal(same([-2.0, 0.0]), np.full((2, 1), expected))
        assert same.vv_norm <= network.vv_norm
    assert network.normalised().n_neurons == 1


def test_the_slope_of_a_neuron_that_is_on_everywhere_is_kept() -> None:
    # Powers of two, so that the two offsets of 2^995 cancel exactly: the slopes 2^-34 and 2^-33 do not.
    w, b, v = 2.0**-664, 2.0**365, 2.0**630
    network = ReLUNetwork([[w], [2 * w]], [b, b], [[-v, v]], [[3.0]], [7.0])
    slope = 3 + 2.0**-34
    for same in (network, network.normalised(), network.balanced(), network.simplified()):
        np.testing.assert_allclose(same([0.0, 1.0, -2e10]), [[7.0], [7 + slope], [7 - 2e10 * slope]], rtol=1e-15)
        np.testing.assert_allclose(same.gradient([0.0]), [[[slope]]], rtol=1e-15)


def test_neurons_that_are_dead_or_constant_count_as_such() -> None:
    network = ReLUNetwork([[0.0], [0.0], [0.0], [1.0]], [2.0, -2.0, 0.0, 0.0], [[3.0, 5.0, 7.0, 0.0]])
    np.testing.assert_array_equal(network([-1.0, 1.0]), [[6.0], [6.0]])
    np.testing.assert_array_equal(network.gradient([-1.0, 1.0]), np.zeros((2, 1, 1)))
    assert network.vv_norm == 0


def test_a_million_neurons_are_evaluated_by_pieces() -> None:
    rng = np.random.default_rng(0)
    K = 10**6
    w = rng.choice([-1.0, 1.0], K)
    network = ReLUNetwork(w[:, None], rng.standard_normal(K), rng.standard_normal((1, K)))
    X = rng.standard_normal(10**5)
    values = network(X)
    for i in range(3):
        expected = network.V[0] @ np.maximum(w * X[i] + network.b, 0.0)
        assert values[i, 0] == pytest.approx(expected, abs=1e-7)


# --- derivatives ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_gradient_is_the_limit_of_differences_away_from_kinks(d: int) -> None:
    network = random_network(d, 2, 15)
    X = np.random.default_rng(2).standard_normal((200, d))
    step = 1e-6
    away = np.abs(X @ network.W.T + network.b).min(axis=1) > 10 * step * np.abs(network.W).max()
    X = X[away]
    assert len(X) > 100
    gradient = network.gradient(X)
    assert gradient.shape == (len(X), 2, d)
    for j in range(d):
        ahead = step * np.eye(d)[j]
        np.testing.assert_allclose(gradient[:, :, j], (network(X + ahead) - network(X - ahead)) / (2 * step), atol=1e-7)


@pytest.mark.parametrize("w", [[1.0], [-1.0], [3.0]])
def test_on_a_kink_a_neuron_counts_as_off(w: list[float]) -> None:
    network = ReLUNetwork([w], [-2 * w[0]], [[5.0]], [[7.0]])
    np.testing.assert_array_equal(network.gradient([2.0]), [[[7.0]]])


def test_on_a_kink_in_the_plane_a_neuron_counts_as_off() -> None:
    network = ReLUNetwork([[1.0, -1.0]], [0.0], [[5.0]])
    np.testing.assert_array_equal(network.gradient([[2.0, 2.0], [3.0, 2.0]]), [[[0.0, 0.0]], [[5.0, -5.0]]])


# --- the cost ---------------------------------------------------------------------------------------------------------


def test_vv_norm_is_the_sum_of_products_of_norms() -> None:
    network = ReLUNetwork([[3.0, 4.0], [0.0, 2.0]], [1.0, -1.0], [[5.0, 1.0], [12.0, 0.0]], [[9.0, 9.0]] * 2, [9.0, 9.0])
    assert network.vv_norm == 5 * 13 + 2 * 1


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_vv_norm_survives_scales_whose_squares_do_not(scale: float) -> None:
    network = ReLUNetwork([[3.0 * scale, 4.0 * scale]], [0.0], [[1 / scale], [0.0]])
    assert network.vv_norm == pytest.approx(5, rel=1e-15)


@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e308, 5e-324, 1.0, 1e-155, 1e155])
def test_row_norms_survive_scales_whose_squares_do_not(scale: float) -> None:
    rows = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, -1.0, 0.0]]) * scale
    np.testing.assert_allclose(row_norms(rows), np.array([np.sqrt(2), 0.0, 1.0]) * scale, rtol=1e-15)


def test_row_norms_of_rows_of_mixed_scales_and_of_none() -> None:
    np.testing.assert_allclose(row_norms(np.array([[3e-200, 4e-200], [3.0, 4.0], [3e200, 4e200]])), [5e-200, 5, 5e200])
    assert row_norms(np.empty((0, 3))).shape == (0,)
    np.testing.assert_array_equal(row_norms(np.empty((3, 0))), np.zeros(3))


# --- the same function, written differently ---------------------------------------------------------------------------

REWRITINGS = {
    "balanced": ReLUNetwork.balanced,
    "normalised": ReLUNetwork.normalised,
    "simplified": ReLUNetwork.simplified,
    "exactly simplified": lambda network: network.simplified(0),
}


@pytest.mark.parametrize("d", [1, 2, 3])
def test_rewriting_changes_no_value_and_never_costs(d: int) -> None:
    @given(networks(inputs=d, max_neurons=10, orders=20), st.integers(0, 1000))
    def check(network: ReLUNetwork, seed: int) -> None:  # drawing one takes longer than all the rest
        X = np.random.default_rng(seed).integers(-24, 25, (15, d)) / 8
        size = 1 + float(np.sum(np.abs(network.V) @ (np.abs(network.W).sum(axis=1) * 3 + np.abs(network.b))))
        for name, rewrite in REWRITINGS.items():
            same = rewrite(network)
            np.testing.assert_allclose(same(X), network(X), rtol=0, atol=1e-9 * size, err_msg=name)
            assert same.vv_norm <= network.vv_norm * (1 + 1e-12), name
            assert same.n_neurons <= network.n_neurons, name
            assert (row_norms(same.V.T) > 0).all(), name

    check()


@pytest.mark.parametrize("d", [1, 2, 3])
def test_normalised_and_balanced_have_the_norms_they_promise(d: int) -> None:
    network = random_network(d, 2, 9)
    unit, balanced = network.normalised(), network.balanced()
    np.testing.assert_allclose(row_norms(unit.W), 1, rtol=1e-15)
    np.testing.assert_allclose(row_norms(balanced.W), row_norms(balanced.V.T), rtol=1e-14)
    penalty = (np.sum(balanced.W**2) + np.sum(balanced.V**2)) / 2
    assert penalty == pytest.approx(network.vv_norm, rel=1e-13)
    assert penalty < (np.sum(network.W**2) + np.sum(network.V**2)) / 2


def test_opposite_neurons_at_one_kink_merge_through_the_skip_connection() -> None:
    network = ReLUNetwork([[1.0], [-1.0]], [-0.5, 0.5], [[1.0, 2.0]])
    merged = network.simplified()
    assert merged.n_neurons == 1
    assert merged.vv_norm == network.vv_norm == 3
    np.testing.assert_array_equal(merged([-1.0, 0.5, 2.0]), network([-1.0, 0.5, 2.0]))
    np.testing.assert_array_equal(merged.A, [[-2.0]])


def test_neurons_that_cancel_leave_a_line() -> None:
    network = ReLUNetwork([[2.0, 0.0], [-2.0, 0.0]], [2.0, -2.0], [[1.0, -1.0]])  # relu(z) - relu(-z) = z
    line = network.simplified()
    assert (line.n_neurons, line.vv_norm) == (0, 0)
    np.testing.assert_array_equal(line.A, [[2.0, 0.0]])
    np.testing.assert_array_equal(line.c, [2.0])


def test_in_the_plane_parallel_kinks_stay_apart_and_equal_ones_merge() -> None:
    network = ReLUNetwork([[1.0, 2.0], [3.0, 6.0], [-2.0, -4.0], [1.0, 2.0]], [1.0, 3.0, -2.0, 1.5], [[1.0, 1, 1, 1]])
    merged = network.simplified()
    assert merged.n_neurons == 2
    X = np.random.default_rng(0).standard_normal((30, 2))
    np.testing.assert_allclose(merged(X), network(X), atol=1e-13)


def test_kinks_are_merged_up_to_the_tolerance_and_not_beyond() -> None:
    network = ReLUNetwork([[1.0], [1.0], [1.0]], [-1.0, -1.0 - 1e-6, -2.0], [[1.0, 3.0, 1.0]])
    assert network.simplified().n_neurons == 3
    merged = network.simplified(tol=1e-5)
    assert sorted(merged.b.tolist()) == [-2.0, -1.0 - 1e-6]  # the heavier neuron's kink
    assert np.abs(merged([0.0, 1.5, 3.0]) - network([0.0, 1.5, 3.0])).max() <= 1e-5 * 5 * 5


def test_neurons_without_weights_vanish_into_the_bias() -> None:
    network = ReLUNetwork([[0.0], [0.0], [1.0], [2.0]], [3.0, -3.0, 1.0, 0.0], [[2.0, 2.0, 0.0, 5.0]], c=[1.0])
    for same in (network.normalised(), network.balanced(), network.simplified()):
        assert same.n_neurons == 1
        np.testing.assert_array_equal(same.c, [7.0])
        np.testing.assert_allclose(same([-1.0, 1.0]), [[7.0], [17.0]], rtol=1e-15)


@pytest.mark.parametrize("d", [1, 2])
def test_a_network_without_neurons_is_affine(d: int) -> None:
    A = np.arange(2.0 * d).reshape(2, d)
    network = ReLUNetwork(np.zeros((0, d)), [], np.zeros((2, 0)), A, [3.0, 4.0])
    X = np.random.default_rng(0).standard_normal((5, d))
    for same in (network, network.balanced(), network.normalised(), network.simplified()):
        np.testing.assert_allclose(same(X), X @ A.T + [3.0, 4.0], rtol=1e-14, atol=1e-14)
        np.testing.assert_array_equal(same.gradient(X), np.repeat(A[None], 5, axis=0))
        assert (same.vv_norm, same.n_neurons) == (0, 0)


# --- values: read-only and one's own ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(GOOD))
def test_arrays_are_read_only_copies(name: str) -> None:
    given_ = {key: np.array(value) for key, value in GOOD.items()}
    network = ReLUNetwork(**given_)
    kept = getattr(network, name)
    assert kept.dtype == np.float64
    before = kept.copy()
    with pytest.raises(ValueError, match="read-only"):
        kept[...] = 0
    given_[name][...] = 99
    np.testing.assert_array_equal(kept, before)
    assert not np.shares_memory(kept, given_[name])
    given_[name][...] = 98  # and the caller's own array stays writable
    with pytest.raises(AttributeError):
        setattr(network, name, before)


def test_results_of_evaluation_are_the_callers_own() -> None:
    network = random_network(1, 1, 3)
    X = np.array([0.3])
    first = network(X)
    first[...] = 0
    assert network(X) != 0
    slopes = network.gradient(X)
    slopes[...] = 0
    assert network.gradient(X) != 0


def test_skip_connection_and_bias_are_zero_by_default() -> None:
    network = ReLUNetwork(np.ones((2, 3)), np.ones(2), np.ones((4, 2)))
    np.testing.assert_array_equal(network.A, np.zeros((4, 3)))
    np.testing.assert_array_equal(network.c, np.zeros(4))


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "T", "K"), [(1, 1, 0), (1, 2, 5), (3, 2, 7)])
def test_a_saved_network_comes_back_bit_for_bit(tmp_path: Path, d: int, T: int, K: int) -> None:
    network = random_network(d, T, K)
    network.save(tmp_path / "network.npz")
    again = ReLUNetwork.load(str(tmp_path / "network.npz"))
    for name in GOOD:
        assert getattr(again, name).tobytes() == getattr(network, name).tobytes()
        assert getattr(again, name).shape == getattr(network, name).shape
        assert not getattr(again, name).flags.writeable


def test_extreme_weights_are_saved_bit_for_bit(tmp_path: Path) -> None:
    network = ReLUNetwork([[5e-324], [1.7e308]], [-0.0, 0.1], [[1 / 3, -5e-324]])
    network.save(tmp_path / "network.npz")
    again = ReLUNetwork.load(tmp_path / "network.npz")
    assert all(getattr(again, name).tobytes() == getattr(network, name).tobytes() for name in GOOD)


def test_truncated_files_are_refused_at_every_length(tmp_path: Path) -> None:
    path = tmp_path / "network.npz"
    random_network(2, 2, 5).save(path)
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 41), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"network\.npz"):
            ReLUNetwork.load(path)


def test_a_flipped_bit_in_the_weights_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "network.npz"
    network = random_network(1, 1, 50)
    network.save(path)
    damaged = bytearray(path.read_bytes())
    place = damaged.index(network.b.tobytes())
    damaged[place + 3] ^= 1
    path.write_bytes(bytes(damaged))
    with pytest.raises(ValueError, match="not a whole NPZ file"):
        ReLUNetwork.load(path)


class Bomb:
    """What must not be run by loading."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a pickle was executed",)


FOREIGN = {
    "text": lambda path: path.write_text("W = 1"),
    "empty": lambda path: path.write_bytes(b""),
    "pickle": lambda path: path.write_bytes(pickle.dumps(Bomb())),
    "array": lambda path: path.write_bytes(array_bytes(path)),
    "other npz": lambda path: np.savez(path, X=np.ones(3)),
    "pickled weights": lambda path: np.savez(path, **saved(W=np.array([[Bomb()]], dtype=object))),
    "pickled extra": lambda path: np.savez(path, **saved(extra=np.array([Bomb()], dtype=object))),
    "text weights": lambda path: np.savez(path, **saved(W=np.array([["a"]]))),
    "other shapes": lambda path: np.savez(path, **saved(b=np.ones(2))),
    "NaN": lambda path: np.savez(path, **saved(c=np.array([np.nan]))),
    "other format": lambda path: np.savez(path, **saved(format=np.array(2))),
    "text format": lambda path: np.savez(path, **saved(format=np.array("1"))),
    "two formats": lambda path: np.savez(path, **saved(format=np.array([1, 1]))),
}


def saved(**changed: object) -> dict[str, object]:
    good = {"W": np.ones((1, 1)), "b": np.ones(1), "V": np.ones((1, 1)), "A": np.ones((1, 1)), "c": np.ones(1)}
    return {**good, "format": np.array(1), **changed}


def array_bytes(path: Path) -> bytes:
    np.save(path.with_suffix(".npy"), np.ones(3))
    return path.with_suffix(".npy").read_bytes()


@pytest.mark.parametrize("kind", list(FOREIGN))
def test_foreign_files_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "foreign.npz"
    FOREIGN[kind](path)
    with pytest.raises(ValueError, match=r"foreign\.npz"):
        ReLUNetwork.load(path)


def test_the_files_of_this_test_are_otherwise_good(tmp_path: Path) -> None:
    np.savez(tmp_path / "good.npz", **saved())
    np.testing.assert_array_equal(ReLUNetwork.load(tmp_path / "good.npz")([1.0]), [[4.0]])


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.npz", tmp_path):
        with pytest.raises(ValueError, match="cannot read"):
            ReLUNetwork.load(path)


@pytest.mark.parametrize("name", ["network", "network.npy", "absent/network.npz"])
def test_a_name_that_cannot_be_written_leaves_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"path must end in \.npz|cannot write"):
        random_network(1, 1, 2).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_in_the_middle_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "network.npz"
    random_network(1, 1, 2).save(path)
    old = path.read_bytes()

    def full(stream, **_: object) -> None:
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises((OSError, ValueError), match="No space left"):
        random_network(1, 1, 9).save(path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(GOOD))
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (lambda good: np.full_like(good, np.nan), ValueError),
        (lambda good: np.full_like(good, np.inf), ValueError),
        (lambda good: good.astype(str), TypeError),
        (lambda good: good.astype(str).astype(object), TypeError),
        (lambda good: good.astype(complex), TypeError),
        (lambda good: good[..., None], ValueError),
        (lambda good: good[0], ValueError),
        (lambda good: np.concatenate([good] * 5), ValueError),
        (lambda good: [[1.0], [1.0, 2.0]], ValueError),
        (lambda good: "text", TypeError),
    ],
    ids=["nan", "inf", "str", "object", "complex", "deeper", "flatter", "longer", "ragged", "text"],
)
def test_every_bad_parameter_is_named(name: str, value, error: type[Exception]) -> None:
    bad = {**GOOD, name: value(np.array(GOOD[name]))}
    # Too many rows of b or V change what the other shapes must be; then any of the parameters may be named.
    named = r"\b[WVAbc] " if error is ValueError and name in "bV" else rf"\b{name} "
    with pytest.raises(error, match=named):
        ReLUNetwork(**bad)


def test_a_network_without_inputs_or_outputs_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one input and one output"):
        ReLUNetwork(np.zeros((1, 0)), [0.0], [[1.0]])
    with pytest.raises(ValueError, match="at least one input and one output"):
        ReLUNetwork([[1.0]], [0.0], np.zeros((0, 1)))


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros((2, 5)), ValueError, "X has 5 columns"),
        (np.zeros((2, 2, 2)), ValueError, "X must have 1 or 2 dimensions"),
        (0.5, ValueError, "X must have 1 or 2 dimensions"),
        ([[np.nan] * 2], ValueError, "X holds nan"),
        ([[np.inf] * 2], ValueError, "X holds inf"),
        (["a"], TypeError, "X must hold real numbers"),
        ([[1.0], [1.0, 2.0]], ValueError, "X is not a rectangular array"),
    ],
)
def test_bad_inputs_are_named(d: int, X, error: type[Exception], message: str) -> None:
    network = random_network(d, 1, 2)
    for evaluate in (network, network.gradient):
        with pytest.raises(error, match=message):
            evaluate(X)


def test_a_flat_list_is_not_taken_for_points_of_the_plane() -> None:
    with pytest.raises(ValueError, match="X has 1 column; the network has 2 inputs"):
        random_network(2, 1, 2)([1.0, 2.0])


def test_only_networks_of_one_input_have_a_list_of_kinks() -> None:
    with pytest.raises(ValueError, match="one input, this one has 2"):
        _ = random_network(2, 1, 2).kinks


@pytest.mark.parametrize("tol", [-1.0, float("nan"), "small", None])
def test_a_bad_tolerance_is_named(tol) -> None:
    with pytest.raises((TypeError, ValueError), match=r"tol must be a (non-negative finite )?number"):
        random_network(1, 1, 2).simplified(tol)


def test_exact_merging_tells_kinks_apart_at_any_scale() -> None:
    network = ReLUNetwork([[1e-250], [-1e-300], [1.0], [-1.0]], [1.0, 1.0, 0.25, 0.25], np.ones((1, 4)), [[1.0]], [0.5])
    x = [-3.0, 0.0, 0.1, 7.0]
    np.testing.assert_allclose(network.simplified(0)(x), network(x), rtol=1e-14)
