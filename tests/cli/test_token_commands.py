"""Schemes whose ciphertexts are no images, through the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import ppattack
from ppattack.data.image_files import read_folder
from ppattack.data.token_files import read_token_folder
from ppattack.errors import DataError, ImageError
from ppattack.request import RunRequest
from ppattack.runs.file_encryption import read_key
from targets.color_neuracrypt import ColorNeuraCrypt
from targets.neuracrypt import NeuraCrypt
from tests.support.program import in_process

pytestmark = pytest.mark.long

SCHEMES = {"neuracrypt": NeuraCrypt, "color-neuracrypt": ColorNeuraCrypt}
PLUGIN = f"{Path(__file__).parents[1] / 'support' / 'plugins' / 'token_grey.py'}:TokenGrey"


def _encrypted(name: str, folder: Path, count: int = 12) -> None:
    command = f"encrypt --target {name} --set target.variant=small -n {count} --size 32 --seed 1 "
    code, _, errors = in_process(f"{command} --out c --plain-out p --key-file key -q", folder)
    assert code == 0, errors


@pytest.mark.parametrize("name", SCHEMES)
def test_encryption_writes_one_npy_file_an_image(name: str, tmp_path: Path) -> None:
    _encrypted(name, tmp_path, 3)
    plain, cipher = read_folder(tmp_path / "p"), read_token_folder(tmp_path / "c")
    assert [Path(n).stem for n in plain.names] == [Path(n).stem for n in cipher.names]
    target = SCHEMES[name](variant="small")
    codes = target.tokens(target.encrypt(plain.images, read_key(tmp_path / "key")))
    rows = target.tokens(cipher.images)
    for tensor in (codes, rows):  # the file's order of patches is its own
        tensor.copy_(tensor.clone().gather(1, tensor[..., :1].argsort(1).expand_as(tensor)))
    torch.testing.assert_close(rows, codes)
    code, _, errors = in_process(
        f"decrypt --target {name} --set target.variant=small --ciphertexts c --key-file key "
        "--out d",
        tmp_path,
    )
    assert code == 2
    assert len(errors.splitlines()) == 1
    assert f"'{name}' has no decryption" in errors
    assert not (tmp_path / "d").exists()


def test_jpeg_is_refused(tmp_path: Path) -> None:
    command = "encrypt --target neuracrypt -n 2 --out c --jpeg 90"
    code, _, errors = in_process(command, tmp_path)
    assert code == 2
    assert "--jpeg needs ciphertexts that are images" in errors
    assert not list(tmp_path.iterdir())


def _request(folder: Path, name: str, **changes: object) -> RunRequest:
    settings: dict[str, object] = {
        "attack": PLUGIN,
        "target": name,
        "target_settings": {"variant": "small"},
        "data": None,
        "ciphertexts": folder / "c",
        "out": folder / "runs",
    }
    return RunRequest(**{**settings, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SCHEMES)
def test_somebody_elses_tokens(name: str, tmp_path: Path) -> None:
    _encrypted(name, tmp_path)
    alone = ppattack.run(_request(tmp_path, name))
    assert alone.report.data.shape == ((1 if name == "neuracrypt" else 3), 32, 32)
    assert alone.report.target.config["batch_norm"] == "frozen"
    names = [f"{i:05d}.png" for i in range(12)]
    assert list(read_folder(alone.folder / "reconstructions").names) == names
    scored = ppattack.run(_request(tmp_path, name, truth=tmp_path / "p"))
    assert scored.report.data.shape == (3, 32, 32)
    assert scored.report.scores.ssim is not None
    assert scored.report.scores.ssim.ciphertext is None
    assert scored.report.id != alone.report.id


@pytest.mark.parametrize("name", SCHEMES)
def test_tokens_of_other_settings(name: str, tmp_path: Path) -> None:
    _encrypted(name, tmp_path, 2)
    other = {"variant": "small", "patch_size": 7}
    with pytest.raises((DataError, ImageError), match="settings|ciphertexts of shape"):
        ppattack.run(_request(tmp_path, name, target_settings={**other, "hidden": 100}))
    (tmp_path / "c" / "00000.npy").unlink()
    np.save(tmp_path / "c" / "00001.npy", np.zeros((15, 256)))
    with pytest.raises(ImageError, match=r"shape \(15, 256\)"):
        ppattack.run(_request(tmp_path, name))


def test_a_run_reports_how_it_normalised(tmp_path: Path) -> None:
    flags = "--target neuracrypt --set target.variant=small --set target.batch_norm=batch"
    command = f"run --attack {PLUGIN} {flags} --set target.batch_size=5 -n 12 --json -q"
    code, text, errors = in_process(command, tmp_path)
    assert code == 0, errors
    config = json.loads(text)["target"]["config"]
    assert (config["batch_norm"], config["batch_size"]) == ("batch", 5)
