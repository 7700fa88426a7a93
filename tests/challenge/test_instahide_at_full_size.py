"""The InstaHide challenge at its published shape: 100 private images, 50 rounds, k = 6."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
import torch

from ppattack.attack import Context, SilentProgress
from ppattack.challenge.instahide.generate import Wish, generate
from ppattack.challenge.instahide.score import score
from ppattack.challenge.instahide.solve import Task, solve

EVERY = 7
"""Of the training images, every seventh is the scheme's, and every seventh the attacker's."""


def _unpacked(folder: Path) -> None:
    """CIFAR-10: ``private`` from the test images, ``public`` and ``own`` from the training ones."""
    seen = 0
    with tarfile.open(Path(os.environ["PPATTACK_DATA"]) / "cifar10-jpeg.tar.gz") as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is None:
                continue
            part, kind, name = Path(member.name).parts[-3:]
            seen += 1
            side = "private" if part == "test" else {0: "public", 1: "own"}.get(seen % EVERY)
            if side is not None:
                place = folder / side / kind
                place.mkdir(parents=True, exist_ok=True)
                (place / name).write_bytes(content.read())


@pytest.mark.slow
@pytest.mark.skipif("PPATTACK_DATA" not in os.environ, reason="PPATTACK_DATA is not set")
def test_nearly_all_private_images_come_back_clearly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _unpacked(tmp_path)
    challenge, gold, out = (tmp_path / name for name in ("challenge", "gold", "out"))
    wish = Wish(tmp_path / "private", tmp_path / "public", challenge, gold, 32, 100, 1, {})
    assert generate(wish, SilentProgress()).startswith("5000 encodings of 100 images")
    solved = solve(Task(challenge, tmp_path / "own", out), Context(torch.device("cpu"), 0))
    found = score(out, gold)
    assert not solved.inconclusive
    assert found.max_ssim >= 0.88
    assert found.found >= 98
    assert found.blind_ssim < 0.25
