from __future__ import annotations

from pathlib import Path

import pytest

from ppattack.errors import DataError
from ppattack.runs import memory
from ppattack.runs.run import RunRequest, run


@pytest.fixture(autouse=True)
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "physical_bytes", lambda: 10 * memory.GIB)


def test_the_number_that_is_named_fits_and_one_more_does_not() -> None:
    with pytest.raises(
        DataError, match=r"1,000,000 images of 32 px .* 49 GiB.* has 10: use -n \d+"
    ):
        memory.check_memory(1_000_000, 32)
    each = memory.COPIES * 3 * 32 * 32 + memory.BESIDE
    fitting = 10 * memory.GIB // each
    memory.check_memory(fitting, 32)
    with pytest.raises(DataError, match=f"use -n {fitting} at most"):
        memory.check_memory(fitting + 1, 32)
    memory.check_memory(fitting, None)
    with pytest.raises(DataError, match="a run on 1,000,000 images holds them all"):
        memory.check_memory(1_000_000, None)


def test_a_run_is_refused_before_an_image_is_read(tmp_path: Path) -> None:
    request = RunRequest("fr", "pe", victims=10**7, size=32, out=tmp_path / "runs")
    with pytest.raises(DataError, match="10,000,000 images of 32 px holds them all"):
        run(request)
    assert not (tmp_path / "runs").exists()
