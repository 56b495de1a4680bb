"""The program that runs the tests under several settings: which settings there are, and what it makes of results."""

import sys
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
    found = named("x86_64", monkeypatch)
    assert next(iter(found)) == "openblas-prescott"
    assert list(found)[-5:] == ["numpy-baseline", "torch-default", "numba-generic", "threads-1", "threads-2"]
    assert found["openblas-skylakex"].environment == {"OPENBLAS_CORETYPE": "SkylakeX"}
    assert found["numpy-baseline"].environment == {"NPY_DISABLE_CPU_FEATURES": "X86_V3"}
    assert found["numba-generic"].environment["NUMBA_CACHE_DIR"] == "cache"
    assert set(found["threads-1"].environment.values()) == {"1"}
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


def test_settings_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    known = list(named("x86_64", monkeypatch).values())
    assert portable.chosen(None, known) == known
    assert [one.name for one in portable.chosen(["threads-1", "numba-generic"], known)] == ["numba-generic", "threads-1"]
    with pytest.raises(ValueError, match="no setting 'mkl'; there are: openblas-prescott, "):
        portable.chosen(["mkl"], known)


def test_a_setting_replaces_what_the_others_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("UNRELATED", "kept")
    found = portable.environment({"OPENBLAS_CORETYPE": "Zen"}, {"OMP_NUM_THREADS", "OPENBLAS_CORETYPE"})
    assert (found["OPENBLAS_CORETYPE"], found["UNRELATED"]) == ("Zen", "kept")
    assert "OMP_NUM_THREADS" not in found


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
        "setting                   passed  failed  seconds",
        "one                            2       2        1",
        "two                            2       1        2  pytest ended with code -4",
        "three                    skipped: no such thing",
    ]


@pytest.mark.parametrize(
    ("result", "trouble", "code"), [("passed", "", 0), ("failed", "", 1), ("passed", "pytest ended with code 3", 1)]
)
def test_the_exit_code_is_zero_only_if_all_passes(
    result: str, trouble: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(portable, "look", lambda variables: (SEEN | {"numba": "generic"}, ""))
    monkeypatch.setattr(portable, "run", lambda variables, report: Outcome({"a": result}, 3.0, trouble))
    assert portable.main(["--settings", "numba-generic", "torch-default"]) == code
    out = capsys.readouterr().out
    assert "torch-default            skipped: torch uses AVX2\n" in out
    assert ("a: failed in numba-generic" in out) == (result == "failed")
    assert portable.main(["--settings", "torch-default"]) == 1  # nothing was run


def test_a_run_is_that_of_make_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is pytest with nothing but a report, and a run that leaves none is trouble."""
    seen: list[Any] = []

    def pretend(command: list[str], **options: Any) -> Any:
        seen.append((command, options))
        return type("Done", (), {"returncode": -4})

    monkeypatch.setattr("subprocess.run", pretend)
    outcome = portable.run({"A": "B"}, tmp_path / "report.xml")
    assert (outcome.results, outcome.trouble) == ({}, "pytest ended with code -4")
    ((command, options),) = seen
    assert command == [sys.executable, "-m", "pytest", f"--junitxml={tmp_path / 'report.xml'}"]
    assert options == {"env": {"A": "B"}, "cwd": Path(portable.__file__).parents[1]}
