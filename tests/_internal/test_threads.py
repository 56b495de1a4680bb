"""How many threads code of our own may use."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from vvnorm._internal import threads


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


def blas_threads() -> dict[str, int]:
    """Return the number of threads of each library; some libraries ignore limits above 1."""
    return {library["filepath"]: library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_one_thread_inside_another_block_of_one_thread() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        with threads.one_blas_thread():
            with threads.one_blas_thread():
                assert set(blas_threads().values()) == {1}
            assert set(blas_threads().values()) == {1}
        assert blas_threads() == before
        with pytest.raises(RuntimeError, match="in a block"), threads.one_blas_thread():
            raise RuntimeError("in a block")
        assert blas_threads() == before
        with threads.one_blas_thread():
            assert set(blas_threads().values()) == {1}
