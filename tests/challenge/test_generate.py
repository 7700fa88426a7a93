from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ppattack.attack import SilentProgress
from ppattack.challenge import layout
from ppattack.challenge.generate import Wish, generate
from ppattack.data.token_files import read_array
from ppattack.errors import ConfigError, DataError, ImageError
from ppattack.plugins import registry
from ppattack.runs.key_files import read_key, read_key_file
from tests.support.challenge_pictures import write_pictures
from tests.support.program import in_process

SETTINGS = {"variant": "small", "hidden": 32}


def _wish(folder: Path, **changes: object) -> Wish:
    given: dict[str, object] = {
        "images": folder / "images",
        "out": folder / "out",
        "gold": folder / "gold",
        "size": 32,
        "count": None,
        "targets": None,
        "seed": 1,
        "target_settings": SETTINGS,
    }
    return Wish(**{**given, **changes})  # type: ignore[arg-type]


def _tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_layout(tmp_path: Path) -> None:
    write_pictures(tmp_path / "images")
    said = generate(_wish(tmp_path), SilentProgress())
    assert said.startswith("22 codes in ")
    names = {f"private_encoded_dataset/{i}.npy" for i in range(22)}
    lists = {
        "private_encoded_dataset_path_list.json",
        "challenge_2_target_dataset_path_list.json",
        "scheme.json",
    }
    assert _tree(tmp_path / "out").keys() == names | lists
    array = np.load(tmp_path / "out" / "private_encoded_dataset" / "0.npy", allow_pickle=False)
    assert (array.dtype, array.shape) == (np.float32, (16, 32))
    paths = layout.read_paths(tmp_path / "out" / layout.CODES_LIST)
    targets = layout.read_paths(tmp_path / "out" / layout.TARGETS_LIST)
    assert len(targets) == 2
    assert {*paths, *targets} == {f"view{i % 2}/{i}.png" for i in range(24)}
    assert not set(paths) & set(targets)
    gold = layout.read_dictionary(tmp_path / "gold" / layout.GOLD)
    assert set(gold) == set(paths)
    assert set(gold.values()) == {f"{i}.npy" for i in range(22)}


def test_the_lists_give_no_order_away(tmp_path: Path) -> None:
    write_pictures(tmp_path / "images", 200, 8)
    generate(_wish(tmp_path, size=8), SilentProgress())
    paths = layout.read_paths(tmp_path / "out" / layout.CODES_LIST)
    gold = layout.read_dictionary(tmp_path / "gold" / layout.GOLD)
    files = [int(gold[path].removesuffix(".npy")) for path in paths]
    numbers = [int(Path(path).stem) for path in paths]
    for one, other in (
        (files, range(180)),
        (numbers, range(180)),
        (numbers, files),
    ):
        assert abs(np.corrcoef(one, list(other))[0, 1]) < 0.25


@pytest.mark.parametrize("mode", ["frozen", "batch"])
def test_the_answers_and_the_key_make_the_codes(tmp_path: Path, mode: str) -> None:
    write_pictures(tmp_path / "images")
    settings = {**SETTINGS, "batch_norm": mode, "batch_size": 7, "shuffle": False}
    generate(_wish(tmp_path, target_settings=settings), SilentProgress())
    target = registry.target("neuracrypt")(**settings)
    assert not read_key_file(tmp_path / "gold" / layout.GOLD_KEY).is_old
    key = read_key(tmp_path / "gold" / layout.GOLD_KEY)
    for gold, folder in (
        (layout.GOLD, tmp_path / "out" / layout.CODES),
        (layout.GOLD_TARGETS, tmp_path / "gold" / layout.TARGETS),
    ):
        answers = layout.read_dictionary(tmp_path / "gold" / gold)
        images = layout.read_images(tmp_path / "images", list(answers), 32)
        codes = target.encrypt(images, key)
        for name, code in zip(answers.values(), codes, strict=True):
            assert torch.equal(torch.from_numpy(read_array(folder / name)), code)


def test_a_seed_repeats_a_challenge_and_another_makes_another(tmp_path: Path) -> None:
    write_pictures(tmp_path / "images")
    trees = []
    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        wish = _wish(tmp_path, seed=seed, out=tmp_path / name, gold=tmp_path / f"{name}-gold")
        generate(wish, SilentProgress())
        trees.append({**_tree(tmp_path / name), **_tree(tmp_path / f"{name}-gold")})
    assert trees[0] == trees[1]
    assert not any(
        trees[0][name] == data for name, data in trees[2].items() if name != "scheme.json"
    )


def test_numbers_and_copies(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "images")
    shutil.copy(images / "view0" / "0.png", images / "copy.png")
    (images / ".hidden").mkdir()
    shutil.copy(images / "view0" / "0.png", images / ".hidden" / "a.png")
    with pytest.raises(DataError, match="holds 24 different images, not 20 and 5 more"):
        generate(_wish(tmp_path, count=20, targets=5), SilentProgress())
    generate(_wish(tmp_path, count=20, targets=4), SilentProgress())
    assert len(layout.read_paths(tmp_path / "out" / layout.CODES_LIST)) == 20
    assert len(layout.read_paths(tmp_path / "out" / layout.TARGETS_LIST)) == 4


def test_the_answers_are_for_their_owner(tmp_path: Path) -> None:
    write_pictures(tmp_path / "images")
    generate(_wish(tmp_path), SilentProgress())
    assert (tmp_path / "gold").stat().st_mode & 0o077 == 0
    assert (tmp_path / "out").stat().st_mode & 0o055 == 0o055
    for gold in (tmp_path / "out2" / "gold", tmp_path / "out2"):
        with pytest.raises(ConfigError, match="keep it out of the challenge's folder"):
            generate(_wish(tmp_path, out=tmp_path / "out2", gold=gold), SilentProgress())
    assert not (tmp_path / "out2").exists()


def test_an_unreadable_image_leaves_nothing(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "images")
    (images / "broken.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"broken\.png"):
        generate(_wish(tmp_path), SilentProgress())
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


COMMAND = "challenge neuracrypt generate --images images --out out --gold gold"
ROWS = [
    ("challenge neuracrypt generate", "images"),
    (f"{COMMAND} --size 0", "--size 0 is not valid"),
    (f"{COMMAND} -n 1", "two images at least"),
    (f"{COMMAND} --targets -1", "two images at least"),
    (f"{COMMAND} -n 500", "holds 24 different images"),
    (f"{COMMAND} --set target.depth=2", "no encoder of depth 2"),
    (f"{COMMAND} --set target.deep=2", "no setting 'deep'"),
    (COMMAND.replace("images images", "images nowhere"), "there is no folder nowhere"),
    (COMMAND.replace("images images", "images empty"), "holds no image files"),
    (COMMAND.replace("out out", "out full") + " --set target.variant=small", "exists already"),
    (COMMAND.replace("gold gold", "gold file") + " --set target.variant=small", "exists already"),
    (COMMAND.replace("gold gold", "gold file/x") + " --set target.variant=small", "file"),
]


@pytest.mark.parametrize(("arguments", "words"), ROWS)
def test_bad_input(tmp_path: Path, arguments: str, words: str) -> None:
    write_pictures(tmp_path / "images")
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "file").touch()
    code, _, errors = in_process(f"{arguments} -q", tmp_path)
    assert code == 2
    assert len(errors.splitlines()) == 1
    assert words in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "full", "images"]


def test_the_scheme_is_said(tmp_path: Path) -> None:
    write_pictures(tmp_path / "images")
    flags = "--set target.variant=small --set target.depth=3 --size 32 -q"
    code, _, errors = in_process(f"{COMMAND} {flags}", tmp_path)
    assert code == 0, errors
    said = json.loads((tmp_path / "out" / "scheme.json").read_text())
    assert said["target"] == "neuracrypt"
    assert said["size"] == 32
    assert said["settings"]["depth"] == 3


def test_answers_and_challenge_appear_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "images")
    published: list[Path] = []

    def publish(temporary: Path, path: Path, *, private: bool, replace: bool) -> None:
        published.append(path)
        if len(published) == 2:
            raise OSError(28, "No space left on device")
        temporary.rename(path)

    monkeypatch.setattr("ppattack.folders._publish", publish)
    with pytest.raises(DataError, match="No space left"):
        generate(_wish(tmp_path), SilentProgress())
    assert [path.name for path in published] == ["gold", "out"]
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
