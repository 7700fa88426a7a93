"""Commands of pages made small, with files that stand in for those of a reader."""

from __future__ import annotations

import re
import shlex
import shutil
import tarfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support import dicom_files
from tests.support.fences import LOOPED, OPTIONAL, ROOT
from tests.support.program import in_process

HAS_DICOM = find_spec("pydicom") is not None
LEFT_OUT = {
    "--download": "needs the network",
    "hf:": "needs a data set of the network",
    "imagenette": "needs the network",
    "--executor": "needs Ray",
    "ray:auto": "needs Ray",
    "--device": "needs a GPU",
    "neuracrypt-7": "needs the published challenge",
    "transformed_model=": "needs two models of the reader",
    "path/to": "names no file",
    "cipher.py:": "another test writes the file",
    "mended.py:": "another test writes the file",
    "mine.py:": "a file of the reader",
    "my_program.py": "a file of the reader",
    "--policy": "another test writes the file",
    "audit.toml": "a file of the reader",
    "reproduce": "trains a network for each of a table's cells",
    "ppattack bench standard": "takes minutes however small it is",
    "ppattack bench  ": "takes minutes however small it is",
    "shakedrop": "trains a network that is too large for a CPU",
    "vit-b": "trains a network that is too large for a CPU",
    "--entropy-from": "a run of the reader",
    "--compare": "older runs of the reader",
}
"""What a command that is not run has in it, and why it is not."""
MOST = {"-n": 24, "--adversary": 150, "--size": 64, "--gan-epochs": 1, "--encoder-steps": 20,
        "--targets": 8}  # fmt: skip
"""The most that an option is left at."""
SMALL = {"attack.epochs": "1", "target.hidden": "64", "target.epochs": "1"}
"""Settings that make a network quick."""
PRESETS = ("run", "audit", "bench", "classify", "reproduce")
"""Commands that take a preset."""
MAKERS = ("encrypt", "decrypt", "challenge")
"""Commands that do not write into a folder that is there."""
PLACE = re.compile(r"[A-Z][A-Z0-9_]+(/\w+)?")
CLASSES, IMAGES, EDGES = ("day", "night"), 320, (32, 64)


def left_out(command: str) -> str:
    """Why a command is not run; empty if it is."""
    if "dicom:" in command and not HAS_DICOM:
        return "needs pydicom"
    return next((why for part, why in LEFT_OUT.items() if part in command), "")


def prepare(folder: Path) -> None:
    """Write what commands name: photographs, in classes, as arrays, in tar files; and a run."""
    for edge in EDGES:
        _do(
            f"encrypt --target plain --data photos -n {IMAGES} --size {edge} --seed 0 "
            f"--out all-{edge} -q", folder,
        )  # fmt: skip
        files = sorted((folder / f"all-{edge}").glob("*.png"))
        for number, file in enumerate(files):
            side = "test" if number % 4 == 0 else "train"
            place = folder / f"classes-{edge}" / side / CLASSES[number % 8 // 4]
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
    files = sorted((folder / f"all-{EDGES[False]}").glob("*.png"))
    (folder / "few").mkdir()
    for file in files[: MOST["-n"]]:
        shutil.copy(file, folder / "few")
    pixels = np.stack([np.asarray(Image.open(file)) for file in files])
    np.savez(folder / "public.npz", images=pixels[48:])
    np.save(folder / "known.npy", pixels[:48])
    _do("encrypt --target ele --images known.npy --out secret.npy --seed 1 -q", folder)
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copytree(ROOT / "docs" / "results", folder / "docs" / "results")
    (folder / "scans").mkdir()
    for number in range(180):
        levels = (pixels[number, ..., 0].astype(np.uint16) * 16) + number % 16
        Image.fromarray(levels).save(folder / "scans" / f"{number:03}.png")
        if HAS_DICOM:
            (folder / "study").mkdir(exist_ok=True)
            tags = {"PatientID": f"patient {number}"}
            dicom_files.write(folder / "study" / f"{number:03}.dcm", levels, **tags)
    with tarfile.open(folder / "public.tar", "w") as packed:
        for file in files[48:]:
            packed.add(file, file.name)
    _do("run --attack fr --target pe -n 24 --adversary 150 --preset smoke -q", folder)


def smaller(command: str, folder: Path) -> list[str]:
    """The arguments of a command with few small images and the quickest preset.

    Args:
        command: a line of a page that begins with ``ppattack``.
        folder: where :func:`prepare` wrote its files; ciphertexts are written there too, and
            what an earlier command wrote to the same place is deleted.
    """
    words = shlex.split(LOOPED.sub("8", OPTIONAL.sub(r" \1", command)), comments=True)[1:]
    words = words[: words.index(">")] if ">" in words else words
    for option in ("--out", "--gold", "--plain-out"):
        if words[0] in MAKERS and option in words and "score" not in words:
            shutil.rmtree(folder / words[words.index(option) + 1], ignore_errors=True)
    for option, most in MOST.items():
        if option in words:
            at = words.index(option) + 1
            words[at] = str(min(most, int(words[at])))
    if words[0] in PRESETS or words[1:3] == ["instahide", "solve"]:
        if "--preset" in words:
            words[words.index("--preset") + 1] = "smoke"
        else:
            words += ["--preset", "smoke"]
    for part, option, few in (("instahide", "-n", "12"), ("neuracrypt", "--size", "64")):
        if words[1:3] == [part, "generate"] and option not in words:
            words += [option, few]
    if words[0] in ("run", "audit", "bench", "classify"):
        given = "--ciphertexts" in words
        words += [] if given or "-n" in words else ["-n", str(MOST["-n"])]
        others = "--train" if words[0] == "classify" else "--adversary"
        words += [] if others in words else [others, str(MOST["--adversary"])]
    for at, word in enumerate(words):
        name, equals, _ = word.partition("=")
        words[at] = f"{name}={SMALL[name]}" if equals and name in SMALL else word
        if re.match(r"(folder|npz|tar):[A-Z]|cifar10$", word):
            words[at] = f"folder:classes-{EDGES['--size' in words]}"
    for at, word in enumerate(words):
        if PLACE.fullmatch(word):
            seed = {"--ciphertexts": 1, "identify": 1, "--link": 2}.get(words[at - 1])
            plain = f"all-{EDGES[False]}" if words[at - 1] == "--public" else "few"
            words[at] = _secret(words, folder, seed) if seed else plain
    return words


def _secret(words: list[str], folder: Path, seed: int) -> str:
    """A folder of ciphertexts of the target that a command names, or of etc."""
    scheme = words[words.index("--target") + 1] if "--target" in words else "etc"
    given = [word for word in words if word.startswith("target.")]
    name = re.sub(r"\W", "-", "-".join(["secret", scheme, *given, str(seed)]))
    if not (folder / name).exists():
        settings = " ".join(f"--set {each}" for each in given)
        _do(
            f"encrypt --target {scheme} {settings} --images few --out {name} --seed {seed} -q",
            folder,
        )
    return name


def _do(arguments: str, folder: Path) -> None:
    code, _, errors = in_process(arguments, folder)
    assert code == 0, f"{arguments}: {errors}"
