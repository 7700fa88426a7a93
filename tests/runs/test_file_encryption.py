"""Folders of ciphertexts and their key: nothing is overwritten, lost or decrypted to noise."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from ppattack.data.image_files import read_folder, read_image, write_png
from ppattack.errors import DataError
from ppattack.jpeg import Jpeg
from ppattack.runs.file_encryption import encrypt_files
from ppattack.runs.key_files import read_key, read_key_file
from targets.pe import PE
from tests.support.natural import natural_images
from tests.support.program import in_process

MADONO = "--set target.variant=madono --set target.channel_bug=false"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with ``d``, four pictures."""
    _pictures(tmp_path / "d", 4)
    return tmp_path


def _pictures(folder: Path, count: int, first: int = 0) -> None:
    for i, image in enumerate(natural_images(first + count, 32)[first:]):
        write_png(folder / f"{i:03d}.png", image)


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def done(command: str, folder: Path) -> str:
    """Stderr of a success."""
    code, _, errors = in_process(command, folder)
    assert code == 0, errors
    return errors


def refused(command: str, folder: Path) -> str:
    """The one line of a refusal, which changes no file."""
    before = _contents(folder)
    code, _, errors = in_process(command, folder)
    assert code == 2, errors
    assert errors.count("\n") == 1, errors
    assert _contents(folder) == before
    return errors


def _equal(one: Path, other: Path) -> bool:
    return torch.equal(read_image(one), read_image(other))


def test_another_variant_is_refused_and_named(folder: Path) -> None:
    done(f"encrypt --target etc {MADONO} --images d --out c --key-file k -q", folder)
    error = refused("decrypt --target etc --ciphertexts c --key-file k --out p", folder)
    assert f"add {MADONO}." in error
    assert "target.variant=madono, not paper" in error
    other = "encrypt --target etc --images d --out c2 --key-file k"
    assert "target.variant=madono, not paper" in refused(other, folder)
    done(f"decrypt --target etc {MADONO} --ciphertexts c --key-file k --out p -q", folder)
    assert _equal(folder / "p/000.png", folder / "d/000.png")
    wrong = "decrypt --target pe --ciphertexts c --key-file k --out q"
    assert "k: the key is for 'etc', not for 'pe'" in refused(wrong, folder)


def test_a_renamed_ciphertext_with_a_key_of_its_own_is_named(folder: Path) -> None:
    done("encrypt --target pe --images d --out c --key-scope image --key-file k -q", folder)
    (folder / "c/000.png").rename(folder / "c/z.png")
    decrypt = "decrypt --target pe --ciphertexts c --key-file k --out p"
    assert "'z.png' is the ciphertext that was written as '000'" in refused(decrypt, folder)
    (folder / "c/z.png").rename(folder / "c/000.png")
    (folder / "c/001.png").unlink()
    done(decrypt, folder)
    assert sorted(path.name for path in (folder / "p").glob("[!.]*")) == [
        "000.png", "002.png", "003.png",
    ]  # fmt: skip
    for path in (folder / "p").glob("[!.]*"):
        assert _equal(path, folder / "d" / path.name)


def test_under_one_key_a_new_name_does_no_harm(folder: Path) -> None:
    done("encrypt --target pe --images d --out c --key-file k -q", folder)
    (folder / "c/000.png").rename(folder / "c/z.png")
    done("decrypt --target pe --ciphertexts c --key-file k --out p -q", folder)
    assert _equal(folder / "p/z.png", folder / "d/000.png")


@pytest.mark.parametrize("scope", ["dataset", "image"])
@pytest.mark.parametrize("name", ["000.png", "other.png"])
def test_a_foreign_ciphertext_is_named(folder: Path, scope: str, name: str) -> None:
    for out in ("c", "c2"):
        flags = f"--key-scope {scope} --out {out} --key-file {out}.key -q"
        done(f"encrypt --target pe --images d {flags}", folder)
    (folder / "c2/000.png").replace(folder / "c" / name)
    error = refused("decrypt --target pe --ciphertexts c --key-file c.key --out p", folder)
    assert f"c.key: '{name}'" in error


@pytest.mark.parametrize("scope", ["dataset", "image"])
@pytest.mark.parametrize("target", ["pe", "le", "etc"])
def test_compressed_ciphertexts_are_decrypted_with_a_warning(
    folder: Path, scope: str, target: str
) -> None:
    flags = f"--key-scope {scope} --key-file k -q"
    done(f"encrypt --target {target} --images d --out c {flags}", folder)
    for path in sorted((folder / "c").glob("[!.]*")):
        path.with_suffix(".jpg").write_bytes(Jpeg(30, "420").encode(read_image(path)))
        path.unlink()
    errors = done(f"decrypt --target {target} --ciphertexts c --key-file k --out p -q", folder)
    assert "4 of 4 ciphertexts are not exactly those that were written" in errors
    assert len(list((folder / "p").glob("[!.]*"))) == 4
    (folder / "c/000.jpg").replace(folder / "c/new.jpg")
    error = refused(f"decrypt --target {target} --ciphertexts c --key-file k --out q", folder)
    assert "'new.jpg' is not one of the 4 ciphertexts" in error


@pytest.mark.parametrize("quality", ["90", "10:420"])
def test_what_was_written_as_jpeg_is_known_exactly(folder: Path, quality: str) -> None:
    done(f"encrypt --target pe --images d --out c --key-file k --jpeg {quality} -q", folder)
    command = "decrypt --target pe --ciphertexts c --key-file k --out p -q"
    assert done(command, folder) == ""


def test_older_key_files_are_read_with_a_warning(folder: Path) -> None:
    done("encrypt --target pe --images d --out c --key-file k -q", folder)
    old = read_key(folder / "k").to_bytes()
    (folder / "k").write_bytes(old)
    errors = done("decrypt --target pe --ciphertexts c --key-file k --out p -q", folder)
    assert errors.count("\n") == 1
    assert "warning: k is an older key file" in errors
    errors = done("encrypt --target pe --images d --out c2 --key-file k -q", folder)
    assert "warning: k is an older key file" in errors
    assert (folder / "k").read_bytes() == old
    assert _equal(folder / "c2/000.png", folder / "c/000.png")


def test_a_changed_key_file_is_refused(folder: Path) -> None:
    done("encrypt --target pe --images d --out c --key-file k -q", folder)
    document = json.loads((folder / "k").read_text())
    part = next(iter(document["parts"].values()))
    part["data"][:2] = reversed(part["data"][:2])
    part["data"][0] ^= 1
    (folder / "k").write_text(json.dumps(document))
    error = refused("decrypt --target pe --ciphertexts c --key-file k --out p", folder)
    assert "k: the key file was changed" in error


def test_one_key_file_learns_of_every_folder(folder: Path) -> None:
    _pictures(folder / "e", 3, first=10)
    done("encrypt --target pe --images d --out c --key-file k -q", folder)
    done("encrypt --target pe --images e --out f --key-file k -q", folder)
    assert len(read_key_file(folder / "k").written) == 7
    for cipher, plain in (("c", "d"), ("f", "e")):
        command = f"decrypt --target pe --ciphertexts {cipher} --key-file k --out p{cipher} -q"
        assert done(command, folder) == ""
        assert _equal(folder / f"p{cipher}/002.png", folder / f"{plain}/002.png")


ENCRYPT = "encrypt --target pe --images d"
PLACES = [
    (f"{ENCRYPT} --out d", "d exists already"),
    (f"{ENCRYPT} --out c", "c exists already"),
    (f"{ENCRYPT} --out new --plain-out c", "c exists already"),
    (f"{ENCRYPT} --out new --plain-out new", "--plain-out is also the folder of --out"),
    (f"{ENCRYPT} --out new --plain-out new/p", "--plain-out is inside the folder of --out"),
    (f"{ENCRYPT} --out new/c --plain-out new", "--out is inside the folder of --plain-out"),
    (f"{ENCRYPT} --out new --key-file new/k", "--key-file is inside the folder of --out"),
    (f"{ENCRYPT} --out new --key-file c/000.png", "not a ppattack key file"),
    ("decrypt --target pe --ciphertexts c --key-file k --out c", "c exists already"),
    ("decrypt --target pe --ciphertexts c --key-file k --out d", "d exists already"),
]


@pytest.mark.parametrize(("command", "words"), PLACES)
def test_nothing_is_written_over_other_files(folder: Path, command: str, words: str) -> None:
    done(f"{ENCRYPT} --out c --key-file k -q", folder)
    assert words in refused(command, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["c", "d", "k"]


@pytest.mark.parametrize("place", ["file/key", "d", "nowhere/\0"])
def test_without_a_key_there_are_no_ciphertexts(folder: Path, place: str) -> None:
    (folder / "file").touch()
    before = _contents(folder)
    with pytest.raises((DataError, ValueError)):
        _encrypt(folder, key_file=folder / place)
    assert _contents(folder) == before
    assert sorted(path.name for path in folder.iterdir()) == ["d", "file"]


def test_a_pipe_is_no_place_for_a_key_and_is_kept(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert "pipe is no regular file" in refused(f"{ENCRYPT} --out c --key-file pipe", folder)
    assert (folder / "pipe").is_fifo()
    assert not (folder / "c").exists()


def _encrypt(folder: Path, key_file: Path) -> None:
    found = read_folder(folder / "d")
    out = folder / "c"
    encrypt_files(
        PE(), found.images, found.names, out=out, plain_out=None, key_file=key_file,
        scope=None, seed=None,
    )  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
def test_a_key_whose_ciphertexts_cannot_be_written_is_as_before(
    folder: Path, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if known:
        done(f"{ENCRYPT} --out before --key-file k -q", folder)
    before = _contents(folder)

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    seen: list[bool] = []

    def publish(*arguments: object, **options: object) -> None:
        seen.append((folder / "k").is_file() and not (folder / "c").exists())
        full()

    monkeypatch.setattr("ppattack.folders._publish", publish)
    with pytest.raises(DataError, match="No space left"):
        _encrypt(folder, key_file=folder / "k")
    assert seen == [True]
    assert _contents(folder) == before
    assert not (folder / "c").exists()


CONTRADICTIONS = [
    ("--key-scope image", "the key has the scope 'dataset', which contradicts --key-scope image"),
    ("--seed 5", "--seed would draw another key"),
    ("--set target.variant=ito --set target.legacy_seed=3", "target.variant=paper, not ito"),
]


@pytest.mark.parametrize(("options", "words"), CONTRADICTIONS)
def test_options_that_contradict_the_key_file_are_refused(
    folder: Path, options: str, words: str
) -> None:
    done("encrypt --target pe --images d --out c --key-file k --seed 1 -q", folder)
    command = f"encrypt --target pe --images d --out c2 --key-file k {options}"
    assert words in refused(command, folder)
    done("encrypt --target pe --images d --out c2 --key-file k --key-scope dataset -q", folder)
    done("encrypt --target pe --images d --out c3 --key-file k --seed 1 -q", folder)
    assert _equal(folder / "c3/000.png", folder / "c/000.png")


@pytest.mark.parametrize(
    "command", ["encrypt --images d --out c2", "decrypt --ciphertexts c --out p"]
)
def test_a_seed_of_published_code_that_is_not_the_keys_is_refused(
    folder: Path, command: str
) -> None:
    seed = "--target pe --set target.variant=ito --set target.truncation=false"
    seed += " --set target.legacy_seed="
    done(f"encrypt {seed}3 --images d --out c --key-file k -q", folder)
    error = refused(f"{command} {seed}4 --key-file k", folder)
    assert "--set target.legacy_seed would draw another key" in error
    done(f"{command} {seed}3 --key-file k -q", folder)


def test_a_number_of_images_is_not_taken_beside_a_folder(folder: Path) -> None:
    assert "takes all 4 files of d, not 2: leave -n out" in refused(
        f"{ENCRYPT} --out c -n 2", folder
    )


def test_two_ciphertexts_of_one_stem_are_refused(folder: Path) -> None:
    done(f"{ENCRYPT} --out c --key-file k -q", folder)
    Image.open(folder / "c/001.png").save(folder / "c/000.bmp")
    error = refused("decrypt --target pe --ciphertexts c --key-file k --out p", folder)
    assert "'000.bmp' and '000.png' would both be written as '000.png'" in error
    Image.open(folder / "d/001.png").save(folder / "d/000.bmp")
    assert "'000.bmp' and '000.png'" in refused(f"{ENCRYPT} --out c2", folder)


def test_photographs_are_encrypted_upright(folder: Path) -> None:
    pixels = natural_images(1, 48)[0, :, :32].permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[274] = 6
    (folder / "x").mkdir()
    picture.save(folder / "x/p.jpg", exif=exif, quality=95)
    done("encrypt --target pe --images x --out c --key-file k -q", folder)
    done("decrypt --target pe --ciphertexts c --key-file k --out p -q", folder)
    upright = read_image(folder / "x/p.jpg", mode="RGB")
    assert upright.shape == (3, 48, 32)
    assert torch.equal(read_image(folder / "p/p.png"), upright)


def test_long_names_are_written(folder: Path) -> None:
    name = "n" * 251 + ".png"
    (folder / "d/000.png").rename(folder / "d" / name)
    done(f"{ENCRYPT} --out c --key-file k -q", folder)
    done("decrypt --target pe --ciphertexts c --key-file k --out p -q", folder)
    assert _equal(folder / "p" / name, folder / "d" / name)
