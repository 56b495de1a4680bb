"""Deliberate faults: the list is up to date, and the claims notice what they are asked to."""

import sys
from pathlib import Path

import pytest

from tests import mutations
from tests.mutations import MUTATIONS, Mutation, table


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_fault_is_in_a_place_that_exists(mutation: Mutation) -> None:
    compile(mutation.source, mutation.module, "exec")
    assert mutation.source != mutation.path.read_text(encoding="utf-8")


def test_there_are_as_many_as_were_asked_for_and_names_are_unique() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 60


def test_a_claim_that_is_not_installed_notices_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])  # the fault is put there
    with pytest.raises(LookupError, match=r"a: no claims named \['nonsense'\] are installed"):
        mutations.caught_by(Mutation("a", "no.such.module", "", "", ("nonsense",)))


def test_a_fault_whose_place_is_gone_is_named() -> None:
    gone = Mutation("gone", "vvnorm._internal.words", "no such text", "")
    with pytest.raises(ValueError, match=r"gone: 'no such text' occurs 0 times in vvnorm\._internal\.words"):
        _ = gone.source


@pytest.mark.parametrize("name", ["residual_of_interpolants_always_0", "mean_gradient_times_1.5"])
def test_a_fault_is_noticed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert mutations.main([name, "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "1 of 1 caught" in out
    assert "SURVIVES" not in out


def test_a_change_that_is_no_fault_survives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run by name in another process, so it has to be among the faults there: the table alone is looked at here."""
    harmless = Mutation("harmless", "vvnorm._internal.words", "def ", "def ")
    monkeypatch.setattr(mutations, "MUTATIONS", (harmless,))
    monkeypatch.setattr(mutations, "run", lambda mutation: (None, 1.0))
    assert mutations.main(["--table", str(tmp_path / "table.md"), "--jobs", "1"]) == 1
    assert "| harmless | `vvnorm._internal.words` | **nothing** |" in (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "`uniqueness`" in table([(harmless, "uniqueness, draw 1: no")])


def test_an_unknown_fault_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        mutations.main(["nonsense"])
    assert "no fault is called nonsense" in capsys.readouterr().err


@pytest.mark.slow
def test_all_faults_are_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    mutations.main([])
    survivors = capsys.readouterr().out.count("SURVIVES")
    assert survivors <= 0.05 * len(MUTATIONS)


def test_an_interrupted_run_goes_on_where_it_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = tuple(Mutation(name, "vvnorm._internal.words", "def ", "def ") for name in ("first", "second", "third"))
    tried: list[str] = []

    def interrupted(mutation: Mutation) -> tuple[str | None, float]:
        tried.append(mutation.name)
        if len(tried) == 2:
            raise KeyboardInterrupt
        return f"some_claim, draw 0: {mutation.name}", 1.0

    monkeypatch.setattr(mutations, "MUTATIONS", faults)
    monkeypatch.setattr(mutations, "run", interrupted)
    record, page = tmp_path / "runs.csv", tmp_path / "table.md"
    with pytest.raises(KeyboardInterrupt):
        mutations.main(["--record", str(record), "--jobs", "1"])
    assert mutations.main(["--record", str(record), "--jobs", "1", "--table", str(page)]) == 0
    assert tried.count("first") == 1
    assert page.read_text().count("`some_claim`") == 3
    assert "3 of 3 caught" in capsys.readouterr().out
    record.write_text(record.read_text().replace(",some_claim", ",other_claim").replace("-", "+"))  # of other code
    assert mutations.main(["first", "--record", str(record), "--jobs", "1"]) == 0
    assert tried.count("first") == 2
