from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ppattack.challenge.score import privacy_of, score
from ppattack.errors import DataError
from tests.support.program import in_process

COUNT = 40


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """Answers to 40 codes and 10 targets, whose mean vectors are random."""
    folder = tmp_path / "gold"
    (folder / "challenge_2_target_dataset").mkdir(parents=True)
    answers = {f"a/{i}.png": f"{(7 * i) % COUNT}.npy" for i in range(COUNT)}
    (folder / "path_dict.json").write_text(json.dumps(answers))
    targets = {f"b/{i}.png": f"{i}.npy" for i in range(10)}
    (folder / "challenge_2_path_dict.json").write_text(json.dumps(targets))
    codes = np.random.default_rng(0).normal(size=(10, 6, 8)).astype(np.float32)
    for i, code in enumerate(codes):
        np.save(folder / "challenge_2_target_dataset" / f"{i}.npy", code)
    return folder


def _submit(gold: Path, right: int, targets: int = 10, prefix: str = "") -> Path:
    """A submission with so many right answers in either part."""
    folder = gold.parent / "submission"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "challenge_2_target_dataset").mkdir(parents=True)
    answers = json.loads((gold / "path_dict.json").read_text())
    names = list(answers.values())
    wrong = names[right:]
    found = [*names[:right], *wrong[1:], *wrong[:1]]
    matches = {path: prefix + name for path, name in zip(answers, found, strict=True)}
    (folder / "parallel_data_predictions.json").write_text(json.dumps(matches))
    whose = {}
    for i in range(10):
        code = np.load(gold / "challenge_2_target_dataset" / f"{i}.npy").mean(axis=0)
        if i >= targets:
            code = np.full_like(code, 99)
        np.save(folder / "challenge_2_target_dataset" / f"{9 - i}.npy", code + 0.001)
        whose[f"{prefix}{9 - i}.npy"] = f"b/{i}.png"
    text = json.dumps(whose)
    (folder / "out_of_domain_npy_path_to_orig_path_dict.json").write_text(text)
    return folder


@pytest.mark.parametrize("prefix", ["", "/data/private_encoded_dataset/", "x\\y\\"])
@pytest.mark.parametrize("right", [0, 1, 2, 8, 9, 38, 40])
def test_accuracy_is_the_share_of_right_answers(gold: Path, right: int, prefix: str) -> None:
    first, second = score(_submit(gold, right, prefix=prefix), gold)
    assert (first.right, first.count, first.answered) == (right, COUNT, COUNT)
    assert first.accuracy == right / COUNT
    assert first.wilson95[0] <= first.accuracy <= first.wilson95[1]
    assert first.chance == 1 / COUNT
    wanted = "good" if right < 2 else "moderate" if right <= 8 else "bad"
    assert first.privacy == wanted
    assert (second.part, second.right, second.count) == ("challenge 2", 10, 10)


def test_the_thresholds() -> None:
    assert [privacy_of(x) for x in (0, 0.0499, 0.05, 0.2, 0.2001, 1)] == [
        "good",
        "good",
        "moderate",
        "moderate",
        "bad",
        "bad",
    ]


@pytest.mark.parametrize("targets", [1, 3, 10])
def test_a_target_is_found_where_its_vector_is_nearest(gold: Path, targets: int) -> None:
    second = score(_submit(gold, 40, targets), gold)[1]
    assert second.right == targets


def test_swapped_vectors_are_wrong(gold: Path) -> None:
    folder = _submit(gold, 40)
    place = folder / "out_of_domain_npy_path_to_orig_path_dict.json"
    whose = json.loads(place.read_text())
    whose["0.npy"], whose["1.npy"] = whose["1.npy"], whose["0.npy"]
    place.write_text(json.dumps(whose))
    assert score(folder, gold)[1].right == 8


def test_what_is_not_answered_is_wrong(gold: Path) -> None:
    folder = _submit(gold, 40)
    place = folder / "parallel_data_predictions.json"
    found = json.loads(place.read_text())
    place.write_text(json.dumps({"a/3.png": found["a/3.png"], "elsewhere.png": "3.npy"}))
    place = folder / "out_of_domain_npy_path_to_orig_path_dict.json"
    whose = json.loads(place.read_text())
    place.write_text(json.dumps({"9.npy": whose["9.npy"], "7.npy": whose["7.npy"]}))
    first, second = score(folder, gold)
    assert (first.right, first.answered, first.accuracy) == (1, 1, 1 / COUNT)
    assert (second.right, second.answered, second.count) == (2, 2, 10)


def test_the_second_part_may_be_left_out(gold: Path) -> None:
    folder = _submit(gold, 40)
    (folder / "out_of_domain_npy_path_to_orig_path_dict.json").unlink()
    assert [found.part for found in score(folder, gold)] == ["challenge 1"]


def test_the_first_part_may_be_left_out(gold: Path) -> None:
    folder = _submit(gold, 40)
    (folder / "parallel_data_predictions.json").unlink()
    assert [found.part for found in score(folder, gold)] == ["challenge 2"]
    (folder / "out_of_domain_npy_path_to_orig_path_dict.json").unlink()
    with pytest.raises(DataError, match=r"cannot read .*parallel_data_predictions\.json"):
        score(folder, gold)


def _spoil(folder: Path, name: str, text: str | None) -> None:
    place = folder / name
    if text is None:
        place.unlink()
    else:
        place.write_text(text)


SPOILT = [
    ("submission", "parallel_data_predictions.json", "{", "is not a JSON file"),
    ("submission", "parallel_data_predictions.json", "[" * 100_000, "is not a JSON file"),
    ("submission", "parallel_data_predictions.json", "[]", "is not a dictionary of paths"),
    ("submission", "parallel_data_predictions.json", '{"a": 3}', "is not a dictionary of paths"),
    ("submission", "challenge_2_target_dataset/3.npy", None, r"3\.npy cannot be read"),
    ("submission", "challenge_2_target_dataset/3.npy", "x", r"3\.npy cannot be read"),
    ("submission", "out_of_domain_npy_path_to_orig_path_dict.json", "{}", "names no image"),
    ("gold", "path_dict.json", None, "cannot read"),
    ("gold", "path_dict.json", "{}", "are empty"),
    ("gold", "challenge_2_target_dataset/3.npy", None, r"3\.npy cannot be read"),
]


@pytest.mark.parametrize(("part", "name", "text", "words"), SPOILT)
def test_spoilt_files(gold: Path, part: str, name: str, text: str | None, words: str) -> None:
    folder = _submit(gold, 40)
    _spoil(gold.parent / part, name, text)
    with pytest.raises(DataError, match=words):
        score(folder, gold)


def test_vectors_of_another_length(gold: Path) -> None:
    folder = _submit(gold, 40)
    for i in range(10):
        np.save(folder / "challenge_2_target_dataset" / f"{i}.npy", np.zeros((6, 8)))
    with pytest.raises(DataError, match=r"have the shape \(6, 8\), not \(8,\)"):
        score(folder, gold)


@pytest.mark.parametrize("twice", ["folder/3.npy", "new.npy"])
def test_two_answers_for_one_image_or_file_are_refused(gold: Path, twice: str) -> None:
    folder = _submit(gold, 40)
    place = folder / "out_of_domain_npy_path_to_orig_path_dict.json"
    whose = json.loads(place.read_text())
    whose[twice] = "elsewhere.png" if twice != "new.npy" else whose["3.npy"]
    place.write_text(json.dumps(whose))
    with pytest.raises(DataError, match="names a file or an image twice"):
        score(folder, gold)


def test_the_command(gold: Path) -> None:
    _submit(gold, 12)
    command = "challenge neuracrypt score --submission submission --gold gold"
    code, text, errors = in_process(command, gold.parent)
    assert code == 0, errors
    assert "30.0%" in text
    assert "bad" in text
    code, text, _ = in_process(f"{command} --json", gold.parent)
    assert code == 0
    assert [part["right"] for part in json.loads(text)] == [12, 10]
    code, _, errors = in_process(command.replace("--gold gold", "--gold nowhere"), gold.parent)
    assert code == 2
    assert errors.count("\n") == 1
