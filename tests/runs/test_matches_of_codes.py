"""Codes that are shaped like images, matched with candidates: there is no picture of a query."""

from __future__ import annotations

from pathlib import Path

from ppattack.request import RunRequest
from ppattack.runs.run import run


def test_matched_codes_are_written_without_pictures(tmp_path: Path) -> None:
    asked = RunRequest(
        attack="mmd",
        target="color-neuracrypt",
        target_settings={"variant": "small", "hidden": 8, "depth": 1},
        attack_settings={"epochs": 1},
        preset="smoke",
        key_scope="image",
        victims=8,
        adversary=16,
        out=tmp_path,
    )
    done = run(asked)
    assert (done.folder / "matching.csv").is_file()
    assert not (done.folder / "matches").exists()
