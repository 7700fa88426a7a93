from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ppattack.attack import Context, SilentProgress
from ppattack.challenge import layout
from ppattack.challenge.generate import Wish, generate
from ppattack.challenge.score import score
from ppattack.challenge.solve import Task, solve
from ppattack.challenge.submission import Matching
from ppattack.errors import DataError
from tests.support.challenge_pictures import write_pictures
from tests.support.program import in_process

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shuffled challenge of depth 7: 40 codes of 32 pixels, 8 targets."""
    folder = tmp_path_factory.mktemp("challenge")
    write_pictures(folder / "images", 48)
    wish = Wish(
        images=folder / "images",
        out=folder / "challenge",
        gold=folder / "gold",
        size=32,
        count=40,
        targets=8,
        seed=1,
        target_settings={"variant": "small", "hidden": 128},
    )
    generate(wish, SilentProgress())
    return folder


def _task(folder: Path, out: Path, **changes: object) -> Task:
    given: dict[str, object] = {
        "challenge": folder / "challenge",
        "images": folder / "images",
        "out": out,
        "encoder_steps": 150,
    }
    return Task(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.long
def test_a_challenge_is_solved_in_the_submission_format(made: Path, tmp_path: Path) -> None:
    solve(_task(made, tmp_path / "submission"), CONTEXT)
    names = {path.name for path in (tmp_path / "submission").iterdir()}
    assert names == {
        "parallel_data_predictions.json",
        "challenge_2_target_dataset",
        "out_of_domain_npy_path_to_orig_path_dict.json",
    }
    found = layout.read_dictionary(tmp_path / "submission" / layout.PREDICTIONS)
    assert set(found) == set(layout.read_paths(made / "challenge" / layout.CODES_LIST))
    vector = np.load(tmp_path / "submission" / layout.TARGETS / "0.npy", allow_pickle=False)
    assert (vector.dtype, vector.shape) == (np.float32, (128,))
    first, second = score(tmp_path / "submission", made / "gold")
    assert first.accuracy == 1
    assert first.privacy == "bad"
    assert second.accuracy >= 0.75  # guessing: 0.125


def test_codes_that_say_nothing_are_matched_at_chance(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "challenge", tmp_path / "challenge")
    rng = np.random.default_rng(0)
    for file in (tmp_path / "challenge" / layout.CODES).iterdir():
        code = np.load(file)
        np.save(file, rng.normal(size=code.shape).astype(np.float32))
    shutil.copytree(made / "images", tmp_path / "images")
    solved = solve(_task(tmp_path, tmp_path / "submission", encoder_steps=1), CONTEXT)
    (first,) = score(tmp_path / "submission", made / "gold")
    assert first.right <= 5  # one is expected
    assert solved.inconclusive


def test_paths_from_elsewhere_are_found_by_their_ends(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "challenge", tmp_path / "challenge")
    place = tmp_path / "challenge" / layout.CODES_LIST
    paths = [f"/data/someone/set-v1/{path}" for path in layout.read_paths(place)]
    place.write_text(json.dumps(paths))
    task = _task(tmp_path, tmp_path / "s", images=made / "images", encoder_steps=0)
    solve(task, CONTEXT)
    found = layout.read_dictionary(tmp_path / "s" / layout.PREDICTIONS)
    gold = layout.read_dictionary(made / "gold" / layout.GOLD)
    assert {path: layout.file_name(file) for path, file in found.items()} == {
        f"/data/someone/set-v1/{path}": name for path, name in gold.items()
    }


def test_without_a_scheme_the_settings_are_asked_for(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "challenge", tmp_path / "challenge")
    (tmp_path / "challenge" / layout.SCHEME).unlink()
    task = _task(tmp_path, tmp_path / "s", images=made / "images", encoder_steps=0)
    with pytest.raises(DataError, match=r"shape \(16, 128\), but images of 256 pixels have codes"):
        solve(task, CONTEXT)
    settings = {"variant": "small", "hidden": 128}
    told = _task(
        tmp_path,
        tmp_path / "s",
        images=made / "images",
        encoder_steps=0,
        size=32,
        target_settings=settings,
    )
    solve(told, CONTEXT)
    assert score(tmp_path / "s", made / "gold")[0].accuracy == 1


def test_an_interruption_of_the_second_part_keeps_the_first(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matched: list[int] = []

    def match(*given: object) -> Matching:
        matched.append(1)
        return Matching(list(range(40)), 0.9, "")

    def interrupt(*given: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "s"
    monkeypatch.setattr("ppattack.challenge.solve._matched", match)
    with monkeypatch.context() as patch:
        patch.setattr("ppattack.challenge.second_part._learnt", interrupt)
        with pytest.raises(KeyboardInterrupt):
            solve(_task(made, out), CONTEXT)
    assert [file.name for file in out.iterdir()] == [layout.PREDICTIONS]
    first = (out / layout.PREDICTIONS).read_bytes()
    with pytest.raises(DataError, match="exists already"):
        solve(_task(made, out), replace(CONTEXT, seed=4))
    solve(_task(made, out, encoder_steps=1), CONTEXT)
    assert len(matched) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    assert (out / layout.PREDICTIONS).read_bytes() == first
    assert len(layout.read_dictionary(out / layout.TARGETS_DICT)) == 8
    with pytest.raises(DataError, match="exists already"):
        solve(_task(made, out), CONTEXT)


@pytest.mark.parametrize("part", ["solve._matched", "second_part._learnt"])
def test_an_interrupted_command_promises_what_it_keeps(
    made: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def interrupt(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"ppattack.challenge.{part}", interrupt)
    code, _, errors = in_process(f"{COMMAND} --encoder-steps 1", made)
    kept = (made / "s").exists()
    shutil.rmtree(made / "s", ignore_errors=True)
    shutil.rmtree(made / "s.partial", ignore_errors=True)
    assert code == 130
    assert kept == (part == "second_part._learnt")
    assert ("goes on from there" in errors) == kept
    assert ("nothing is kept" in errors) != kept
    assert "checkpoint" not in errors


def test_an_interruption_of_the_first_part_leaves_nothing(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*given: object) -> None:
        assert not list(tmp_path.iterdir())  # a killed process would leave what is here
        raise KeyboardInterrupt

    monkeypatch.setattr("ppattack.challenge.solve._matched", interrupt)
    with pytest.raises(KeyboardInterrupt):
        solve(_task(made, tmp_path / "s"), CONTEXT)
    assert not list(tmp_path.iterdir())


def test_two_paths_with_one_file_are_refused(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "challenge", tmp_path / "challenge")
    place = tmp_path / "challenge" / layout.TARGETS_LIST
    paths = layout.read_paths(place)
    place.write_text(json.dumps([*paths, f"elsewhere/{paths[0]}"]))
    with pytest.raises(DataError, match="are both found as"):
        solve(_task(tmp_path, tmp_path / "s", images=made / "images"), CONTEXT)


def _changed(folder: Path, name: str, text: str | None) -> None:
    place = folder / "challenge" / name
    if text is None:
        place.unlink()
    else:
        place.write_text(text)


SPOILT = [
    (layout.CODES_LIST, None, "cannot read"),
    (layout.CODES_LIST, "{}", "not a list of image paths"),
    (layout.CODES_LIST, "[1]", "not a list of image paths"),
    (layout.CODES_LIST, '["a.png", "a.png"]', "names an image twice"),
    (layout.CODES_LIST, '["view0/0.png"]', "lists 1 images for 40 codes"),
    (f"{layout.CODES}/3.npy", "x", "3.npy cannot be read"),
    (layout.SCHEME, "[]", "does not describe a scheme"),
    (layout.SCHEME, '{"size": "big"}', "does not describe a scheme"),
    (layout.SCHEME, '{"size": 1e999}', "does not describe a scheme"),
    (layout.SCHEME, '{"settings": 3}', "does not describe a scheme"),
    (layout.SCHEME, '{"target": "nonsense"}', "names the scheme 'nonsense'"),
    (layout.SCHEME, '{"target": "plain"}', "does not encode with a network"),
    (layout.SCHEME, '{"target": ["x.py"]}', "names the scheme"),
    (layout.SCHEME, '{"settings": {"deep": 3}}', "no setting 'deep'"),
    (layout.TARGETS_LIST, '["view0/none.png"]', "there is no image 'view0/none.png'"),
    (layout.TARGETS_LIST, '["../images/view0/0.png"]', "there is no image"),
]


@pytest.mark.parametrize(("name", "text", "words"), SPOILT)
def test_spoilt_challenges(
    made: Path, tmp_path: Path, name: str, text: str | None, words: str
) -> None:
    shutil.copytree(made / "challenge", tmp_path / "challenge")
    shutil.copytree(made / "images", tmp_path / "images")
    _changed(tmp_path, name, text)
    command = "challenge neuracrypt solve --challenge challenge --images images --out s"
    code, _, errors = in_process(f"{command} --encoder-steps 1 -q", tmp_path)
    assert code == 2
    assert errors.count("\n") == 1
    assert words in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["challenge", "images"]


COMMAND = "challenge neuracrypt solve --challenge challenge --images images --out s -q"
ROWS = [
    (COMMAND.replace("images images", "images nowhere"), "there is no image"),
    (COMMAND.replace("challenge challenge", "challenge nowhere"), "nowhere"),
    (COMMAND.replace("out s", "out gold"), "exists already"),
    (f"{COMMAND} --preset fast", "no preset 'fast'"),
    (f"{COMMAND} --encoder-steps -1", "0 is the least"),
    (f"{COMMAND} --size 64", "but images of 64 pixels have codes"),
    (f"{COMMAND} --set attack.nonsense=1", "no setting 'nonsense'"),
    (f"{COMMAND} --device quantum", "device 'quantum'"),
]


@pytest.mark.parametrize(("arguments", "words"), ROWS)
def test_bad_input(made: Path, arguments: str, words: str) -> None:
    code, _, errors = in_process(arguments, made)
    assert code == 2
    assert errors.count("\n") == 1
    assert words in errors
    assert not (made / "s").exists()


def test_images_are_resized_as_they_are(tmp_path: Path) -> None:
    from PIL import Image

    rows = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (48, 1))
    Image.fromarray(rows).save(tmp_path / "a.png")
    image = layout.read_images(tmp_path, ["a.png"], 12)
    assert image.shape == (1, 1, 12, 12)
    # bilinear at the middles of two columns each, no smoothing
    assert image[0, 0, 5].tolist() == [5 + 20 * i for i in range(12)]
    assert layout.read_images(tmp_path, [], 12).shape == (0, 1, 12, 12)
