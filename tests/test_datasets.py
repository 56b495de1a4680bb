import re
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vvnorm.datasets import (
    Dataset,
    aligned_dataset,
    bernoulli_auxiliary,
    builtin_dataset,
    collinear_dataset,
    gaussian_auxiliary,
    load_dataset,
    random_dataset,
    two_squares,
)
from vvnorm.validation import as_count, as_generator, as_inputs, as_labels, sorted_univariate

NAN, INF = np.nan, np.inf

# --- validation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "kind", "culprit"),
    [
        ([], ValueError, "X is empty"),
        (np.empty((3, 0)), ValueError, "no columns"),
        (3.0, ValueError, "1 or 2 dimensions"),
        (np.zeros((2, 2, 2)), ValueError, r"shape \(2, 2, 2\)"),
        ([[1, 2], [3]], ValueError, "not a rectangular array"),
        ([0, NAN], ValueError, "nan at row 1, column 0"),
        ([[0, 1], [2, -INF]], ValueError, "-inf at row 1, column 1"),
        (np.array([1e308, 1e308, INF]), ValueError, "inf at row 2"),
        (["1", "2"], TypeError, "'1'"),
        ([1, "two"], TypeError, "real numbers"),
        (np.array([1, "2"], dtype=object), TypeError, "'2'"),
        (np.array([1.0, {}], dtype=object), TypeError, "{}"),
        ([1 + 2j], TypeError, "complex"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), TypeError, "datetime64"),
        (None, TypeError, "None"),
    ],
)
def test_bad_inputs_are_refused_and_named(bad, kind, culprit):
    with pytest.raises((TypeError, ValueError)) as caught:
        as_inputs(bad)
    if bad is not None:  # None is an object scalar: either error is right
        assert caught.type is kind
        assert re.search(culprit, str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.float32, np.float16, bool, object, np.longdouble])
def test_every_real_number_type_becomes_float64(dtype):
    values = as_inputs(np.array([0, 1, 1], dtype=dtype))
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, [[0.0], [1.0], [1.0]])


def test_fractions_and_python_integers_are_real_numbers():
    np.testing.assert_array_equal(as_inputs([Fraction(1, 2), 3])[:, 0], [0.5, 3.0])


def test_a_number_beyond_float64_is_named_as_infinite():
    with pytest.raises(ValueError, match="inf at row 0"):
        as_inputs(np.array([np.longdouble("1e4000")]))


def test_finite_entries_whose_sum_overflows_are_accepted():
    assert as_inputs([1.7e308, 1.7e308, -1.7e308]).shape == (3, 1)


@pytest.mark.parametrize(
    ("labels", "n", "options", "culprit"),
    [
        ([1, 2], 3, {}, "Y has 2 rows but there are 3 inputs"),
        ([1, NAN], 2, {}, "nan at row 1, column 0"),
        ([1, INF], 2, {"allow_missing": True}, "inf at row 1"),
        ([[1, NAN], [2, NAN]], 2, {"allow_missing": True}, "output 1 has no label"),
        (np.empty((2, 0)), 2, {}, "no outputs"),
        ([], 0, {}, "empty"),
    ],
)
def test_bad_labels_are_refused_and_named(labels, n, options, culprit):
    with pytest.raises(ValueError, match=culprit):
        as_labels(labels, n, **options)


def test_missing_labels_pass_where_they_are_allowed():
    Y = as_labels([[1, NAN], [NAN, 2]], 2, allow_missing=True)
    np.testing.assert_array_equal(np.isnan(Y), [[False, True], [True, False]])


@pytest.mark.parametrize("bad", [None, -1, 1.5, True, "0"])
def test_randomness_is_always_stated(bad):
    with pytest.raises(TypeError, match="rng"):
        as_generator(bad)


def test_counts_are_whole_numbers():
    assert as_count(np.int64(3), "n") == 3
    with pytest.raises(TypeError, match="n must be a whole number"):
        as_count(2.0, "n")
    with pytest.raises(ValueError, match="n must be at least 2, got 1"):
        as_count(1, "n", 2)


# --- data sets --------------------------------------------------------------------------------------------------------


def test_a_dataset_is_immutable_and_does_not_alias_the_callers_arrays():
    X, Y = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    data = Dataset(X, Y)
    X[0], Y[0] = 9, 9
    assert data.X[0, 0] == 0
    assert data.Y[0, 0] == 2
    assert X.flags.writeable
    for array in (data.X, data.Y):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    assert (data.x_names, data.y_names, len(data)) == (("x0",), ("y0",), 2)


def test_a_dataset_refuses_names_that_do_not_fit():
    with pytest.raises(ValueError, match="x_names has 2 names for 1 column"):
        Dataset([0, 1], [0, 1], ("a", "b"))


def test_with_auxiliary_keeps_the_names_of_the_primary_outputs():
    data = Dataset([0, 1], [0, 1], y_names=("dose",))
    more = data.with_auxiliary(gaussian_auxiliary(data.Y, 2, 1.0, 0))
    assert more.y_names == ("dose", "auxiliary1", "auxiliary2")
    np.testing.assert_array_equal(more.Y[:, :1], data.Y)


def test_sorting_keeps_labels_with_their_inputs():
    x, Y = sorted_univariate([3, 1, 2], [[30, 0], [10, 1], [20, 2]])
    np.testing.assert_array_equal(x, [1, 2, 3])
    np.testing.assert_array_equal(Y, [[10, 1], [20, 2], [30, 0]])


def test_sorted_data_are_copied_too():
    x = np.array([0.0, 1.0])
    copy, _ = sorted_univariate(x, x)
    assert not np.shares_memory(copy, x)


def test_several_features_are_refused():
    with pytest.raises(ValueError, match="2 columns"):
        sorted_univariate(np.zeros((2, 2)), [0, 1])


def test_equal_labels_of_a_repeated_input_are_merged_under_every_policy():
    for policy in ("error", "average", "first"):
        x, Y = sorted_univariate([1, 0, 1], [5, 4, 5], repeats=policy)
        np.testing.assert_array_equal(x, [0, 1])
        np.testing.assert_array_equal(Y[:, 0], [4, 5])


def test_different_labels_of_a_repeated_input_need_a_policy():
    X, Y = [2, 1, 2, 2], [[3, 0], [1, 1], [7, 0], [8, 0]]
    with pytest.raises(ValueError, match=r"repeats the value 2.0 with different labels \(3.0 and 8.0 in output 0\)"):
        sorted_univariate(X, Y)
    np.testing.assert_array_equal(sorted_univariate(X, Y, repeats="average")[1], [[1, 1], [6, 0]])
    np.testing.assert_array_equal(sorted_univariate(X, Y, repeats="first")[1], [[1, 1], [3, 0]])
    with pytest.raises(ValueError, match="repeats must be one of error, average, first, got 'last'"):
        sorted_univariate(X, Y, repeats="last")


def test_a_missing_label_gives_way_to_a_present_one():
    X = [0, 1, 1, 1, 2, 2]
    Y = [[0, 0], [NAN, 1], [4, NAN], [6, 1], [NAN, 2], [NAN, 2]]
    np.testing.assert_array_equal(sorted_univariate(X, Y, repeats="average")[1], [[0, 0], [5, 1], [NAN, 2]])
    np.testing.assert_array_equal(sorted_univariate(X, Y, repeats="first")[1], [[0, 0], [4, 1], [NAN, 2]])
    np.testing.assert_array_equal(sorted_univariate(X[:3], Y[:3])[1], [[0, 0], [4, 1]])


def test_averaging_does_not_overflow():
    assert sorted_univariate([0, 0], [1.7e308, 1.5e308], repeats="average")[1][0, 0] == 1.6e308


def test_zero_and_minus_zero_are_one_input():
    assert len(sorted_univariate([0.0, -0.0], [1, 1])[0]) == 1


# --- auxiliary labels -------------------------------------------------------------------------------------------------


def test_gaussian_auxiliary_labels_have_the_stated_size_and_seed():
    Y = np.zeros((4000, 1))
    drawn = gaussian_auxiliary(Y, 3, 5.0, 7)
    assert drawn.shape == (4000, 4)
    np.testing.assert_array_equal(drawn[:, 0], 0)
    np.testing.assert_allclose(drawn[:, 1:].std(axis=0), 5.0, rtol=0.1)
    np.testing.assert_array_equal(drawn, gaussian_auxiliary(Y, 3, 5.0, np.random.default_rng(7)))


def test_bernoulli_auxiliary_labels_are_fair_coins():
    drawn = bernoulli_auxiliary(np.ones(4000), 2, 7)[:, 1:]
    assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_allclose(drawn.mean(axis=0), 0.5, atol=0.05)


@pytest.mark.parametrize("sigma", [0, -1, NAN, INF, "1", None])
def test_a_bad_sigma_is_refused(sigma):
    with pytest.raises((TypeError, ValueError), match=r"sigma must be a (positive finite )?number"):
        gaussian_auxiliary([1.0], 1, sigma, 0)


# --- generators -------------------------------------------------------------------------------------------------------


def exact_curvatures(data: Dataset) -> list[list[Fraction]]:
    """Curvatures at the inner points in exact arithmetic."""
    x = [Fraction(v) for v in data.X[:, 0].tolist()]
    Y = [[Fraction(v) for v in row] for row in data.Y.tolist()]
    s = [[(b - a) / (x[i + 1] - x[i]) for a, b in zip(Y[i], Y[i + 1], strict=True)] for i in range(len(x) - 1)]
    return [[b - a for a, b in zip(s[i], s[i + 1], strict=True)] for i in range(len(s) - 1)]


def point_one_way(u: list[Fraction], v: list[Fraction]) -> bool:
    """Whether two vectors are non-zero and positively parallel, exactly (equality in Cauchy-Schwarz)."""
    uv, uu, vv = (sum(a * b for a, b in zip(p, q, strict=True)) for p, q in ((u, v), (u, u), (v, v)))
    return uv > 0 and uv * uv == uu * vv


@given(st.integers(0, 10**6), st.integers(1, 4), st.lists(st.integers(1, 5), max_size=4), st.integers(0, 3))
def test_aligned_data_have_exactly_the_declared_runs(seed, outputs, runs, more):
    n = 2 + sum(runs) + more
    curvatures = exact_curvatures(aligned_dataset(n, outputs, seed, runs=runs))
    assert all(any(delta) for delta in curvatures)
    joined = [point_one_way(u, v) for u, v in pairwise(curvatures)]
    declared = [same for length in [*runs, *[1] * more] for same in [*[True] * (length - 1), False]]
    assert joined == declared[: len(joined)]


def test_runs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="runs of total length 4 do not fit 3 inner points"):
        aligned_dataset(5, 1, 0, runs=(2, 2))


@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(1, 4))
def test_collinear_data_are_exactly_collinear(seed, n, outputs):
    data = collinear_dataset(n, outputs, seed)
    assert data.Y.shape == (n, outputs)
    assert not any(any(delta) for delta in exact_curvatures(data))


@pytest.mark.parametrize("spacing", ["uniform", "normal", "regular", "clustered"])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_random_data_are_distinct_scaled_and_reproducible(spacing, scale):
    data = random_dataset(20, 3, 5, spacing=spacing, x_scale=scale, y_scale=1 / scale)
    plain = random_dataset(20, 3, 5, spacing=spacing)
    assert np.all(np.diff(data.X[:, 0]) > 0)
    np.testing.assert_array_equal(data.X, scale * plain.X)
    np.testing.assert_array_equal(data.Y, 1 / scale * plain.Y)


def test_random_data_refuse_an_unknown_spacing_and_a_single_point():
    with pytest.raises(ValueError, match="got 'odd'"):
        random_dataset(5, 1, 0, spacing="odd")
    with pytest.raises(ValueError, match="n must be at least 2, got 1"):
        random_dataset(1, 1, 0)


def test_two_squares_are_the_vertices_of_two_squares():
    data = two_squares(100, 3)
    radius = np.abs(data.X).max(axis=1)
    np.testing.assert_array_equal(data.Y[:, 0], radius == 0.5)
    assert data.Y.shape == (8, 101)
    assert set(np.unique(data.Y[:, 1:])) == {0.0, 1.0}
    assert two_squares().Y.shape == (8, 1)


def test_builtin_data_have_the_known_sizes():
    diabetes, linnerud = builtin_dataset("diabetes"), builtin_dataset("linnerud")
    by_age = builtin_dataset("diabetes_age")
    assert by_age.x_names == ("age",)
    assert len(by_age.merged("average").X) == 58
    np.testing.assert_array_equal(by_age.Y, diabetes.Y)
    assert (diabetes.X.shape, diabetes.Y.shape, diabetes.x_names, diabetes.y_names) == (
        (442, 1), (442, 1), ("bmi",), ("progression",),
    )  # fmt: skip
    assert (linnerud.X.shape, linnerud.Y.shape) == ((20, 1), (20, 3))
    assert linnerud.y_names == ("weight", "waist", "pulse")
    assert (diabetes.X.min(), diabetes.X.max()) == (18.0, 42.2)
    with pytest.raises(ValueError, match="different labels"):
        diabetes.merged("error")
    assert len(diabetes.merged("average")) == len(np.unique(diabetes.X)) == len(diabetes.merged("first"))
    with pytest.raises(ValueError, match="name must be one of diabetes, diabetes_age, linnerud, got 'iris'"):
        builtin_dataset("iris")


# --- CSV --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def csv_file(tmp_path):
    def write(content: str | bytes):
        path = tmp_path / "data.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        "x,y,z\n0,1,2\n1,3,4\n",
        "\ufeffx,y,z\n0,1,2\n1,3,4\n",
        '"x","y",z\r\n"0","1",2\r\n1,3,4\r\n',
        "z, y ,x\n2, 1.0 ,0e0\n\n4,+3,1\n",
        "x,note,y,z\n0,\"a, b\nc\",1,2\n1,,3,4",
    ],
    ids=["plain", "byte order mark", "quoted, CRLF", "other order, spaces, blank line", "quoted line break"],
)  # fmt: skip
def test_csv_columns_are_read_by_name(csv_file, content):
    data = load_dataset(csv_file(content), ["x"], ["y", "z"])
    np.testing.assert_array_equal(data.X[:, 0], [0, 1])
    np.testing.assert_array_equal(data.Y, [[1, 2], [3, 4]])
    assert (data.x_names, data.y_names) == (("x",), ("y", "z"))


def test_an_empty_csv_label_is_missing(csv_file):
    data = load_dataset(csv_file("x,y\n0,\n1,nan\n2,5\n"), ["x"], ["y"])
    np.testing.assert_array_equal(data.Y[:, 0], [NAN, NAN, 5])


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        ("x,z\n0,1\n", "no column named 'y'; there are: x, z"),
        ("x,y,y\n0,1,2\n", "more than one column named 'y'"),
        ("x,y\n0,1\n2\n", "line 3 has 1 fields, the header has 2"),
        ("x,y\n0,1\n2,3,4\n", "line 3 has 3 fields"),
        ("x,y\n0,1\n2,abc\n", "line 3, column 'y': 'abc' is not a number"),
        ("x,y\n0,1\n\n1,1,\n", "line 4 has 3 fields"),
        ('x,y\n0,1\n2,"3', "line 3 is not valid CSV"),
        ("x,y\n,1\n", "line 2, column 'x': an input is missing; only labels may be"),
        ("# from the lab\nx,y\n0,1\n\n# new batch\nNA,1\n", "line 6, column 'x': an input is missing"),
        ("x,y\n0,inf\n", "line 2, column 'y': 'inf' is not finite in float64"),
        ("x,y\n0,1e999\n", "line 2, column 'y': '1e999' is not finite in float64"),
        ("x,y\n0,\n1,\n", "column 'y' has no label at all"),
        ("", "the file is empty"),
        ("x,y\n", "a header but no data"),
        (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "not UTF-8"),
        (b"x,y\n0,\xb5\n", "not UTF-8"),
        (b"\x00\x01\x02\x03\n\x00", "no column named 'x'"),
    ],
)
def test_a_bad_csv_file_is_refused_with_the_place(csv_file, content, culprit):
    path = csv_file(content)
    with pytest.raises(ValueError, match=re.escape(culprit)) as caught:
        load_dataset(path, ["x"], ["y"])
    assert path.name in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "absent.csv", tmp_path / "absent.npz", tmp_path):
        with pytest.raises(ValueError, match=re.escape(f"cannot read {str(path)!r}")):
            load_dataset(path, ["x"], ["y"])


def test_at_least_one_input_and_one_label_column_are_needed(tmp_path):
    with pytest.raises(ValueError, match="at least one column"):
        load_dataset(tmp_path / "data.csv", [], ["y"])


# --- NPZ --------------------------------------------------------------------------------------------------------------


def test_npz_arrays_are_read_by_name(tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=np.arange(3), Y=np.array([[1.0, 2], [3, NAN], [5, 6]]), other=["a"])
    data = load_dataset(path, ["x"], ["Y"])
    np.testing.assert_array_equal(data.X[:, 0], [0, 1, 2])
    np.testing.assert_array_equal(data.Y, [[1, 2], [3, NAN], [5, 6]])
    assert data.y_names == ("Y", "Y")


@pytest.mark.parametrize(
    ("arrays", "culprit"),
    [
        ({"x": [0, 1]}, "no array named 'y'; there are: x"),
        ({"x": [0, 1], "y": [0]}, "array 'y' has 1 row, 'x' has 2"),
        ({"x": [0, 1], "y": ["a", "b"]}, "real numbers"),
        ({"x": [0, 1], "y": np.array([1, None])}, "pickle"),
        ({"x": [0, 1], "y": 3.0}, "1 or 2 dimensions"),
    ],
)
def test_a_bad_npz_file_is_refused_with_the_culprit(tmp_path, arrays, culprit):
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=re.escape(culprit)) as caught:
        load_dataset(path, ["x"], ["y"])
    assert path.name in str(caught.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_npz_file_is_refused_or_read_right_but_never_wrong(tmp_path, save):
    whole, damaged = tmp_path / "whole.npz", tmp_path / "damaged.npz"
    x = np.random.default_rng(0).random(300)
    save(whole, x=x, y=x)
    content = whole.read_bytes()
    refused = 0
    for place in range(0, len(content), 61):
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        for version in (bytes(flipped), content[:place]):
            damaged.write_bytes(version)
            try:
                data = load_dataset(damaged, ["x"], ["y"])
            except ValueError as error:
                assert damaged.name in str(error)  # noqa: PT017
                refused += 1
            else:
                np.testing.assert_array_equal(data.X[:, 0], x)
    assert refused > len(content) // 61  # every truncation, and most flipped bytes


def test_a_single_array_is_not_an_npz_file(tmp_path):
    path = tmp_path / "data.npz"
    with path.open("wb") as stream:
        np.save(stream, np.arange(3))
    with pytest.raises(ValueError, match="not a whole NPZ file: it is a single array"):
        load_dataset(path, ["x"], ["y"])


def test_one_column_may_be_named_by_a_string_and_python_spellings_are_no_numbers(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text("bmi,y\n1,2\n2,1_000\n")
    with pytest.raises(ValueError, match="line 3, column 'y': '1_000' is not a number"):
        load_dataset(file, "bmi", "y")
    file.write_text("bmi,y\n1,2\n2,3\n")
    assert load_dataset(file, "bmi", "y").Y.tolist() == [[2.0], [3.0]]
