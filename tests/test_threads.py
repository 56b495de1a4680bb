"""How many threads code of our own may use."""

import pytest

from vvnorm import threads


@pytest.mark.parametrize(
    ("wanted", "allowed"), [(None, 4), ("1", 1), ("3", 3), ("3,2", 3), ("8", 4), ("0", 1), ("all", 4), ("", 4)]
)
def test_the_environment_may_ask_for_fewer_threads_than_cores(
    wanted: str | None, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "usable_cores", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if wanted is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert threads.usable_threads() == allowed
