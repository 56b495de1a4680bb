"""The program that runs the tests under several settings: which runs there are, and what it makes of results."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import portable
import pytest
from portable import Outcome, Setting

SEEN: dict[str, Any] = {"cores": ["Haswell"], "features": ["X86_V3"], "torch": "AVX2", "numba": "native", "threads": [2]}


def named(machine: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Setting]:
    monkeypatch.setattr("platform.machine", lambda: machine)
    return {setting.name: setting for setting in portable.settings(SEEN, Path("cache"))}


def test_settings_go_from_the_oldest_kernels_to_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = named("x86_64", monkeypatch)
    assert next(iter(settings)) == "openblas-prescott"
    assert list(settings)[-5:] == ["numpy-baseline", "torch-default", "numba-generic", "threads-1", "threads-2"]
    assert settings["openblas-skylakex"].environment == {"OPENBLAS_CORETYPE": "SkylakeX"}
    assert settings["numpy-baseline"].environment == {"NPY_DISABLE_CPU_FEATURES": "X86_V3"}
    assert settings["numba-generic"].environment["NUMBA_CACHE_DIR"] == "cache"
    assert set(settings["threads-1"].environment.values()) == {"1"}
    assert "openblas-armv8" in named("arm64", monkeypatch)
    assert next(iter(named("riscv64", monkeypatch))) == "numpy-baseline"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("openblas-haswell", {}),
        ("openblas-prescott", {"cores": ["Katmai", "Prescott"]}),
        ("numpy-baseline", {"features": []}),
        ("torch-default", {"torch": "DEFAULT"}),
        ("numba-generic", {"numba": "generic"}),
        ("threads-2", {}),
        ("threads-1", {"threads": [1]}),
    ],
)
def test_what_is_used_as_wanted_is_not_amiss(name: str, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert named("x86_64", monkeypatch)[name].amiss(SEEN | change) == ""


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("openblas-zen", {}, "OpenBLAS uses Haswell"),
        ("openblas-zen", {"cores": ["Zen", "Haswell"]}, "OpenBLAS uses Zen, Haswell"),
        ("openblas-zen", {"cores": []}, "OpenBLAS uses nothing of the kind"),
        ("numpy-baseline", {}, "numpy uses X86_V3"),
        ("torch-default", {}, "torch uses AVX2"),
        ("numba-generic", {}, "numba uses native"),
        ("threads-1", {"threads": [1, 2]}, "numbers of threads: 1, 2"),
    ],
)
def test_a_setting_without_effect_is_amiss(
    name: str, change: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert named("x86_64", monkeypatch)[name].amiss(SEEN | change) == why


def test_runs_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    known = list(named("x86_64", monkeypatch).values())
    assert portable.chosen([setting.name for setting in known], known) == [(setting,) for setting in known]
    runs = portable.chosen(["threads-1", "openblas-zen+numba-generic"], known)
    assert [portable.name_of(run) for run in runs] == ["threads-1", "openblas-zen+numba-generic"]
    with pytest.raises(ValueError, match="no setting 'mkl'; there are: openblas-prescott, "):
        portable.chosen(["threads-1+mkl"], known)
    with pytest.raises(ValueError, match="'threads-1\\+threads-2' sets the same library twice"):
        portable.chosen(["threads-1+threads-2"], known)


def subsets(known: list[Setting]) -> Iterator[list[Setting]]:
    """What processors support: a number of kernels, none included, and any of the other settings."""
    kernels = [setting for setting in known if setting.library == "openblas"]
    others = [setting for setting in known if setting.library != "openblas"]
    for count in range(len(kernels) + 1):
        for kept in itertools.product((True, False), repeat=len(others)):
            yield kernels[:count] + list(itertools.compress(others, kept))


def test_every_setting_and_its_absence_occur_in_few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for known in subsets(list(named("x86_64", monkeypatch).values())):
        runs = portable.covering(known)
        kernels = sum(setting.library == "openblas" for setting in known)
        assert len(runs) == (max(2, kernels) if known else 0)
        for setting in known:
            assert {setting in run for run in runs} == {True, False}, (setting.name, known)
        for run in runs:
            assert len({setting.library for setting in run}) == len(run)


def test_the_second_run_is_the_opposite_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    known = named("x86_64", monkeypatch)
    first, second, *_ = portable.covering(list(known.values()))
    assert portable.name_of(first) == "openblas-prescott+numpy-baseline+torch-default+numba-generic+threads-1"
    assert portable.name_of(second) == "openblas-nehalem+threads-2"


def test_a_run_replaces_what_other_settings_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("UNRELATED", "kept")
    run = (Setting("openblas-zen", {"OPENBLAS_CORETYPE": "Zen"}, str), Setting("numba-generic", {"NUMBA": "generic"}, str))
    variables = portable.environment(run, {"OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "NUMBA"})
    assert (variables["OPENBLAS_CORETYPE"], variables["NUMBA"], variables["UNRELATED"]) == ("Zen", "generic", "kept")
    assert "OMP_NUM_THREADS" not in variables


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "the processor does not support it (signal 4)"),
        ("raise ImportError('no torch here')", "ImportError: no torch here"),
    ],
)
def test_a_setting_that_ends_the_program_says_why(
    code: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program.py"
    program.write_text(code)
    monkeypatch.setattr(portable, "__file__", str(program))
    assert portable.look({}) == (None, why)


REPORT = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_good[1.5-x]" time="0.1"/>
<testcase classname="tests.test_a" name="test_bad" time="0.1"><failure message="m">text</failure></testcase>
<testcase classname="tests.test_a" name="test_torn" time="0.1"/>
<testcase classname="tests.test_a" name="test_torn" time="0.1"><error message="m">teardown</error></testcase>
<testcase classname="tests.test_b" name="test_left" time="0.1"><skipped message="m"/></testcase>
</testsuite></testsuites>"""


def test_results_are_read_from_the_report(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    assert portable.read(tmp_path / "report.xml") == {
        "tests/test_a.py::test_good[1.5-x]": "passed",
        "tests/test_a.py::test_bad": "failed",
        "tests/test_a.py::test_torn": "failed",
        "tests/test_b.py::test_left": "skipped",
    }


def test_tests_that_differ_or_fail_are_listed() -> None:
    outcomes = {
        "one": Outcome({"a": "passed", "b": "failed", "c": "passed", "d": "failed", "e": "skipped"}, 1.0, ""),
        "two": Outcome({"a": "passed", "b": "passed", "d": "failed", "e": "skipped"}, 2.4, "pytest ended with code -4"),
    }
    assert portable.differences(outcomes) == ["b: failed in one", "c: not run in two", "d: failed in one, two"]
    assert portable.summary(outcomes, {"three": "no such thing"}) == [
        "  passed  failed  seconds  settings",
        "       2       2        1  one",
        "       2       1        2  two: pytest ended with code -4",
        "three skipped: no such thing",
    ]


class Pretended:
    """Takes the place of the runs: tests fail where the environment has certain variables."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, broken_by: dict[str, set[str]]) -> None:
        self.broken_by = broken_by
        self.done: list[tuple[set[str], list[str]]] = []
        self.trouble = ""
        monkeypatch.setattr("platform.machine", lambda: "x86_64")
        monkeypatch.setattr(portable, "CORES", {"x86_64": ("Prescott", "Haswell", "Zen")})
        monkeypatch.setattr(portable, "OUT", folder)
        monkeypatch.setattr(portable, "look", self.look)
        monkeypatch.setattr(portable, "run", self.run)

    def look(self, variables: dict[str, str]) -> tuple[dict[str, Any], str]:
        core = variables.get("OPENBLAS_CORETYPE", "Haswell").replace("Zen", "Haswell")
        threads = [int(variables["OMP_NUM_THREADS"])] if "NUMBA_NUM_THREADS" in variables else [2]
        seen: dict[str, Any] = {"cores": [core], "features": [] if "NPY_DISABLE_CPU_FEATURES" in variables else ["X86_V3"]}
        seen |= {"torch": "DEFAULT" if "ATEN_CPU_CAPABILITY" in variables else "AVX2", "threads": threads}
        return seen | {"numba": variables.get("NUMBA_CPU_NAME", "native")}, ""

    def run(self, variables: dict[str, str], report: Path, tests: list[str] | tuple[str, ...] = ()) -> Outcome:
        values = {*variables, *(f"{name}={value}" for name, value in variables.items())}
        self.done.append((values, list(tests)))
        results = {test: "failed" if by and by <= values else "passed" for test, by in self.broken_by.items()}
        return Outcome({test: results[test] for test in tests or results}, 1.0, self.trouble)


def test_the_setting_that_breaks_a_test_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretended = Pretended(
        tmp_path,
        monkeypatch,
        {
            "a": set(),
            "b": {"OPENBLAS_CORETYPE=Prescott"},
            "c": {"ATEN_CPU_CAPABILITY", "NUMBA_CPU_NAME"},
            "d": {"PATH"},
            "e": {"NPY_DISABLE_CPU_FEATURES"},
        },
    )
    assert portable.main([]) == 1
    full = [values for values, tests in pretended.done if not tests]
    assert len(full) == 2  # Zen has no kernels of its own here
    assert {tuple(tests) for _, tests in pretended.done if tests} == {("b", "c", "d", "e")}
    out = capsys.readouterr().out
    assert "openblas-zen skipped: OpenBLAS uses Haswell\n" in out
    assert out.splitlines()[-4:] == [
        "b: fails with openblas-prescott",
        "c: fails only with settings together: openblas-prescott+numpy-baseline+torch-default+numba-generic+threads-1",
        "d: fails with nothing set",
        "e: fails with numpy-baseline",
    ]
    count = len(pretended.done)
    assert portable.main(["--resume"]) == 1
    assert len(pretended.done) == count  # all is there
    assert capsys.readouterr().out.splitlines()[-1] == "e: fails with numpy-baseline"


@pytest.mark.parametrize(
    ("again", "line"),
    [
        ({"nothing set": "passed", "a": "passed", "a+b": "passed"}, "t: failed in a+b and passes by itself"),
        ({"nothing set": "passed", "a": "not run"}, "t: failed in a+b and did not run by itself with a"),
    ],
)
def test_a_failure_that_does_not_come_again_is_said_to_be_one(again: dict[str, str], line: str) -> None:
    outcomes = {name: Outcome({"t": result} if result != "not run" else {}, 1.0, "") for name, result in again.items()}
    assert portable.culprits("t", {"a+b": Outcome({"t": "failed"}, 1.0, "")}, outcomes) == line


def test_where_a_test_is_skipped_is_said() -> None:
    again = {"nothing set": Outcome({"t": "passed"}, 1.0, ""), "a": Outcome({"t": "skipped"}, 1.0, "")}
    assert portable.culprits("t", {"a": again["a"], "b": again["nothing set"]}, again) == "t: skipped with a"


def test_each_setting_can_have_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretended = Pretended(tmp_path, monkeypatch, {"a": {"OMP_NUM_THREADS=2"}})
    assert portable.main(["--each"]) == 1
    assert len(pretended.done) == 7
    assert capsys.readouterr().out.splitlines()[-1] == "a: failed in threads-2"


def test_an_interrupted_call_goes_on_while_the_sources_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretended = Pretended(tmp_path, monkeypatch, {"a": set()})
    real = pretended.run

    def interrupted(variables: dict[str, str], report: Path, tests: tuple[str, ...] = ()) -> Outcome:
        if pretended.done:
            raise KeyboardInterrupt
        return real(variables, report, tests)

    monkeypatch.setattr(portable, "run", interrupted)
    assert portable.main([]) == 130
    assert "--resume" in capsys.readouterr().out
    monkeypatch.setattr(portable, "run", real)
    assert portable.main(["--resume"]) == 0
    assert len(pretended.done) == 2
    monkeypatch.setattr(portable, "sources", lambda: "changed")
    assert portable.main(["--resume"]) == 0
    assert len(pretended.done) == 4
    assert "all runs begin anew" in capsys.readouterr().out
    assert portable.main([]) == 0
    assert len(pretended.done) == 6  # without the option nothing is taken over


def test_the_digest_of_the_sources_changes_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portable, "ROOT", tmp_path)
    (tmp_path / "vvnorm").mkdir()
    (tmp_path / "vvnorm" / "a.py").write_text("a")
    before = portable.sources()
    (tmp_path / "vvnorm" / "a.nbi").write_text("compiled")
    assert portable.sources() == before
    (tmp_path / "vvnorm" / "a.py").write_text("b")
    assert portable.sources() != before


@pytest.mark.parametrize(
    ("result", "trouble", "code"), [("passed", "", 0), ("failed", "", 1), ("passed", "pytest ended with code 3", 1)]
)
def test_the_exit_code_is_zero_only_if_all_passes(
    result: str,
    trouble: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pretended = Pretended(tmp_path, monkeypatch, {"a": {"NUMBA_CPU_NAME"} if result == "failed" else set()})
    pretended.trouble = trouble
    assert portable.main(["--settings", "numba-generic", "openblas-zen"]) == code
    out = capsys.readouterr().out
    assert "openblas-zen skipped: OpenBLAS uses Haswell\n" in out
    assert ("a: failed in numba-generic" in out) == (result == "failed")
    assert portable.main(["--settings", "numba-generic", "--resume"]) == code
    assert len(pretended.done) == (2 if trouble else 1)  # a run that did not come to its end is done again
    assert portable.main(["--settings", "openblas-zen"]) == 1  # nothing was run


@pytest.mark.parametrize("tests", [(), ("tests/test_a.py::test_b[1]",)])
def test_a_run_is_that_of_make_test(tests: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is pytest with nothing but a report and tests, and a run that leaves no report is trouble."""
    seen: list[Any] = []

    def pretend(command: list[str], **options: Any) -> Any:
        seen.append((command, options))
        return type("Done", (), {"returncode": -4})

    monkeypatch.setattr("subprocess.run", pretend)
    outcome = portable.run({"A": "B"}, tmp_path / "report.xml", tests)
    assert (outcome.results, outcome.trouble) == ({}, "pytest ended with code -4")
    ((command, options),) = seen
    assert command == [sys.executable, "-m", "pytest", f"--junitxml={tmp_path / 'report.xml'}", *tests]
    assert options == {"env": {"A": "B"}, "cwd": Path(portable.__file__).parents[1]}
