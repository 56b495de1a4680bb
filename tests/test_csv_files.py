"""CSV files as they come: what a file shows is found, what it leaves open is asked for, and no number is read wrong."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from commands import Command, runner

from vvnorm.csv_files import CsvFormat, column_names, read_classes, read_table
from vvnorm.datasets import load_dataset
from vvnorm.multitask.task_data import load_task_data

NAN = np.nan
TABLE = [[0.5, 1.25], [1.5, NAN], [-2000.0, 3.0]]


def text(sep: str, decimal: str, missing: str = "", first: str = "x;y") -> str:
    """The table in words."""
    rows = [[missing if value != value else f"{value:g}".replace(".", decimal) for value in row] for row in TABLE]
    return "\n".join([*([first.replace(";", sep)] if first else []), *(sep.join(row) for row in rows)]) + "\n"


@pytest.fixture
def file(tmp_path: Path):
    def write(content: str | bytes) -> Path:
        path = tmp_path / "data.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


FOUND = {
    "comma": text(",", "."),
    "semicolon": text(";", "."),
    "semicolon, decimal comma": text(";", ","),
    "tab": text("\t", "."),
    "tab, decimal comma": text("\t", ","),
    "bar": text("|", "."),
    "UTF-16, tab": text("\t", ",").encode("utf-16"),
    "UTF-16 big": b"\xfe\xff" + text(",", ".").encode("utf-16-be"),
    "UTF-32": text(";", ",").encode("utf-32"),
    "CRLF": text(";", ",").replace("\n", "\r\n"),
    "CR": text(",", ".").replace("\n", "\r"),
    "comments": "# measured, by; hand\n#\n" + text(";", ","),
    "header as a comment": text(",", ".", first="# x;y"),
    "comments below": text(",", ".").replace("1.5", "# new batch\n\n# third, fourth, fifth\n1.5"),
    "words with commas": "x;note;y\n0,5;a, b;1,25\n1,5;c;\n-2000;d, e, f;3\n",
    **{f"missing {word}": text(",", ".", word) for word in ("NA", "n/a", "N/A", "NaN", "nan", "#N/A", "<NA>", "null")},
}


@pytest.mark.parametrize("name", FOUND)
def test_what_a_file_shows_need_not_be_said(file, name: str) -> None:
    data = load_dataset(file(FOUND[name]), "x", "y")
    np.testing.assert_array_equal(np.hstack([data.X, data.Y]), TABLE)
    tasks = load_task_data(file(FOUND[name]), ["y=squared:y"], "x")
    np.testing.assert_array_equal(np.hstack([tasks.X, tasks.Y]), TABLE)


@pytest.mark.parametrize(
    ("content", "how"),
    [
        (text(":", "."), {"sep": ":"}),
        (text("\t", ","), {"sep": "tab"}),
        (text("\t", ","), {"sep": "\\t", "decimal": ","}),
        (text(" ", "."), {"sep": " "}),
        (text(",", ".").encode("utf-16-le"), {"encoding": "utf-16-le"}),
        (b"\xb5;" + text(";", ",").encode().replace(b"\n", b"\n;", 3), {"encoding": "latin-1"}),
        ('x,y\n"0,5","1,25"\n"1,5",\n-2000,3\n', {"decimal": ","}),
        (text(",", ".", first=""), {"header": False}),
        (text(";", ",", first=""), {"header": False}),
        ("# no header\n" + text("\t", ",", first=""), {"header": False}),
    ],
)
def test_what_it_does_not_show_is_said(file, content: str | bytes, how: dict[str, object]) -> None:
    x, y = "12" if "header" in how else "xy"
    data = load_dataset(file(content), x, y, **how)
    np.testing.assert_array_equal(np.hstack([data.X, data.Y]), TABLE)
    tasks = load_task_data(file(content), [f"t=squared:{y}"], [x], **how)
    np.testing.assert_array_equal(np.hstack([tasks.X, tasks.Y]), TABLE)


def test_thousands_and_decimals_are_not_guessed(file) -> None:
    path = file("x;y\n0;1,000\n1;2,500\n")
    for load in (
        lambda **how: load_dataset(path, "x", "y", **how),
        lambda **how: load_task_data(path, ["t=squared:y"], **how),
    ):
        with pytest.raises(
            ValueError, match=r"line 2, column 'y': '1,000' may be a decimal or thousands; decimal \(--decimal\)"
        ):
            load()
        np.testing.assert_array_equal(load(decimal=",").Y[:, 0], [1.0, 2.5])
    np.testing.assert_array_equal(load_dataset(file("x;y\n0;1,000\n1;0,500\n"), "x", "y").Y[:, 0], [1.0, 0.5])
    with pytest.raises(ValueError, match=r"line 3, column 'y': '1.5' is not a number"):
        load_dataset(file("x;y\n0;1,5\n1;1.5\n"), "x", "y", decimal=",")


def test_lines_with_a_hash_that_may_be_data_stay_data(file) -> None:
    data = load_dataset(file("#,x,y\n1,0,5\n2,1,6\n"), "x", "y")
    np.testing.assert_array_equal(data.Y[:, 0], [5, 6])
    np.testing.assert_array_equal(load_dataset(file("#,x,y\n1,0,5\n2,1,6\n"), "#", "y").X[:, 0], [1, 2])
    coloured = "colour,x,y\n#ff0000,0,5\n#00ff00,1,6\n"
    np.testing.assert_array_equal(load_dataset(file(coloured), "x", "y").Y[:, 0], [5, 6])
    with pytest.raises(ValueError, match="line 4 has 2 fields, the header has 3"):
        load_dataset(file(coloured + "#0000ff,2\n"), "x", "y")


@pytest.mark.parametrize(
    ("how", "culprit"),
    [
        ({"sep": ";;"}, "sep (--sep) must be one character other than a quote, or tab; got ';;'"),
        ({"sep": ""}, "sep (--sep) must be one character"),
        ({"decimal": "'"}, 'decimal (--decimal) must be a point or a comma, got "\'"'),
        ({"encoding": "utf-9"}, "encoding (--encoding) 'utf-9' is unknown"),
        ({"encoding": "utf-16-le"}, "it is not text of encoding utf-16-le"),
        ({"encoding": "ascii"}, "it is not text of encoding ascii"),
        ({"encoding": "rot13"}, "it is not text of encoding rot13"),
        ({"header": False}, "no column named 'x'; there are: 1, 2"),
    ],
)
def test_a_wrong_format_is_refused_by_name(file, how: dict[str, object], culprit: str) -> None:
    with pytest.raises(ValueError, match=re.escape(culprit)):
        load_dataset(file("x,y\n0,1\n1,\xb5\n"), "x", "y", **how)


def test_npz_files_have_no_format(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=[0, 1], y=[0, 1])
    with pytest.raises(ValueError, match="sep, decimal, encoding, header and classes are for CSV files"):
        load_dataset(tmp_path / "data.npz", "x", "y", sep=";")


def test_names_with_commas_win_over_several_names(file) -> None:
    header = '"a,b",a,b,"c,d"\n1,2,3,4\n5,6,7,8\n'
    assert load_dataset(file(header), "a,b", "c,d").x_names == ("a,b",)
    assert load_dataset(file(header), 'a,"a,b"', ["b", "c,d"]).x_names == ("a", "a,b")
    assert load_dataset(file("a,b,c\n1,2,3\n5,6,7\n"), "a,b", "c").x_names == ("a", "b")
    assert column_names(" a , b,", ["a", "b"]) == ["a", "b"]
    with pytest.raises(TypeError, match="columns are named by text, got 3"):
        column_names([3], ["a"])


@pytest.mark.parametrize(
    ("x", "y", "culprit"),
    [
        ("x", "x", "column 'x' is named as input and as label"),
        ("x,x", "y", "x names column 'x' twice"),
        ("x", ["y", "y"], "y names column 'y' twice"),
        ("x", "z", "no column named 'z'; there are: x, y"),
    ],
)
def test_a_column_is_used_once(file, tmp_path: Path, x: str, y: str, culprit: str) -> None:
    with pytest.raises(ValueError, match=culprit):
        load_dataset(file("x,y\n0,1\n1,2\n"), x, y)
    if "no column" not in culprit:
        np.savez(tmp_path / "data.npz", x=[0, 1], y=[0, 1])
        with pytest.raises(ValueError, match=culprit):
            load_dataset(tmp_path / "data.npz", x, y)


# --- digits -----------------------------------------------------------------------------------------------------------


def test_numbers_are_the_nearest_ones(file) -> None:
    rng = np.random.default_rng(0)
    texts = [f"{Fraction(int(rng.integers(1, 10**18)), 10 ** int(rng.integers(0, 18)))!s}" for _ in range(3)]
    texts = [
        f"{int(rng.integers(10**17, 10**18))}.{int(rng.integers(10**17, 10**18))}e{int(rng.integers(-30, 30))}"
        for _ in texts
    ]
    path = file("x,y\n" + "".join(f"{k},{number}\n" for k, number in enumerate(texts)))
    for number, value in zip(texts, load_dataset(path, "x", "y").Y[:, 0], strict=True):
        exact = Fraction(number)
        for other in (np.nextafter(value, np.inf), np.nextafter(value, -np.inf)):
            assert abs(Fraction(float(value)) - exact) <= abs(Fraction(float(other)) - exact)


@pytest.mark.parametrize("column", ["x", "y"])
def test_integers_beyond_float64_are_refused_by_line(file, column: str) -> None:
    rows = {"x": "1700000000000000101,1\n", "y": "1,1700000000000000101\n"}
    path = file("# ids\nx,y\n0,0\n" + rows[column])
    culprit = (
        f"line 4, column '{column}': float64 cannot hold the integer 1700000000000000101 (nearest: 1700000000000000000)"
    )
    for load in (lambda: load_dataset(path, "x", "y"), lambda: load_task_data(path, ["t=squared:y"])):
        with pytest.raises(ValueError, match=re.escape(culprit)):
            load()
    assert load_dataset(file("x,y\n1700000000000000256,1\n0,2\n"), "x", "y").X[0, 0] == 1700000000000000256


@pytest.mark.parametrize("pair", [("0.30000000000000000001", "0.3"), ("1e-400", "0"), ("3e-324", "4e-324")])
def test_inputs_that_differ_do_not_become_one(file, pair: tuple[str, str]) -> None:
    path = file(f"x,y\n{pair[0]},1\n5,2\n{pair[1]},3\n")
    for load in (lambda: load_dataset(path, "x", "y"), lambda: load_task_data(path, ["t=squared:y"])):
        with pytest.raises(ValueError, match=re.escape(f"line 4, column 'x': {pair[1]} is not {pair[0]} on line 2, but")):
            load()
    np.testing.assert_array_equal(load_dataset(path, "y", "x").Y[[0, 2], 0], [float(pair[0]), float(pair[1])])


def test_other_spellings_of_one_input_are_one(file) -> None:
    data = load_dataset(file("x,y\n0.30000000000000000000,1\n3e-1,1\n0.3,1\n"), "x", "y")
    assert len(np.unique(data.X)) == 1


# --- classes ----------------------------------------------------------------------------------------------------------


def test_words_become_classes_where_asked(file) -> None:
    path = file("x,y,z,w\n0,M,1,0\n1,B,2,1\n2,,2,0\n3,M,1,NA\n")
    data = load_dataset(path, "x", ["y", "z", "w"], classes=["y", "z", "w"])
    np.testing.assert_array_equal(data.Y, [[1, 0, 0], [0, 1, 1], [NAN, 1, 0], [1, 0, NAN]])
    assert data.notes == ("y: M is 1, B is 0", "z: 2 is 1, 1 is 0")
    assert data.with_auxiliary(np.hstack([data.Y, data.Y])).notes == data.notes == data.merged("first").notes
    with pytest.raises(ValueError, match="line 2, column 'y': 'M' is not a number"):
        load_dataset(path, "x", "y")
    three = file("x,y\n0,a\n1,b\n2,c\n")
    with pytest.raises(ValueError, match=r"column 'y' has 3 classes \(a, b, c\); a loss of classes takes two"):
        load_dataset(three, "x", "y", classes=["y"])


def test_numbers_of_classes_are_told_apart_exactly(file) -> None:
    table = read_table(file("c\n12345678901234567\n12345678901234568\n1\n1.0\n"), CsvFormat())
    classes = read_classes(table.columns(["c"])["c"])
    np.testing.assert_array_equal(classes.places, [1, 2, 0, 0])
    assert classes.named == "1, 12345678901234567, 12345678901234568"


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


def test_every_command_that_reads_a_file_takes_the_same_options(run: Command, tmp_path: Path) -> None:
    rows = "0,5:1\n1,5:3,5\n2,5:2\n3,5:4\n"
    (tmp_path / "data.csv").write_bytes(rows.encode("utf-16-le"))
    how = ("--sep", ":", "--decimal", ",", "--encoding", "utf-16-le", "--no-header")
    columns = ("--x", "1", "--y", "2")
    done = run("solve", "data.csv", *columns, *how, "--out", "net.npz")
    assert (done.code, done.err) == (0, "")
    assert done.facts["VV norm"] == "7.5"  # slopes 2.5, -1.5 and 2
    assert run("certify", "net.npz", "data.csv", *columns, *how).code == 0
    assert run("path", "data.csv", *columns, *how, "--lams", 2).code == 0
    assert run("train", "data.csv", *columns, *how, "--steps", 2, "--seeds", 1).code in (0, 1, 2)
    small = ("--steps", 2, "--seeds", 2, "--width", 4, "--weighting", "equal")
    assert run("tasks", "data.csv", "--x", "1", "--task", "t=squared:2", *how, *small).code in (0, 2)


@pytest.mark.parametrize("command", ["solve", "path", "train", "tasks"])
def test_built_in_data_have_no_format(run: Command, command: str) -> None:
    done = run(command, "builtin:linnerud", "--sep", ";")
    assert (done.code, done.out) == (64, "")
    assert "belong to CSV files" in done.err


def test_words_are_classes_of_a_logistic_loss(run: Command, tmp_path: Path) -> None:
    words = "x;ill\n0;no\n1;no\n2;yes\n3;no\n4;yes\n5;n/a\n"
    (tmp_path / "words.csv").write_text(words)
    (tmp_path / "numbers.csv").write_text(words.replace("no", "0").replace("yes", "1"))
    fit = ("--x", "x", "--y", "ill", "--lam", 0.1, "--loss", "logistic")
    done, plain = (
        run("solve", "words.csv", *fit, "--out", "net.npz", "--json", "fit.json"),
        run("solve", "numbers.csv", *fit),
    )
    assert done.code == plain.code == 0
    assert done.facts["labels"] == "ill: yes is 1, no is 0"
    assert done.facts["objective"] == plain.facts["objective"]
    assert '"ill: yes is 1, no is 0"' in (tmp_path / "fit.json").read_text()
    assert run("certify", "net.npz", "words.csv", *fit).code == 0
    assert run("path", "words.csv", "--x", "x", "--y", "ill", "--loss", "ill=logistic", "--lams", 2).code == 0
    refused = run("solve", "words.csv", "--x", "x", "--y", "ill", "--lam", 1)
    assert refused.code == 64
    assert "line 2, column 'ill': 'no' is not a number" in refused.err


def test_labels_of_repeated_points_are_merged_in_every_dimension(run: Command, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b,y\n0,0,1\n1,0,2\n0,1,3\n0,0,2\n1,1,1\n")
    done = run("solve", "data.csv", "--x", "a,b", "--y", "y")
    assert done.code == 64
    assert "repeats the point (0.0, 0.0) with different labels (1.0 and 2.0 in output 0); --repeats average" in done.err
    assert "Dataset" not in done.err
    for policy, first in (("average", 1.5), ("first", 1.0)):
        (tmp_path / f"{policy}.csv").write_text(f"a,b,y\n0,0,{first}\n1,0,2\n0,1,3\n1,1,1\n")
        merged, plain = (
            run("solve", name, "--x", "a,b", "--y", "y", "--repeats", policy) for name in ("data.csv", f"{policy}.csv")
        )
        assert merged.code == plain.code == 0
        assert merged.facts["VV norm"] == plain.facts["VV norm"]


def test_a_column_is_input_or_label(run: Command, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x,y\n0,1\n1,2\n")
    for command in (("solve",), ("path",), ("train",)):
        done = run(*command, "data.csv", "--x", "x", "--y", "x")
        assert (done.code, done.err) == (64, "vvnorm: column 'x' is named as input and as label\n")
