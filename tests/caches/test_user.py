"""The user's cache: where it is, and that nothing depends on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppattack.caches.user import cache_folder, keep, kept


def test_it_lies_where_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PPATTACK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("x") == tmp_path / "ppattack" / "x"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder("x") == tmp_path / "home" / ".cache" / "ppattack" / "x"


@pytest.mark.parametrize("word", ["off", "OFF ", "0", "no"])
def test_it_can_be_switched_off(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPATTACK_CACHE", word)
    assert cache_folder("x") is None


def test_what_cannot_be_read_or_written_is_no_error(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "result"
    assert kept(place) is None
    assert keep(place, b"1") is None
    assert kept(place) == b"1"
    assert kept(place.parent) is None
    assert "cannot" in (keep(place / "below a file", b"1") or "")
