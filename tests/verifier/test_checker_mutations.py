"""Checks of exact certificates are needed: with one of them weakened, a wrong certificate passes, but for named ones."""

from pathlib import Path

import pytest

from tests import checker_mutations as mutations


def test_weakenings_are_listed_and_redundant_checks_exist() -> None:
    texts = [weakening.text for file in (mutations.SCRIPT, *mutations.PACKAGE) for weakening in mutations.weakenings(file)]
    assert len(texts) > 60
    assert set(mutations.REDUNDANT) <= set(texts)


@pytest.mark.slow
def test_every_weakening_is_noticed(tmp_path: Path) -> None:
    cases = mutations.wrong_cases(tmp_path)
    assert len(cases) > 500
    survivors = [
        str(weakening)
        for file in (mutations.SCRIPT, *mutations.PACKAGE)
        for weakening in mutations.weakenings(file)
        if weakening.text not in mutations.REDUNDANT and mutations.noticed(weakening, cases) is None
    ]
    assert survivors == []
