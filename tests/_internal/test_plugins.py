"""Plug-ins are found by name; what is installed while a process runs is found, too."""

from pathlib import Path

import pytest

from vvnorm._internal import plugins


def test_a_package_that_is_installed_later_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    before = plugins.names("vvnorm.claims")
    (tmp_path / "later-1.dist-info").mkdir()
    (tmp_path / "later-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: later\nVersion: 1\n")
    (tmp_path / "later-1.dist-info" / "entry_points.txt").write_text("[vvnorm.claims]\nlater_claim = later:CLAIM\n")
    assert set(plugins.names("vvnorm.claims")) == {*before, "later_claim"}
    assert plugins.module("vvnorm.claims", "later_claim") == "later"
