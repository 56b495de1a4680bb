import json

import numpy as np
import pytest

from vvnorm._internal.files import atomic_write, write_json


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_once_it_is_whole(tmp_path):
    target = tmp_path / "out.bin"
    with atomic_write(target) as stream:
        stream.write(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert names(tmp_path) == ["out.bin"]


def write_half(path, error):
    with atomic_write(path) as stream:
        stream.write(b"half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt])
def test_nothing_is_left_behind_by_an_exception_in_the_middle(tmp_path, error):
    with pytest.raises(error):
        write_half(tmp_path / "out.bin", error)
    assert names(tmp_path) == []


def test_an_old_file_survives_a_failure_and_is_replaced_by_a_success(tmp_path):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        write_half(target, RuntimeError)
    assert target.read_bytes() == b"old"
    with atomic_write(target) as stream:
        stream.write(b"new")
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["out.bin"]


def test_a_written_file_has_the_permissions_of_an_ordinary_one(tmp_path):
    (tmp_path / "ordinary").touch()
    with atomic_write(tmp_path / "out"):
        pass
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_missing_folder_is_named(tmp_path):
    target = tmp_path / "absent" / "out.bin"
    with pytest.raises(ValueError, match=r"cannot write .*absent/out\.bin"), atomic_write(target):
        pass
    assert names(tmp_path) == []


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match="it is a folder"), atomic_write(tmp_path / "out"):
        pass
    assert names(tmp_path) == ["out"]


def test_json_knows_numpy_values_and_stays_strict(tmp_path):
    path = tmp_path / "out.json"
    value = {"a": np.arange(2), "b": (np.float64(1.5), np.bool_(True)), "c": [np.inf, -np.inf], "d": np.nan, 1: None}
    write_json(path, value)
    assert json.loads(path.read_text(), parse_constant=pytest.fail) == {
        "a": [0, 1], "b": [1.5, True], "c": ["inf", "-inf"], "d": "nan", "1": None,
    }  # fmt: skip


def test_a_value_that_json_lacks_leaves_no_file(tmp_path):
    with pytest.raises(TypeError, match="object"):
        write_json(tmp_path / "out.json", {"a": [1, object()]})
    assert names(tmp_path) == []
