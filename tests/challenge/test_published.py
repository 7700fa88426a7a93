"""Challenges as their authors hand them out, and submissions as their evaluation takes them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ppattack.attack import Context
from ppattack.challenge import layout
from ppattack.challenge.score import score
from ppattack.challenge.solve import Solved, Task, solve
from ppattack.context import SilentProgress
from tests.support import published_evaluation
from tests.support.challenge_pictures import write_pictures
from tests.support.program import in_process

pytestmark = pytest.mark.long

SETTINGS = {"variant": "small", "hidden": 128}
SIZES = "--size 32 --set target.variant=small --set target.hidden=128"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 codes and 8 targets as the published export leaves them, in ``codes``."""
    folder = tmp_path_factory.mktemp("published")
    write_pictures(folder / "images", 48)
    published_evaluation.made(folder, SETTINGS, targets=8)
    published_evaluation.export(folder, folder / "codes")
    return folder


def test_the_published_evaluation_takes_a_submission(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported / "images", tmp_path / "images")
    shutil.copytree(exported / "codes", tmp_path / "codes")
    published_evaluation.leave_cache(tmp_path / "codes" / layout.CODES)
    command = f"challenge neuracrypt solve --challenge codes --images images {SIZES}"
    names = f"--encoded-data-dir {exported / 'codes'} --submission-dir {tmp_path / 'mine'}"
    code, _, errors = in_process(f"{command} --out mine --encoder-steps 150 {names}", tmp_path)
    assert code == 0, errors
    place, mine = str(exported / "codes"), str(tmp_path / "mine")
    assert published_evaluation.first_part(place, mine) == (40, 40)
    right, count = published_evaluation.second_part(place, mine)
    assert count == 8
    assert right >= 6  # guessing: 1
    first, second = score(tmp_path / "mine", exported / "codes")
    assert (first.right, first.count) == (40, 40)
    assert (second.right, second.count) == (right, 8)
    with pytest.raises(KeyError):
        published_evaluation.second_part(place, f"{tmp_path}/./mine")


def test_paths_are_joined_from_the_folders_as_they_were_named(
    exported: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(exported)
    out = Path("mine")
    _solve(exported, Path("codes"), out)
    found = layout.read_dictionary(exported / "mine" / layout.PREDICTIONS)
    shutil.rmtree(exported / "mine")
    assert all(file.startswith("codes/private_encoded_dataset/") for file in found.values())


def test_an_odd_file_among_codes_is_named(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported / "codes", tmp_path / "codes")
    shutil.copytree(exported / "images", tmp_path / "images")
    np.save(tmp_path / "codes" / layout.CODES / "mean.npy", np.zeros((16, 128), np.float32))
    command = f"challenge neuracrypt solve --challenge codes --images images {SIZES} --out s"
    code, _, errors = in_process(command, tmp_path)
    assert code == 2
    assert "mean.npy" in errors
    assert not (tmp_path / "s").exists()


def test_likely_settings_are_named(exported: Path, tmp_path: Path) -> None:
    command = f"challenge neuracrypt solve --challenge codes --images images --out {tmp_path / 's'}"
    _, _, errors = in_process(command, exported)
    assert "16 codes of 128 are likely 4 x 4 patches: --set target.hidden=128" in errors
    folder = tmp_path / "codes" / layout.CODES
    folder.mkdir(parents=True)
    np.save(folder / "0.npy", np.zeros((64, 256), np.float32))
    _, _, errors = in_process(command.replace("codes", str(tmp_path / "codes")), exported)
    assert "8 x 8 patches of 8 pixels: --size 64 --set target.variant=small" in errors


def test_a_folder_of_codes_is_pointed_to_the_command(exported: Path) -> None:
    command = "run --attack neuracrypt-matching --target neuracrypt --ciphertexts codes/"
    sizes = "--set target.variant=small --set target.hidden=128 --out runs"
    code, _, errors = in_process(f"{command}{layout.CODES} {sizes}", exported)
    assert code == 2
    assert "'ppattack challenge neuracrypt solve', with --challenge and --images" in errors


def test_more_images_than_codes(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported / "codes", tmp_path / "codes")
    for number in range(0, 40, 3):
        (tmp_path / "codes" / layout.CODES / f"{number}.npy").unlink()
    solved = _solve(exported, tmp_path / "codes", tmp_path / "s")
    first = score(tmp_path / "s", exported / "codes")[0]
    assert (first.right, first.answered, first.count) == (26, 26, 40)
    assert solved.said.startswith("26 matches, ")
    (tmp_path / "codes" / layout.CODES_LIST).write_text('["view0/0.png"]')
    with pytest.raises(Exception, match="lists 1 images for 26 codes"):
        _solve(exported, tmp_path / "codes", tmp_path / "t")


@pytest.mark.parametrize("shuffle", [True, False])
def test_targets_of_the_linear_encoder_need_no_training(tmp_path: Path, shuffle: bool) -> None:
    write_pictures(tmp_path / "images", 90)
    linear = {**SETTINGS, "depth": 1, "shuffle": shuffle}
    published_evaluation.made(tmp_path, linear, targets=10)
    task = Task(tmp_path / "challenge", tmp_path / "images", tmp_path / "s", encoder_steps=None)
    solve(task, _context())
    first, second = score(tmp_path / "s", tmp_path / "gold")
    assert first.accuracy == 1
    assert (second.right, second.count) == (10, 10)


def _zeros(code: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.zeros_like(code)


def _noise(code: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=code.shape).astype(np.float32)


@pytest.mark.parametrize("spoil", [_zeros, _noise])
def test_codes_that_say_nothing_are_inconclusive(
    exported: Path,
    tmp_path: Path,
    spoil: Callable[[np.ndarray, np.random.Generator], np.ndarray],
) -> None:
    shutil.copytree(exported / "codes", tmp_path / "codes")
    shutil.copytree(exported / "images", tmp_path / "images")
    rng = np.random.default_rng(0)
    for file in (tmp_path / "codes" / layout.CODES).glob("[0-9]*.npy"):
        np.save(file, spoil(np.load(file), rng))
    command = f"challenge neuracrypt solve --challenge codes --images images {SIZES} --out s"
    code, _, errors = in_process(f"{command} --encoder-steps 1", tmp_path)
    assert code == 4
    assert "INCONCLUSIVE" in errors
    assert not (tmp_path / "s" / layout.TARGETS).exists()


def test_codes_are_matched_from_the_disk_as_from_memory(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _solve(exported, exported / "codes", tmp_path / "memory")
    for room in ("own_keys", "case"):
        monkeypatch.setattr(f"ppattack.solvers.neuracrypt.{room}.HELD_BYTES", 1)
    monkeypatch.setattr("ppattack.solvers.neuracrypt.codes.BATCH_BYTES", 3 * 4 * 16 * 128)
    _solve(exported, exported / "codes", tmp_path / "disk")
    found = [
        {path: layout.file_name(file) for path, file in layout.read_dictionary(place).items()}
        for place in (tmp_path / name / layout.PREDICTIONS for name in ("memory", "disk"))
    ]
    assert found[0] == found[1]
    assert score(tmp_path / "disk", exported / "codes")[0].accuracy == 1


def test_what_memory_does_not_hold_is_refused(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ppattack.solvers.neuracrypt.cost import Sizes, memory_bytes

    enough = memory_bytes(Sizes(30, 40, 16, 128, 32**2))
    monkeypatch.setattr("ppattack.challenge.plan.physical_bytes", lambda: enough)
    with pytest.raises(Exception, match=r"40 codes and 40 images take .* until some 30 are left"):
        _solve(exported, exported / "codes", tmp_path / "s")
    assert not list(tmp_path.iterdir())


def test_a_size_that_is_no_multiple_of_the_patch_is_said(tmp_path: Path) -> None:
    write_pictures(tmp_path / "images", 20)
    published_evaluation.made(tmp_path, SETTINGS, targets=0, size=30)
    solved = solve(Task(tmp_path / "challenge", tmp_path / "images", tmp_path / "s"), _context())
    assert any("--size 30 is no multiple of the patch, 8" in text for text in solved.warnings)


def _context() -> Context:
    return Context(torch.device("cpu"), seed=3, progress=SilentProgress())


def _solve(folder: Path, challenge: Path, out: Path) -> Solved:
    task = Task(challenge, folder / "images", out, size=32, target_settings=SETTINGS)
    return solve(task, _context())
