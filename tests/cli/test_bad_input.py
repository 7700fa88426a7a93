"""Whatever a user gets wrong: exit code 2, one clear line, no traceback, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.program import in_process

pytestmark = pytest.mark.long

ROBUSTNESS = "reproduce isotropic-robustness -n 4 --adversary 8 --preset smoke -q"
OVERLAP = "run --published-overlap --attack gan --target pe --preset smoke -q"
SIA = "run --attack sia-gan --target pe --adversary 8 --preset smoke -q"
RUN = "run --attack fr --target pe -n 4 --adversary 4 -q"
SAVED = "encrypt --target pe -n 2 -q"
CLASSES = "classify --target pe -n 20 --train 200 --preset smoke -q"
SIZES = "compress --target pe -n 2 -q"


def _prepare(folder: Path) -> None:
    """Files that go wrong in every way."""
    rng = np.random.default_rng(0)

    def picture(size: int = 16, mode: str = "RGB") -> Image.Image:
        shape = (size, size, 3) if mode == "RGB" else (size, size)
        return Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8), mode)

    for name in ("empty", "good", "mixed", "text", "truncated", "deep", "oblong", "twins"):
        (folder / name).mkdir()
    for i in range(3):
        picture().save(folder / "good" / f"{i}.png")
    picture().save(folder / "mixed" / "a.png")
    picture(24).save(folder / "mixed" / "b.png")
    (folder / "text" / "note.png").write_text("no picture")
    picture().save(folder / "truncated" / "a.png")
    whole = (folder / "truncated" / "a.png").read_bytes()
    (folder / "truncated" / "a.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.zeros((16, 16), np.uint16)).save(folder / "deep" / "a.png")
    Image.fromarray(np.zeros((16, 24, 3), np.uint8)).save(folder / "oblong" / "a.png")
    picture().save(folder / "twins" / "a.png")
    picture().save(folder / "twins" / "a.bmp")
    for side, count in (("test", 6), ("train", 8)):
        for i in range(count):
            (folder / "classes" / side / str(i % 2)).mkdir(parents=True, exist_ok=True)
            picture().save(folder / "classes" / side / str(i % 2) / f"{i}.png")
    (folder / "file").write_text("x")
    (folder / "broken.json").write_text("{")
    (folder / "other.json").write_text('{"key_file_version": 99}')
    (folder / "pickled.npz").write_bytes(b"")
    np.savez(folder / "floats.npz", images=np.zeros((8, 16, 16, 3)))
    np.save(folder / "zero.npy", np.zeros((0, 3, 16, 16), np.uint8))
    np.savez(folder / "objects.npz", images=np.array([{}], dtype=object))
    (folder / "boom.py").write_text("raise RuntimeError('boom')")
    (folder / "weights.pth").write_bytes(b"no weights")


MATCH = "run --attack candidate-matching --target pe --key-scope image --ciphertexts good -q"
ROWS: list[tuple[str, str]] = [
    ("run --attack fr", "target"),
    ("run --target pe", "attack"),
    (f"{RUN} --nonsense", "nonsense"),
    ("nonsense", "nonsense"),
    ("run --attack frr --target pe", "no attack 'frr'; the nearest are: fr"),
    ("run --attack fr --target ect", "no target 'ect'; the nearest are: etc"),
    (f"{RUN} --data photoss", "no dataset 'photoss'; the nearest are: photos"),
    (f"{RUN} --preset papper", "no preset 'papper'"),
    (f"{RUN} --set target.blok=4", "no setting 'blok'"),
    (f"{RUN} --set attack.mod=basic", "no setting 'mod'; the nearest are: mode"),
    (f"{RUN} --set attack.mode=strong", "attack.fr.mode='strong' is not valid"),
    (f"{RUN} --set tarket.block_size=4", "no part 'tarket'"),
    (f"{RUN} --set block_size=4", "not of the form PART.NAME=VALUE"),
    (f"{RUN} --set target.color_shuffle", "not of the form PART.NAME=VALUE"),
    ("run --attack fr --target etc --set target.block_size=0 -q", "block_size='0'"),
    ("run --attack fr --target etc --set target.block_size=four -q", "block_size='four'"),
    (f"{RUN} -n 0", "-n 0 is not valid"),
    (f"{RUN} -n -3", "-n -3 is not valid"),
    (f"{RUN} -n many", "many"),
    (f"{RUN} --adversary -1", "--adversary -1 is not valid"),
    (f"{RUN} --size 0", "--size 0 is not valid"),
    (f"{RUN} --size 100000", "--size 100000 is not valid"),
    (f"{RUN} --size 8", "size"),
    (f"{RUN} --key-scope every", "--key-scope 'every' is not valid"),
    ("run --attack fr --target one-time-pad --key-scope dataset -q", "no key scope 'dataset'"),
    (f"{RUN} --device quantum", "device 'quantum' is not available"),
    (f"{RUN} --device meta", "device 'meta' is not available"),
    (f"{RUN} --save-images some", "--save-images 'some' is not valid"),
    (f"{RUN} --save-images -1", "-1"),
    (f"{RUN} --out file", "--out file is a file"),
    ("classify", "target"),
    ("classify --target ect -q", "no target 'ect'; the nearest are: etc"),
    (f"{CLASSES} --model resnet", "no model 'resnet'"),
    (f"{CLASSES} --data photos", "no class for every image"),
    (f"{CLASSES} --data folder:empty", "empty"),
    (f"{CLASSES} --data folder:text --size 16", "text"),
    (f"{CLASSES} --data folder:good --size 16 -n 2", "good"),
    (f"{CLASSES} -n 0", "-n 0 is not valid"),
    (f"{CLASSES} --train 1", "--train 1 is not valid"),
    (f"{CLASSES} --train 2000 -n 1790", "use more with --train"),
    (f"{CLASSES} --size 0", "--size 0 is not valid"),
    (f"{CLASSES} --preset quick", "no preset 'quick'"),
    (f"{CLASSES} --key-scope every", "--key-scope 'every' is not valid"),
    (f"{CLASSES} --set model.width=4", "no setting 'width'"),
    (f"{CLASSES} --set training.epochs=none", "epochs"),
    (f"{CLASSES} --set attack.epochs=4", "no part 'attack'"),
    (f"{CLASSES} --set model.weights=weights.pth", "model.weights=weights.pth cannot be read"),
    (f"{CLASSES} --device quantum", "device 'quantum' is not available"),
    (f"{CLASSES} --out file", "--out file is a file"),
    (f"{CLASSES} --model vit-b/16 --size 20", "whole patches of 16 pixels"),
    ("classify --target neuracrypt --set target.variant=small -n 20 -q", "are tokens"),
    ("classify --target one-time-pad --key-scope dataset -q", "no key scope 'dataset'"),
    (f"{RUN} --out file/inside", "file"),
    (f"{RUN} --jpeg 0", "JPEG '0:444' is not valid"),
    (f"{RUN} --jpeg 85:422", "JPEG '85:422' is not valid"),
    (f"{RUN} --jpeg best", "JPEG 'best' is not valid"),
    (f"{RUN} --jpeg 85 --ciphertexts good", "--jpeg compresses images that are encrypted here"),
    (f"{SAVED} --out new --jpeg 101", "JPEG '101:444' is not valid"),
    ("run --attack known-seed --target etc-gray -q", "no published code draws its keys"),
    ("run --attack fr --target etc-gray --ciphertexts good -q", "no colour image has a ciphertext"),
    (f"{RUN} --truth good", "--truth belongs to --ciphertexts"),
    (f"{RUN} --ciphertexts missing", "missing"),
    (f"{RUN} --ciphertexts empty", "empty"),
    (f"{RUN} --ciphertexts file", "file"),
    (f"{RUN} --ciphertexts mixed", "b.png"),
    (f"{RUN} --ciphertexts text", "note.png"),
    (f"{RUN} --ciphertexts truncated", "a.png"),
    (f"{RUN} --ciphertexts deep", "a.png"),
    (f"{RUN} --ciphertexts twins", "'a.bmp' and 'a.png' would both be written as 'a.png'"),
    (f"{RUN} --ciphertexts good --truth empty", "empty"),
    (f"{RUN} --ciphertexts good --truth text", "note.png"),
    (f"{RUN} --ciphertexts good --truth oblong", "0.png"),
    (f"{RUN} --ciphertexts good --set attack.mode=same-key", "1 chosen plaintexts"),
    (f"{RUN} --key-scope image --set attack.mode=same-key", "one key per image"),
    ("run --attack itn --target pe --ciphertexts good -q", "needs public images"),
    (f"{RUN} --curve jpeg=85,101", "JPEG '101:444' is not valid"),
    (f"{RUN} --curve quality=85", "attack.NAME or target.NAME, or jpeg, not 'quality'"),
    ("compress", "target"),
    (f"{SIZES} --target ect", "no target 'ect'; the nearest are: etc"),
    (f"{SIZES} --target neuracrypt", "makes tokens, not images"),
    (f"{SIZES} --codec gif", "no codec 'gif'"),
    (f"{SIZES} --codec png --codec png", "'png' was asked for twice"),
    (f"{SIZES} --codec jpeg-101-420", "JPEG '101:420' is not valid"),
    (f"{SIZES} --codec png --quality 85", "--quality belongs to the default codecs"),
    (f"{SIZES} --quality 0", "JPEG '0:444' is not valid"),
    (f"{SIZES} --quality best", "--quality best is not valid"),
    (f"{SIZES} --quality 85,", "--quality 85, is not valid"),
    (f"{SIZES} --quality 85,85", "every JPEG quality must be named once"),
    (f"{SIZES} -n 0", "-n 0 is not valid"),
    (f"{SIZES} --size 0", "--size 0 is not valid"),
    (f"{SIZES} --set etc.block_size=8", "no part 'etc'"),
    (f"{SIZES} --set target.blok=8", "no setting 'blok'"),
    (f"{SIZES} --key-scope every", "--key-scope 'every' is not valid"),
    (f"{SIZES} --data folder:empty", "empty"),
    (f"{SIZES} --out file", "--out file is a file"),
    (f"{SIZES} --out file/inside", "file"),
    (MATCH, "name their folder with --candidates"),
    (f"{MATCH} --candidates missing", "there is no folder missing"),
    (f"{MATCH} --candidates empty", "empty holds no image files"),
    (f"{MATCH} --candidates mixed", "b.png"),
    (f"{MATCH} --candidates text", "note.png"),
    (f"{MATCH} --candidates oblong", "resize the candidates"),
    (f"{MATCH} --candidates good", "--candidates and --ciphertexts are one folder"),
    (f"{MATCH} --candidates zero.npy", "zero.npy is empty"),
    (f"{RUN} --ciphertexts good --candidates oblong", "'fr' looks at no candidates"),
    (f"{MATCH} --link good", "--link and --ciphertexts are one folder"),
    (f"{MATCH} --link empty", "empty holds no image files"),
    (f"{MATCH} --link oblong", "link ciphertexts of one size"),
    (f"{RUN} --data folder:missing", "missing"),
    (f"{RUN} --data folder:~nosuchuser/x", "no such user's home folder"),
    (f"{RUN} --data npz:~nosuchuser/x.npz", "no such user's home folder"),
    (f"{RUN} --data folder:empty", "empty"),
    (f"{RUN} --data folder:file", "file"),
    (f"{RUN} --data folder:", "folder"),
    (f"{RUN} --data folder:text", "text"),
    (f"{RUN} --data folder:good -n 500", "-n"),
    (f"{RUN} --data npz:missing.npz", "missing.npz"),
    (f"{RUN} --data npz:pickled.npz", "pickled.npz"),
    (f"{RUN} --data npz:floats.npz", "float"),
    (f"{RUN} --data npz:objects.npz", "objects.npz"),
    (f"{RUN} --data npz:file", "file"),
    (f"{RUN} --lpips-net resnet", "resnet"),
    (f"{RUN} --lpips-weights missing.pth", "missing.pth"),
    (f"{RUN} --lpips-weights weights.pth", "weights.pth"),
    ("run --attack boom.py:Boom --target pe -q", "RuntimeError: boom"),
    ("run --attack missing.py:Boom --target pe -q", "no file"),
    ("run --attack fr --target boom.py:Boom -q", "RuntimeError: boom"),
    ("list nothing", "no list of 'nothing'"),
    ("info scheme:etc", "not of the form"),
    ("info target:ect", "no target 'ect'"),
    ("info attack:boom.py:Boom", "RuntimeError: boom"),
    (f"{SAVED} --out file", "file"),
    (f"{SAVED} --out c --data folder:empty", "empty"),
    (f"{SAVED} --out c --images good --size 32", "--images takes files as they are"),
    (f"{SAVED} --out c --images twins", "a.png"),
    (f"{SAVED} --out c --images missing", "missing"),
    (f"{SAVED} --out c --key-file broken.json", "broken.json: not a ppattack key file"),
    (f"{SAVED} --out c --key-file other.json", "other.json: not a ppattack key file"),
    (f"{SAVED} --out c --key-file good", "good"),
    (f"{SAVED} --out c -n 0", "-n 0 is not valid"),
    ("decrypt --target pe --ciphertexts good --key-file missing.json --out d", "missing.json"),
    ("decrypt --target pe --ciphertexts good --key-file file --out d", "file"),
    ("decrypt --target pe --ciphertexts empty --key-file file --out d", "empty"),
    ("reproduce isotropic-robustnes", "isotropic-robustness"),
    (f"{ROBUSTNESS} --protocol paper", "--protocol paper is not known"),
    (f"{ROBUSTNESS} --gan-epochs 0", "--gan-epochs"),
    (f"{ROBUSTNESS} --data photoss", "no dataset 'photoss'"),
    (f"{ROBUSTNESS} --data folder:missing", "missing"),
    (f"{ROBUSTNESS} --data folder:empty", "empty"),
    (f"{ROBUSTNESS} --data folder:text", "folder:text holds 1 image for"),
    (f"{ROBUSTNESS} --data folder:classes -n 7 --protocol published", "not 7: use -n 6"),
    (f"{ROBUSTNESS} --data folder:classes", "not 14 (10 of them for known pairs)"),
    (f"{ROBUSTNESS} --adversary 0", "--adversary 0 is not valid"),
    (f"{ROBUSTNESS} --out file", "--out file is a file"),
    (f"{ROBUSTNESS} --device quantum", "device 'quantum' is not available"),
    ("bench quick --device quantum -q", "device 'quantum' is not available"),
    ("audit --target pe --device quantum -q", "device 'quantum' is not available"),
    (f"{RUN} --data folder:classes --attack itn --set attack.pairs=3", "use -n 3"),
    (f"{OVERLAP} --data folder:empty", "empty"),
    (f"{OVERLAP} --data folder:text -n 1", "note.png"),
    (f"{OVERLAP} --data folder:classes -n 7", "not 7: use -n 6"),
    (f"{OVERLAP} --data folder:classes -n 1", "1 public images"),
    (f"{OVERLAP} --ciphertexts good", "--published-overlap is for images that are encrypted here"),
    (f"{OVERLAP} --out file", "--out file is a file"),
    (f"{OVERLAP} --set attack.labels=true", "no setting 'labels'"),
    (f"{SIA} -n 2 --adversary 0", "the attack needs public images"),
    (f"{SIA} -n 2 --adversary 1", "1 public images"),
    (f"{SIA} -n 2 --set attack.labels=perhaps", "labels='perhaps' is not valid"),
    (f"{SIA} -n 2 --set attack.labels=true", "needs class labels, which photos does not have"),
    (f"{SIA} -n 1 --set attack.labels=true --data folder:good", "needs class labels"),
    (f"{SIA} -n 2 --set attack.labels=true --data folder:empty", "empty"),
    (f"{SIA} -n 7 --set attack.labels=true --data folder:classes", "use -n 6"),
    (f"{SIA} --set attack.labels=true --ciphertexts good --data folder:good", "class of every"),
    ("run --attack gan --target neuracrypt -n 2 --adversary 4 -q", "not tokens"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bad")
    _prepare(made)
    return made


def _files(folder: Path) -> set[str]:
    return {str(p) for p in folder.rglob("*") if "__pycache__" not in p.parts}


@pytest.mark.parametrize(("arguments", "message"), ROWS, ids=[row[0] for row in ROWS])
def test_one_clear_line_and_nothing_left(folder: Path, arguments: str, message: str) -> None:
    before = _files(folder)
    code, out, errors = in_process(arguments, folder)
    assert code == 2, errors
    assert out == ""
    assert len(errors.splitlines()) == 1
    assert errors.startswith("ppattack: ")
    assert message in errors
    assert _files(folder) == before


def test_the_table_is_long_enough() -> None:
    assert len({row[0] for row in ROWS}) >= 40


def test_a_defect_is_told_from_bad_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by accident")

    monkeypatch.setattr("ppattack.runs.run.run", explode)
    code, _, errors = in_process(RUN, folder)
    assert code == 3
    assert errors.startswith("ppattack: failed: ZeroDivisionError: by accident")
