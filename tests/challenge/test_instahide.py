from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ppattack import folders
from ppattack.attack import Context, SilentProgress
from ppattack.challenge import layout
from ppattack.challenge.instahide.files import scheme
from ppattack.challenge.instahide.generate import Wish, generate
from ppattack.challenge.instahide.score import score
from ppattack.challenge.instahide.solve import Task, solve
from ppattack.data.image_files import write_png
from ppattack.errors import ConfigError, DataError, PpattackError
from ppattack.runs.key_files import read_key_file
from ppattack.target.mixing import as_mixed
from tests.support.mixtures import images
from tests.support.program import in_process

SETTINGS = {"members": 3, "rounds": 30}
QUICK = {"iterations": 10, "refinements": 0, "samples": 2000}


def _folder(path: Path, name: str, count: int) -> Path:
    for i, image in enumerate(images(name, count)):
        folder = path / name / f"kind{i % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        write_png(folder / f"{i}.png", image)
    return path / name


def _wish(root: Path, **changes: object) -> Wish:
    given: dict[str, object] = {
        "images": root / "private",
        "public": root / "public",
        "out": root / "challenge",
        "gold": root / "gold",
        "size": 16,
        "count": 6,
        "seed": 1,
        "target_settings": SETTINGS,
    }
    return Wish(**{**given, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("instahide")
    _folder(path, "private", 8)
    _folder(path, "public", 30)
    _folder(path, "own", 300)
    said = generate(_wish(path), SilentProgress())
    assert said.startswith("180 encodings of 6 images in ")
    return path


def _context() -> Context:
    return Context(torch.device("cpu"), 0)


def test_the_published_files(root: Path) -> None:
    encodings = np.load(root / "challenge" / "encryption.npy", allow_pickle=False)
    labels = np.load(root / "challenge" / "label.npy", allow_pickle=False)
    assert (encodings.dtype, encodings.shape) == (np.float32, (180, 16, 16, 3))
    assert labels.shape == (180, 2)
    assert {file.name for file in (root / "challenge").iterdir()} == {
        "encryption.npy",
        "label.npy",
        "scheme.json",
    }
    assert (root / "gold").stat().st_mode & 0o077 == 0
    shown = (root / "challenge" / "scheme.json").read_text()
    names = json.loads((root / "gold" / "names.json").read_text())
    assert len(names["private"]) == 6
    assert not any(name in shown for name in names["private"])


def test_the_answers_make_the_encodings_and_the_labels(root: Path) -> None:
    gold = root / "gold"
    members, weights = np.load(gold / "members.npy"), np.load(gold / "weights.npy")
    private = np.load(gold / "private.npy") / 127.5 - 1
    names = json.loads((gold / "names.json").read_text())
    public = layout.read_images(root / "public", names["public"], 16, "RGB")
    pool = public.permute(0, 2, 3, 1).numpy() / 127.5 - 1
    encodings = np.load(root / "challenge" / "encryption.npy")
    labels = np.load(root / "challenge" / "label.npy")
    classes = [int(name.split("/")[0] == "kind1") for name in names["private"]]
    for row in range(0, 180, 17):
        (a, b, c), (x, y, z) = members[row], weights[row]
        mixture = x * private[a] + y * private[b] + z * pool[c]
        assert np.abs(np.abs(encodings[row]) - np.abs(mixture)).max() < 1e-5
        wanted = np.zeros(2)
        wanted[classes[a]] += x
        wanted[classes[b]] += y
        assert np.allclose(labels[row], wanted, atol=1e-6)


def test_a_seed_repeats_it(root: Path, tmp_path: Path) -> None:
    for name, seed in (("same", 1), ("other", 2)):
        wish = _wish(root, out=tmp_path / name, gold=tmp_path / f"{name} gold", seed=seed)
        generate(wish, SilentProgress())
    first, same, other = (
        (folder / "encryption.npy").read_bytes()
        for folder in (root / "challenge", tmp_path / "same", tmp_path / "other")
    )
    assert first == same != other


def test_private_images_are_no_public_ones(root: Path, tmp_path: Path) -> None:
    wish = _wish(root, public=root / "private", out=tmp_path / "a", gold=tmp_path / "b")
    generate(wish, SilentProgress())
    names = json.loads((tmp_path / "b" / "names.json").read_text())
    assert not set(names["private"]) & set(names["public"])
    assert len(names["public"]) == 2


def _submission(folder: Path, numbers: np.ndarray) -> Path:
    folder.mkdir()
    np.save(folder / "decryption.npy", numbers.astype(np.float32))
    return folder


def test_the_scores_of_the_truth_of_one_image_and_of_the_mean(root: Path, tmp_path: Path) -> None:
    gold = root / "gold"
    members = np.load(gold / "members.npy")
    private = np.load(gold / "private.npy") / 127.5 - 1
    perfect = score(_submission(tmp_path / "perfect", private[members[:, 1]]), gold)
    assert perfect.max_ssim == pytest.approx(1, abs=1e-4)
    assert perfect.min_l2 == pytest.approx(0, abs=1e-6)
    assert perfect.mean_ssim < 0.8
    assert (perfect.found, perfect.clear, perfect.reidentified) == (6, 6, 6)
    other = np.array([next(p for p in range(6) if p not in row[:2]) for row in members])
    wrong = score(_submission(tmp_path / "wrong", private[other]), gold)
    assert wrong.max_ssim < 0.6
    assert wrong.min_l2 > 0.05
    mean = np.broadcast_to(private.mean(0), (180, 16, 16, 3))
    blind = score(_submission(tmp_path / "mean", mean), gold)
    assert blind.max_ssim == pytest.approx(blind.blind_ssim, abs=0.02)
    assert blind.reidentified <= 1


def test_it_is_solved(root: Path, tmp_path: Path) -> None:
    task = Task(root / "challenge", root / "own", tmp_path / "out", attack_settings=QUICK)
    solved = solve(task, _context())
    found = score(tmp_path / "out", root / "gold")
    assert not solved.inconclusive
    assert found.max_ssim > found.blind_ssim + 0.25
    assert found.reidentified >= 4
    assert len(list((tmp_path / "out" / "images").glob("*.png"))) >= 5
    folded = np.abs(np.load(root / "challenge" / "encryption.npy"))
    plain = score(_submission(tmp_path / "folded", folded), root / "gold")
    assert found.max_ssim > plain.max_ssim + 0.25


def test_encodings_that_share_nothing_give_nothing_away(root: Path, tmp_path: Path) -> None:
    encodings = np.load(root / "challenge" / "encryption.npy")
    shutil.copytree(root / "challenge", tmp_path / "noise")
    drawn = np.random.default_rng(0).normal(scale=0.4, size=encodings.shape)
    np.save(tmp_path / "noise" / "encryption.npy", np.abs(drawn).astype(np.float32))
    task = Task(tmp_path / "noise", root / "own", tmp_path / "out", attack_settings=QUICK)
    solved = solve(task, _context())
    assert solved.inconclusive
    assert solved.said.startswith("INCONCLUSIVE: ")
    assert not (tmp_path / "out" / "images").exists()
    submitted = np.load(tmp_path / "out" / "decryption.npy")
    assert (submitted == np.abs(drawn).astype(np.float32)).all()


def test_cropped_and_mirrored_members_are_compared_as_they_were_mixed(
    root: Path, tmp_path: Path
) -> None:
    settings = {"members": 3, "rounds": 4, "augment": True}
    gold, challenge = tmp_path / "gold", tmp_path / "challenge"
    generate(_wish(root, out=challenge, gold=gold, target_settings=settings), SilentProgress())
    private = np.load(gold / "private.npy")
    plain = torch.from_numpy(private.transpose(0, 3, 1, 2).copy())
    held, names = read_key_file(gold / "key"), json.loads((gold / "names.json").read_text())
    plan = scheme(settings).plan(held.key, 6, len(names["public"]))
    assert (plan.members == np.load(gold / "members.npy")).all()
    truth = as_mixed(plan, plain, 1).permute(0, 2, 3, 1).numpy() / 127.5 - 1
    perfect = score(_submission(tmp_path / "perfect", truth), gold)
    assert perfect.max_ssim == pytest.approx(1, abs=1e-4)
    assert perfect.min_l2 == pytest.approx(0, abs=1e-6)
    assert (perfect.found, perfect.clear, perfect.reidentified) == (6, 6, 6)
    uncropped = private[plan.members[:, 1]] / 127.5 - 1
    other = score(_submission(tmp_path / "uncropped", uncropped), gold)
    assert other.max_ssim < 0.8
    quick = {"iterations": 1, "refinements": 0, "samples": 500}
    task = Task(challenge, root / "own", tmp_path / "out", attack_settings=quick)
    solve(task, _context())
    found = score(tmp_path / "out", gold)
    assert found.max_ssim < perfect.max_ssim
    assert 0 < found.blind_ssim < 1


def test_the_size_of_the_answer_without_labels(root: Path, tmp_path: Path) -> None:
    settings = {"iterations": 1, "refinements": 0, "samples": 500}
    task = Task(
        root / "challenge", root / "own", tmp_path / "out", labels=False, attack_settings=settings
    )
    solve(task, _context())
    assert np.load(tmp_path / "out" / "decryption.npy").shape == (180, 16, 16, 3)


def test_an_interrupted_solution_goes_on_and_ends_the_same(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = "--set attack.iterations=1 --set attack.refinements=1 --set attack.samples=500"
    command = f"challenge instahide solve --challenge challenge --public own {quick} --out "
    assert in_process(command + str(tmp_path / "whole"), root)[0] == 0

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("ppattack.solvers.instahide.solve.refine", interrupt)
        code, _, error = in_process(command + str(tmp_path / "out"), root)
    assert code == 130
    assert "the same command goes on after the last finished stage" in error
    assert not (tmp_path / "out").exists()
    for done in ("assign", "likeliest_images"):
        monkeypatch.setattr(f"ppattack.solvers.instahide.solve.{done}", interrupt)
    assert in_process(command + str(tmp_path / "out"), root)[0] == 0
    first, second = ((tmp_path / name / "decryption.npy").read_bytes() for name in ("whole", "out"))
    assert first == second
    assert {each.name for each in tmp_path.iterdir()} == {"whole", "out"}
    monkeypatch.undo()
    monkeypatch.setattr("ppattack.solvers.instahide.solve.assign", interrupt)
    code, _, error = in_process(command + str(tmp_path / "none"), root)
    assert (code, "nothing is kept" in error) == (130, True)


def test_other_sizes_and_files_are_refused(root: Path, tmp_path: Path) -> None:
    bad = _submission(tmp_path / "bad", np.zeros((5, 16, 16, 3)))
    with pytest.raises(DataError, match="one decryption for each encoding"):
        score(bad, root / "gold")
    with pytest.raises(DataError, match="name the folder of the answers"):
        score(bad, root / "challenge")
    with pytest.raises(ConfigError, match="keep it out of the challenge's folder"):
        generate(_wish(root, out=tmp_path / "a", gold=tmp_path / "a" / "b"), SilentProgress())
    with pytest.raises(DataError, match="holds 8 different images, not 9"):
        generate(_wish(root, count=9, out=tmp_path / "a", gold=tmp_path / "b"), SilentProgress())
    with pytest.raises(ConfigError, match="name their folder as --public"):
        generate(
            _wish(root, public=None, out=tmp_path / "a", gold=tmp_path / "b"), SilentProgress()
        )
    for count in (500, 0):
        with pytest.raises(ConfigError, match="--private-images"):
            solve(Task(root / "challenge", root / "own", tmp_path / "a", images=count), _context())
    assert not (tmp_path / "a").exists()


def test_a_file_that_is_no_image_is_named(root: Path, tmp_path: Path) -> None:
    """Also if there are too few images, whatever else is wrong then."""
    folder = tmp_path / "images"
    shutil.copytree(root / "private", folder)
    (folder / "kind0" / "notes.png").write_text("no picture")
    for count in (9, 100):
        with pytest.raises(PpattackError, match=r"notes\.png") as raised:
            wish = _wish(root, images=folder, count=count, out=tmp_path / "a", gold=tmp_path / "b")
            generate(wish, SilentProgress())
        assert "\n" not in str(raised.value)
    assert not (tmp_path / "a").exists()


def _changed(root: Path, folder: Path, name: str, array: np.ndarray) -> Task:
    """The challenge with one file exchanged."""
    shutil.copytree(root / "challenge", folder / "challenge")
    np.save(folder / "challenge" / name, array)
    return Task(folder / "challenge", root / "own", folder / "out", attack_settings=QUICK)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("encryption.npy", lambda each: each * 0, "all 180 encodings are the same"),
        ("encryption.npy", lambda each: each * 1e20, "and mixtures of this scale up to 1"),
        ("label.npy", lambda each: -each, "weights outside 0 to 1"),
        ("label.npy", lambda each: each * 1e30, "weights outside 0 to 1"),
    ],
)
def test_what_no_mixtures_can_be_is_not_solved(
    root: Path, tmp_path: Path, name: str, change: Callable[[np.ndarray], np.ndarray], words: str
) -> None:
    array = change(np.load(root / "challenge" / name))
    with pytest.raises(DataError, match=words):
        solve(_changed(root, tmp_path, name, array), _context())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("members.npy", lambda each: each + 100, "2 of 6 private images for each encoding"),
        ("members.npy", lambda each: each + 0.5, "the answers do not belong together"),
        ("members.npy", lambda each: each[:, :1], "the answers do not belong together"),
        ("private.npy", lambda each: each[0], "not one of 4 axes"),
        ("private.npy", lambda each: each[:0], "not one of 4 axes"),
    ],
)
def test_answers_that_do_not_belong_together_are_refused(
    root: Path, tmp_path: Path, name: str, change: Callable[[np.ndarray], np.ndarray], words: str
) -> None:
    gold = tmp_path / "gold"
    shutil.copytree(root / "gold", gold)
    np.save(gold / name, change(np.load(gold / name)))
    submission = _submission(tmp_path / "numbers", np.load(root / "challenge" / "encryption.npy"))
    with pytest.raises(DataError, match=words):
        score(submission, gold)


def test_no_challenge_without_its_answers(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish(temporary: Path, path: Path, *, private: bool, replace: bool) -> None:
        if path.name == "b":
            raise OSError(28, "No space left on device")
        real(temporary, path, private=private, replace=replace)

    real = folders._publish
    monkeypatch.setattr(folders, "_publish", publish)
    with pytest.raises(DataError, match="No space left"):
        generate(_wish(root, out=tmp_path / "a", gold=tmp_path / "b"), SilentProgress())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("challenge instahide solve --challenge nowhere --public own --out out", "encryption.npy"),
        ("challenge instahide score --submission own --gold gold", "decryption.npy"),
        ("challenge instahide generate --images private --out a --gold b --size 0", "--size 0"),
        (
            "challenge instahide solve --challenge challenge --public private --out out",
            "8 are too few",
        ),
    ],
)
def test_mistakes_end_in_one_line(root: Path, command: str, words: str) -> None:
    code, _, error = in_process(command, root)
    assert code == 2
    assert words in error
    assert "Traceback" not in error
