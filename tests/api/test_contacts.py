"""Contacts: one minimiser where they are independent, two certified ones where minimisers differ."""

from dataclasses import replace

import numpy as np
import pytest

import vvnorm

Array = np.ndarray


def data(N: int, T: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, 2)), rng.standard_normal((N, T))


@pytest.mark.parametrize("T", [2, 3])
@pytest.mark.parametrize("lam", [0.0, 0.05])
def test_random_data_have_one_minimiser(T: int, lam: float) -> None:
    X, Y = data(12, T, seed=1)
    solution = vvnorm.fit(X, Y, lam) if lam else vvnorm.interpolate(X, Y)
    contacts = solution.contacts
    assert contacts.unique is True
    assert contacts.independent
    assert contacts.dimension == 0
    assert contacts.margin > 1e-4
    assert np.all(np.abs(contacts.responses - 1) < 1e-6)
    with pytest.raises(ValueError, match="there is one minimiser"):
        contacts.pair()
    minimiser, at = contacts.network(contacts.coefficients), np.random.default_rng(1).standard_normal((50, 2))
    assert np.abs(minimiser(X) - solution(X)).max() < 1e-3
    # A band around a unique minimiser shrinks with the excess; this one is within it.
    band = solution.band(at[:2], 1e-5, outputs=0)
    value = minimiser(at[:2])[:, 0]
    assert np.all((band.outer[:, 0, 0] - 1e-4 <= value) & (value <= band.outer[:, 0, 1] + 1e-4))


def test_two_squares_have_many_minimisers() -> None:
    squares = vvnorm.two_squares()
    solution = vvnorm.interpolate(squares.X, squares.Y)
    contacts = solution.contacts
    assert contacts.unique is False
    assert contacts.dimension >= 1
    assert contacts.verify()
    members = [*contacts.pair(), contacts.vertex(), *contacts.sample(3, rng=0)]
    for member in members:
        assert np.abs(member(squares.X) - squares.Y).max() < 1e-9
        assert member.vv_norm == pytest.approx(solution.value, rel=1e-6)
    assert contacts.vertex().n_neurons <= contacts.rank
    assert np.abs(members[0]([[0.0, 0.0]]) - members[1]([[0.0, 0.0]])).max() > 0.5
    other = replace(contacts.problem, Y=contacts.problem.Y + np.eye(8)[:, :1])
    assert not replace(contacts, problem=other).verify()
    assert not replace(contacts, dual=0 * contacts.dual).verify()
    assert not replace(contacts, dual=contacts.dual * 0).verify()


def test_one_output_may_have_two_minimisers_at_random_points() -> None:
    X, Y = data(12, 1)
    contacts = vvnorm.interpolate(X, Y).contacts  # two parallel kinks between which there is no point
    assert (contacts.unique, contacts.dimension, contacts.rank) == (False, 1, len(contacts) - 1)
    first, second = contacts.pair()
    for network in (first, second):
        assert vvnorm.certify(network, X, Y, dual=contacts.dual).gap < 1e-6
    middle = (X[:, None] + X).reshape(-1, 2) / 2
    assert np.abs(first(middle) - second(middle)).max() > 0.02


def test_level_arcs_leave_minimisers_of_several_outputs() -> None:
    X, Y = data(20, 3, seed=3)
    contacts = vvnorm.interpolate(X, Y).contacts  # along an arc of directions about one point the response is level
    assert contacts.unique is False
    assert contacts.rank < len(contacts)


def test_coins_on_the_squares_leave_one_minimiser() -> None:
    squares = vvnorm.two_squares(5, 0)
    assert vvnorm.interpolate(squares.X, squares.Y).contacts.unique is True


def test_grids_with_integer_labels() -> None:
    X = np.stack(np.meshgrid(np.arange(4.0), np.arange(4.0)), axis=-1).reshape(-1, 2)
    answers = []
    for seed in (0, 1):
        contacts = vvnorm.interpolate(X, np.random.default_rng(seed).integers(0, 2, (16, 1)) * 1.0).contacts
        answers.append(contacts.unique)
        assert contacts.unique is not False or contacts.verify()
    assert False in answers


@pytest.mark.parametrize("seed", range(4))
def test_points_on_a_line_agree_with_one_input(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t, Y = np.cumsum(rng.uniform(0.2, 1, 6)), rng.standard_normal((6, 1 + seed % 2))
    line = vvnorm.interpolate(t, Y)
    contacts = vvnorm.interpolate(t[:, None] * [0.6, 0.8], Y).contacts
    assert contacts.unique is line.unique
    if not line.unique:
        assert max(np.abs(f.W @ [0.8, -0.6]).max() for f in contacts.pair()) < 1e-9
        assert line.sparsest().n_neurons <= contacts.vertex().n_neurons <= contacts.rank


def test_simplices_and_affine_labels_have_no_contacts() -> None:
    X, Y = data(3, 2)
    contacts = vvnorm.interpolate(X, Y).contacts
    assert (len(contacts), contacts.unique, contacts.rank) == (0, True, 0)
    assert np.allclose(contacts.network(contacts.coefficients)(X), Y)


def test_missing_labels() -> None:
    X, Y = data(9, 2)
    Y[2, 0], Y[4, 1] = np.nan, np.nan
    assert vvnorm.interpolate(X, Y).contacts.unique is True


def test_problems_without_contacts() -> None:
    X, Y = data(6, 1)
    with pytest.raises(ValueError, match="contacts are listed for one or two inputs"):
        _ = vvnorm.interpolate(np.column_stack([X, X[:, 0] ** 2])[:4], Y[:4]).contacts
    with pytest.raises(ValueError, match="contacts are listed for one or two inputs"):
        _ = vvnorm.interpolate(X, Y, skip=False).contacts
    with pytest.raises(ValueError, match="Huber"):
        _ = vvnorm.fit(X, Y, 0.1, loss="huber").contacts
