"""Names of parts, in any case and one folder deeper, are no classes; our own results no images."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ppattack.data.folder import Folder
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.errors import DataError
from ppattack.files import walk
from tests.support.image_files import encoded, noise
from tests.support.program import in_process


def fill(folder: Path, seeds: range) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / f"{seed:03}.png").write_bytes(encoded(noise(16, 16, 3, seed=seed), "PNG"))
    return folder


def load(folder: Path, victims: int = 4, adversary: int = 4) -> ImageSets:
    return Folder(str(folder)).load(ImageRequest(victims, adversary, None))


def two_classes(folder: Path, first: int) -> None:
    fill(folder / "cats", range(first, first + 10))
    fill(folder / "dogs", range(first + 10, first + 20))


@pytest.mark.parametrize("deeper", ["", "photographs"])
@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Train", "Test"),
        ("training", "testing"),
        ("TRAINING", "Validation"),
        ("train", "valid"),
        ("train", "val"),
    ],
)
def test_the_names_of_parts_are_no_classes(
    tmp_path: Path, train: str, test: str, deeper: str
) -> None:
    two_classes(tmp_path / deeper / train, 0)
    two_classes(tmp_path / deeper / test, 20)
    sets = load(tmp_path, 20, 20)
    assert sets.classes == ("cats", "dogs")
    assert sets.adversary[0].shape == (3, 16, 16)
    plain = torch.from_numpy(noise(16, 16, 3, seed=25).transpose(2, 0, 1).copy())
    assert any(torch.equal(plain, image) for image in sets.victims)
    assert not any(torch.equal(plain, image) for image in sets.adversary)


@pytest.mark.parametrize("deeper", ["", "photographs"])
@pytest.mark.parametrize("parts", [("train",), ("Testing",), ("val", "test")])
def test_a_data_set_with_one_part_is_split_by_content(
    tmp_path: Path, parts: tuple[str, ...], deeper: str
) -> None:
    for place, part in enumerate(parts):
        two_classes(tmp_path / deeper / part, 20 * place)
    sets = load(tmp_path)
    assert sets.classes == ("cats", "dogs")
    assert len(sets.victims) == len(sets.adversary) == 4


def test_a_part_beside_other_folders_is_a_class_and_that_is_said(tmp_path: Path) -> None:
    for place, name in enumerate(("train", "ship")):
        fill(tmp_path / name, range(20 * place, 20 * place + 20))
    sets = load(tmp_path)
    assert sets.classes == ("ship", "train")
    assert any("train lies beside" in note for note in sets.notes)


def test_parts_that_are_not_used_are_named(tmp_path: Path) -> None:
    for place, name in enumerate(("train", "val", "test")):
        fill(tmp_path / name, range(10 * place, 10 * place + 10))
    assert "val left out: the victims have test." in load(tmp_path).notes


@pytest.mark.parametrize("names", [("train", "Train"), ("train", "training"), ("test", "TEST")])
def test_two_folders_of_one_part_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        fill(tmp_path / name, range(4))
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("the file system does not tell cases apart")
    with pytest.raises(DataError, match="holds both .*: keep one of them"):
        load(tmp_path)


def test_parts_below_classes_are_refused(tmp_path: Path) -> None:
    for place, name in enumerate(("cats", "dogs")):
        fill(tmp_path / name / "train", range(20 * place, 20 * place + 10))
        fill(tmp_path / name / "test", range(20 * place + 10, 20 * place + 20))
    with pytest.raises(DataError, match=f"name folder:{tmp_path}/cats"):
        load(tmp_path)


RUN = "run --attack fr --target pe --preset smoke -n 3 --adversary 3 -q --data folder:."


def test_results_beside_the_photographs_are_not_taken_for_photographs(tmp_path: Path) -> None:
    fill(tmp_path, range(20))
    before = load(tmp_path)
    fingerprint = Folder(str(tmp_path)).fingerprint(labels=False)
    assert in_process(f"{RUN} --out .", tmp_path)[0] == 0
    assert in_process(f"{RUN} --out runs", tmp_path)[0] == 0
    for command in (
        "encrypt --target pe --data folder:. -n 3 --out c --plain-out p --key-file k --seed 1 -q",
        "encrypt --target pe --data folder:. -n 3 --out j --jpeg 90 --seed 1 -q",
        "decrypt --target pe --ciphertexts c --key-file k --out d -q",
    ):
        assert in_process(command, tmp_path)[0] == 0
    (tmp_path / "gone.partial").mkdir()
    after = load(tmp_path)
    assert after.hash == before.hash
    assert Folder(str(tmp_path)).fingerprint(labels=False) == fingerprint
    (note,) = [note for note in after.notes if "own results" in note]
    assert note.startswith("7 folders of ppattack's own results were left out: c; d; ")
    assert before.notes == ()


def test_results_that_are_named_are_read(tmp_path: Path) -> None:
    fill(tmp_path / "d", range(20))
    assert in_process("encrypt --target pe --images d --out c --seed 1 -q", tmp_path)[0] == 0
    assert len(load(tmp_path / "c").victims) == 4


def test_a_report_of_another_program_hides_no_photographs(tmp_path: Path) -> None:
    fill(tmp_path / "album", range(20))
    (tmp_path / "album" / "report.json").write_text('{"title": "holidays"}')
    assert len(load(tmp_path).victims) == 4


def test_a_walk_ends_where_links_lead_in_circles(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "again").symlink_to(tmp_path / "a" / "b")
    assert [place.name for place, _ in walk(tmp_path)] == [tmp_path.name, "a", "b"]
