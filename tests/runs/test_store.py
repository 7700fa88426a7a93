"""A finished result is shown without the work; what decides it is in its identity."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ppattack
from ppattack.classification.experiment import classify
from ppattack.classification.request import ClassifyRequest
from ppattack.compression.experiment import compress
from ppattack.compression.request import CompressionRequest
from ppattack.data.digits import Digits
from ppattack.data.folder import Folder
from ppattack.data.image_files import write_png
from ppattack.data.npz import Npz
from ppattack.data.photos import Photos
from ppattack.errors import DataError
from ppattack.plugins import registry
from ppattack.request import RunRequest
from ppattack.runs.file_encryption import encrypt_files
from ppattack.runs.store import Fill, Store, identity
from ppattack.target.base import Target
from tests.support.natural import natural_images

pytestmark = pytest.mark.long

SOURCES = {"digits": Digits, "folder": Folder, "npz": Npz, "photos": Photos}

OWN_SOURCE = """
from ppattack.data.photos import Photos

class Own(Photos):
    def fingerprint(self, *, labels):
        return {print!r}

    def load(self, request):
        return super().load(request)
"""


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("the work is done already")


def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody loads images, encrypts them or builds the network of LPIPS any more."""
    for source in SOURCES.values():
        monkeypatch.setattr(source, "load", refuse)
    for name in ("etc", "pe", "plain"):
        monkeypatch.setattr(registry.target(name), "encrypt", refuse)
    monkeypatch.setattr(Target, "encrypt", refuse)
    monkeypatch.setattr("ppattack.metrics.lpips.Lpips.__init__", refuse)
    # In this order, so that token_files is not imported while image_files is changed.
    monkeypatch.setattr("ppattack.data.token_files.read_folder", refuse)
    monkeypatch.setattr("ppattack.data.image_files.read_folder", refuse)
    monkeypatch.setattr("ppattack.runs.run._scorer", refuse)


def asked(folder: Path, data: str | None = "photos", **changes: object) -> RunRequest:
    made = RunRequest("fr", "pe", data=data, victims=6, adversary=6, out=folder / "runs", size=32)
    return replace(made, **changes)  # type: ignore[arg-type]


def pictures(folder: Path, count: int = 40) -> Path:
    """A folder of image files."""
    for number, image in enumerate(natural_images(count, 32)):
        write_png(folder / f"{number:02d}.png", image)
    return folder


def archive(folder: Path) -> Path:
    """An archive of images."""
    path = folder / "images.npz"
    np.savez(path, images=natural_images(40, 32).permute(0, 2, 3, 1).numpy())
    return path


def source_of(kind: str, folder: Path) -> str:
    """The name of a source with what it reads."""
    if kind == "folder":
        return f"folder:{pictures(folder / 'pictures')}"
    return f"npz:{archive(folder)}" if kind == "npz" else kind


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_a_finished_run_is_shown_without_any_work(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(tmp_path, source_of(kind, tmp_path))
    first = ppattack.run(request)
    no_work(monkeypatch)
    again = ppattack.run(request)
    assert (first.reused, again.reused) == (False, True)
    assert again.report == first.report
    assert again.folder == first.folder
    with pytest.raises(AssertionError, match="done already"):
        ppattack.run(replace(request, force=True))


def test_a_finished_run_on_ciphertexts_is_shown_without_reading_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cipher, plain = tmp_path / "cipher", tmp_path / "plain"
    names = tuple(f"{i}" for i in range(6))
    encrypt_files(
        registry.target("pe")(),
        natural_images(6, 32),
        names,
        out=cipher,
        plain_out=plain,
        key_file=None,
        scope=None,
        seed=3,
    )
    request = asked(tmp_path, None, ciphertexts=cipher, truth=plain)
    first = ppattack.run(request)
    with monkeypatch.context() as patch:
        no_work(patch)
        again = ppattack.run(request)
    assert again.reused
    assert again.report == first.report
    shutil.copyfile(cipher / "0.png", cipher / "1.png")
    other = ppattack.run(request)
    shutil.copyfile(plain / "0.png", plain / "1.png")
    third = ppattack.run(request)
    assert len({done.report.id for done in (first, other, third)}) == 3


def test_a_finished_classification_is_shown_without_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ClassifyRequest("etc", test=60, train=100, preset="smoke", out=tmp_path)
    request = replace(request, training_settings={"epochs": 1})
    first = classify(request)
    no_work(monkeypatch)
    monkeypatch.setattr("ppattack.classification.models.build", refuse)
    again = classify(request)
    assert again.reused
    assert again.report == first.report


def test_a_finished_measurement_is_shown_without_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = CompressionRequest(("etc", "plain"), images=3, codecs=("png",), out=tmp_path)
    first = compress(request)
    no_work(monkeypatch)
    again = compress(request)
    assert [each.reused for each in again] == [True, True]
    assert [each.report for each in again] == [each.report for each in first]


def _edit_folder(path: Path) -> None:
    shutil.copyfile(path / "00.png", path / "01.png")


def _add_to_folder(path: Path) -> None:
    write_png(path / "new.png", torch.full((3, 32, 32), 9, dtype=torch.uint8))


@pytest.mark.parametrize("change", [_edit_folder, _add_to_folder])
def test_other_files_are_another_run(tmp_path: Path, change: Callable[[Path], None]) -> None:
    request = asked(tmp_path, source_of("folder", tmp_path))
    first = ppattack.run(request)
    change(tmp_path / "pictures")
    other = ppattack.run(request)
    assert not other.reused
    assert other.report.id != first.report.id


def test_another_archive_is_another_run(tmp_path: Path) -> None:
    request = asked(tmp_path, source_of("npz", tmp_path))
    first = ppattack.run(request)
    np.savez(tmp_path / "images.npz", images=natural_images(40, 32, 1).permute(0, 2, 3, 1).numpy())
    assert ppattack.run(request).report.id != first.report.id


@pytest.mark.parametrize("fingerprint", ["same", None])
def test_a_source_of_ones_own_is_run_again_once_its_file_is_edited(
    tmp_path: Path, fingerprint: str | None
) -> None:
    plugin = tmp_path / "own.py"
    plugin.write_text(OWN_SOURCE.format(print=fingerprint))
    request = asked(tmp_path, f"{plugin}:Own")
    first = ppattack.run(request)
    assert ppattack.run(request).reused
    plugin.write_text(plugin.read_text() + "\nEDITED = True\n")
    other = ppattack.run(request)
    assert not other.reused
    assert other.report.id != first.report.id


def test_a_source_without_fingerprint_is_known_by_its_images(tmp_path: Path) -> None:
    plugin = tmp_path / "seen.py"
    plugin.write_text(
        "import os\n"
        "from ppattack.data.npz import Npz\n"
        "class Seen(Npz):\n"
        f"    def __init__(self):\n        super().__init__({str(tmp_path / 'images.npz')!r})\n"
        "    def fingerprint(self, *, labels):\n        return None\n"
    )
    archive(tmp_path)
    request = asked(tmp_path, f"{plugin}:Seen")
    first = ppattack.run(request)
    assert ppattack.run(request).reused
    np.savez(tmp_path / "images.npz", images=natural_images(40, 32, 1).permute(0, 2, 3, 1).numpy())
    assert ppattack.run(request).report.id != first.report.id


@pytest.mark.parametrize("hashed", [1 << 30, 10])
def test_renamed_files_are_shown_under_their_new_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hashed: int
) -> None:
    monkeypatch.setattr("ppattack.data.fingerprint.HASHED_AT_MOST", hashed)
    cipher = pictures(tmp_path / "cipher", 4)
    request = asked(tmp_path, None, ciphertexts=cipher)
    ppattack.run(request)
    for path in sorted(cipher.iterdir()):
        path.rename(path.with_name(f"{'n' * 240}-{path.name}"))
    again = ppattack.run(request)
    assert not again.reused
    written = sorted(path.name for path in (again.folder / "reconstructions").iterdir())
    assert written == sorted(path.name for path in cipher.iterdir())


def test_a_finished_run_with_too_few_images_is_run_again(tmp_path: Path) -> None:
    few = replace(asked(tmp_path, "photos"), save_images=1)
    first = ppattack.run(few)
    assert ppattack.run(replace(few, save_images=0)).reused
    every = replace(few, save_images=None)
    done = ppattack.run(every)
    assert (done.reused, done.folder) == (False, first.folder)
    count = done.report.data.victims
    assert len(list((done.folder / "reconstructions").iterdir())) == count
    for images in (None, 1, count, count + 1):
        assert ppattack.run(replace(few, save_images=images)).reused
    ppattack.run(replace(few, force=True, save_images=count))
    assert ppattack.run(every).reused


def test_large_or_unreadable_files_have_no_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Folder(str(pictures(tmp_path / "pictures", 3)))
    assert source.fingerprint(labels=False) is not None
    with monkeypatch.context() as patch:
        patch.setattr("ppattack.data.fingerprint.HASHED_AT_MOST", 10)
        assert source.fingerprint(labels=False) is None
    (tmp_path / "pictures" / "empty.png").touch()
    assert source.fingerprint(labels=False) is None


class Note:
    """The least that a report is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def to_json(self) -> str:
        return self.text


NOTES = Store("note.json", lambda folder: Note((folder / "note.json").read_text()))


def test_a_store_keeps_what_was_made_and_what_was_interrupted(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "note"
    assert NOTES.find(folder) is None

    def interrupted(partial: Path) -> tuple[Note, Fill]:
        partial.mkdir()
        (partial / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        NOTES.make(folder, interrupted)
    assert NOTES.find(folder) is None

    def work(partial: Path) -> tuple[Note, Fill]:
        assert (partial / "half").is_file()
        return Note("1"), lambda new: (new / "more").touch()

    made = NOTES.make(folder, work)
    assert (made.report.text, made.folder, made.reused) == ("1", folder, False)
    assert sorted(path.name for path in folder.iterdir()) == ["more", "note.json"]
    assert [path.name for path in folder.parent.iterdir()] == ["note"]
    found = NOTES.find(folder)
    assert found is not None
    assert (found.report.text, found.reused) == ("1", True)

    def fails(_: Path) -> tuple[Note, Fill]:
        def fill(_: Path) -> None:
            raise OSError(28, "No space left on device")

        return Note("2"), fill

    with pytest.raises(DataError, match="No space left"):
        NOTES.make(folder, fails)
    kept = NOTES.find(folder)
    assert kept is not None
    assert kept.report.text == "1"


def test_identities_are_12_digits_and_keep_facts_apart() -> None:
    assert identity({"a": 1, "b": 2}) == identity({"b": 2, "a": 1})
    assert identity({"a": 1}) != identity({"a": 2})
    assert len(identity({})) == 12
