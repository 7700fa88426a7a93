"""A target that breaks its contract is refused wherever it is first used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.plugins import faulty_ciphers
from tests.support.program import in_process

TARGET = f"--target {Path(faulty_ciphers.__file__)}:InPlace"
FEW = "--size 16 -n 10 -q"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (f"run --attack fr {FEW} --adversary 4", 2),
        (f"audit {FEW} --adversary 4", 2),
        (f"bench --attack fr {FEW} --adversary 4", 3),
        (f"compress {FEW} --codec png", 2),
        (f"encrypt {FEW} --out made --plain-out plain", 2),
        ("classify --data digits -n 10 --train 200 --preset smoke -q", 2),
    ],
)
def test_with_one_line(words: str, code: int, tmp_path: Path) -> None:
    command, _, rest = words.partition(" ")
    found, out, errors = in_process(f"{command} {TARGET} {rest}", tmp_path)
    assert found == code
    assert "InPlace): encrypt changes the images that it is given" in errors + out
    assert not (tmp_path / "made").exists()
    if code == 2:
        assert errors.count("\n") == 1
