"""Folders of images of several sizes, and images that a grid of blocks does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppattack.identify import reading
from ppattack.reports.identification import Identification
from ppattack.runs.identifying import identify
from tests.support.folders_of_ciphertexts import (
    Bytes,
    encrypted,
    identified,
    pads,
    photographs,
    write_folder,
)
from tests.support.program import in_process

EDGES = ((112, 112), (96, 112), (112, 80), (128, 96), (80, 128), (96, 96), (144, 80), (80, 80))


def _of_several_sizes(
    folder: Path, target: str | None, *, keys: str = "one", **settings: Any
) -> None:
    """One photograph of each size, encrypted under one key or a key each."""
    folder.mkdir(exist_ok=True)
    for number, (height, width) in enumerate(EDGES):
        image = photographs(144)[number : number + 1, :, :height, :width]
        if target is not None:
            seed = 7 if keys == "one" else number
            image = encrypted(target, images=image, seed=seed, **settings)
        write_folder(folder / "one", image)
        (folder / "one" / "00000.png").rename(folder / f"{number}.png")
    (folder / "one").rmdir()


def _identified(folder: Path, target: str | None, **settings: Any) -> Identification:
    _of_several_sizes(folder, target, **settings)
    return identify(folder)


@pytest.mark.parametrize("target", ["etc", "vit-blocks"])
def test_blocks_of_images_of_several_sizes(target: str, tmp_path: Path) -> None:
    found = _identified(tmp_path, target, keys="each", block_size=16)
    assert (found.scheme, found.block_size) == (target, 16)
    assert (found.sizes, found.shape, found.cropped) == (8, (3, 80, 80), True)
    assert found.foreign == ()


def test_one_key_in_every_block_shows_across_sizes(tmp_path: Path) -> None:
    found = _identified(tmp_path, "le", block_size=8)
    assert (found.scheme, found.block_size, found.key_scope) == ("le", 8, "dataset")


def test_a_key_each_and_a_key_for_each_size_are_not_told_apart(tmp_path: Path) -> None:
    found = _identified(tmp_path, "le", keys="each", block_size=8)
    assert (found.scheme, found.key_scope) == ("le", "undecided")


def test_the_key_scope_is_that_of_files_of_one_size(tmp_path: Path) -> None:
    for number in range(6):
        edge = 96 + 16 * (number // 5)
        image = photographs(144)[number : number + 1, :, :96, :edge]
        write_folder(tmp_path / "one", encrypted("le", images=image, seed=number, block_size=8))
        (tmp_path / "one" / "00000.png").rename(tmp_path / f"{number}.png")
    (tmp_path / "one").rmdir()
    read = reading.read(tmp_path)
    assert len(read.of_commonest_size()) == 5
    assert identify(tmp_path).key_scope == "image"
    assert read.without([("0.png", "is odd")]).edges == read.edges[1:]


def test_photographs_of_any_size_are_plain(tmp_path: Path) -> None:
    assert _identified(tmp_path, None).scheme == "plain"
    assert identified(photographs(144)[:, :, :131, :113]).scheme == "plain"


def test_a_file_that_is_much_smaller_is_named(tmp_path: Path) -> None:
    _of_several_sizes(tmp_path, "etc", block_size=16)
    write_folder(tmp_path / "one", pads(1))
    (tmp_path / "one" / "00000.png").rename(tmp_path / "icon.png")
    (tmp_path / "one").rmdir()
    found = identify(tmp_path)
    assert [(each.name, each.why) for each in found.foreign] == [
        ("icon.png", "is 32x32 RGB, much smaller than the others")
    ]
    assert found.block_size == 16


def test_public_images_of_several_sizes_are_known(tmp_path: Path) -> None:
    _of_several_sizes(tmp_path / "files", "etc", block_size=16)
    _of_several_sizes(tmp_path / "public", None)
    (tmp_path / "files" / "3.png").write_bytes((tmp_path / "public" / "3.png").read_bytes())
    found = identify(tmp_path / "files", tmp_path / "public")
    assert [(each.name, each.why) for each in found.foreign] == [
        ("3.png", "is the public image 3.png, unchanged")
    ]


def test_the_program_says_how_many_sizes_there_are(tmp_path: Path) -> None:
    _of_several_sizes(tmp_path / "files", "etc", block_size=16)
    code, out, _ = in_process("identify files --html page.html", tmp_path)
    assert code == 0
    assert "files: 8 files of 8 sizes, 3x80x80 of the upper left of each" in out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "8 looked at, of 8 sizes, the upper left part of each, 3x80x80" in page
    code, out, errors = in_process("audit --ciphertexts files", tmp_path)
    assert (code, out) == (2, "")
    assert errors.count("\n") == 1
    assert "have 8 sizes, and an attack needs one: put files of one size" in errors
    _of_several_sizes(tmp_path / "plain", None)
    code, _, errors = in_process("audit --ciphertexts plain", tmp_path)
    assert code == 2
    assert "There is nothing to audit" in errors


REMAINDERS: dict[str, dict[str, Any]] = {
    "etc": {"block_size": 14},
    "le": {"block_size": 14},
    "vit-blocks": {"block_size": 14},
    "ele": {"block_size": 7},
}


@pytest.mark.parametrize("target", REMAINDERS)
@pytest.mark.parametrize("count", [1, 6])
def test_images_that_were_cut_beside_a_seam(target: str, count: int) -> None:
    settings = REMAINDERS[target]
    block = settings["block_size"]
    images: Bytes = photographs(140)[:count]
    whole = encrypted(target, images=images, **settings)
    found = identified(whole[:, :, :131, :137])
    assert (found.scheme, found.block_size) == (target, block)
    assert found.shape == (3, 131 // block * block, 137 // block * block)


def test_an_audit_needs_files_that_blocks_fit(tmp_path: Path) -> None:
    images = encrypted("etc", images=photographs(140)[:4], block_size=14)
    write_folder(tmp_path / "files", images[:, :, :131, :137])
    code, out, errors = in_process("audit --ciphertexts files", tmp_path)
    assert (code, out) == (2, "")
    assert errors.count("\n") == 1
    assert "cut the files to their upper left 126x126, and audit those" in errors


def test_noise_of_any_size_is_noise() -> None:
    found = identified(np.random.default_rng(1).integers(0, 256, (5, 3, 131, 137), np.uint8))
    assert found.scheme == "one-time-pad"
