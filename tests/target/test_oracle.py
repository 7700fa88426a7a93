"""A program as a target: what it is given, what it must leave, and what is said if it does not."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path

import pytest
import torch

import ppattack
from ppattack.errors import ConfigError, NotGranted, PluginError, ThreatModelError
from ppattack.plugins import registry
from ppattack.reports.command import command
from ppattack.request import RunRequest
from ppattack.seeding import numpy_stream
from ppattack.target import Key
from tests.conftest import smooth_images
from tests.support.program import in_process
from tests.support.run_requests import request

PYTHON = shlex.quote(sys.executable)
START = """
import pathlib, shutil, sys
given, made = map(pathlib.Path, sys.argv[1:3])
"""
MASK = (
    START
    + """
from PIL import Image
for file in given.iterdir():
    Image.open(file).point(lambda level: level ^ 99).save(made / file.name)
"""
)
FAULTS = {
    "sys.exit('no key\\nlast words.')": "ended with exit status 1: last words.",
    "pass": r"wrote no '00000.png' \(0 files in all\): every image needs its ciphertext",
    "[shutil.copy(f, made / f'x{f.name}') for f in given.iterdir()]": "wrote no '00000.png' .2 fi",
    "[(made / f.name).write_text('') for f in given.iterdir()]": "'00000.png' that cannot be read",
    "[shutil.copy(f, made) for f in given.iterdir()]; (made / 'more').touch()": "1 files of other",
    "from PIL import Image; [Image.open(f).resize((9, 9)).save(made / f.name) for f in "
    "given.iterdir()]": r"shape \(3, 9, 9\), not \(3, 8, 8\) .channels, height, width",
    "from PIL import Image; [Image.open(f).convert('L').save(made / f.name) for f in "
    "given.iterdir()]": "wrote a grey '00000.png' for images that are RGB: write",
    "import time; time.sleep(60)": r"took longer than 0.5 s \(--set target.time_limit\)",
}


def program(folder: Path, text: str = MASK) -> str:
    """The command of a program."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cipher.py").write_text(text)
    return f"{PYTHON} {shlex.quote(str(folder / 'cipher.py'))} {{in}} {{out}}"


def made(words: str, **settings: object) -> ppattack.Target:
    return registry.target("oracle")(command=words, **settings)


def answered(target: ppattack.Target, count: int = 2, channels: int = 3) -> torch.Tensor:
    images = smooth_images(count, size=8, channels=channels)
    key = target.generate_key(numpy_stream(0), (channels, 8, 8))
    return target.encrypt(images, key)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_comes_back_in_its_place(tmp_path: Path, channels: int) -> None:
    found = answered(made(program(tmp_path)), 12, channels)
    assert torch.equal(found, smooth_images(12, size=8, channels=channels) ^ 99)
    assert len(answered(made("false {in} {out}"), 0)) == 0


@pytest.mark.parametrize("text", FAULTS)
def test_what_goes_wrong_is_one_line(tmp_path: Path, text: str) -> None:
    limit = 0.5 if "sleep" in text else 60
    target = made(program(tmp_path, START + text), time_limit=limit)
    start = time.monotonic()
    with pytest.raises(PluginError, match=FAULTS[text]) as found:
        answered(target)
    assert "\n" not in str(found.value)
    assert time.monotonic() - start < 50


def test_a_shell_reads_the_command_only_if_asked() -> None:
    words = "for f in {in}/*; do cp $f {out}; done"
    assert torch.equal(answered(made(words, shell=True)), smooth_images(2, size=8))
    with pytest.raises(ConfigError, match="cannot start 'for'"):
        answered(made(words))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("cipher {in}", r"does not hold \{out\}"),
        ("cipher", r"does not hold \{in\} and \{out\}"),
        ("cipher '{in} {out}", "its quotes do not match"),
    ],
)
def test_a_command_that_cannot_be_one_is_refused(words: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        made(words)


def test_the_public_part_of_it_cannot_be_asked(tmp_path: Path) -> None:
    scheme = made(program(tmp_path)).public()
    assert scheme.config.command is None
    assert "cipher.py" not in repr(scheme.target)
    with pytest.raises(ThreatModelError, match="attacks are given answers of an oracle, never"):
        scheme.target.encrypt(smooth_images(1, size=8), Key("oracle", (3, 8, 8), {}))
    with pytest.raises(NotGranted, match="'oracle' keeps its key in its code"):
        ppattack.run(
            request(tmp_path, attack="itn", target="", oracle=program(tmp_path), victims=10)
        )


def test_a_run_is_that_of_its_command_and_its_program(tmp_path: Path) -> None:
    asked = request(tmp_path, attack="none", target="", oracle=program(tmp_path), victims=10)
    first = ppattack.run(asked)
    assert first.report.target.name == "oracle"
    assert ppattack.run(asked).reused
    program(tmp_path, MASK.replace("99", "98"))
    other = ppattack.run(asked)
    assert not other.reused
    assert other.report.id != first.report.id
    words = shlex.split(command(first.report.provenance["request"]))
    assert words[words.index("--oracle") + 1] == program(tmp_path)
    assert "--target" not in words
    assert not [each for each in words if each.startswith("target.")]


def test_it_stands_in_place_of_a_target(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--oracle stands in place of --target"):
        RunRequest("fr", "pe", oracle=program(tmp_path))
    assert "oracle" not in registry.names("target")
    for words in ("run --attack fr", "audit", "probe"):
        code, _, errors = in_process(words, tmp_path)
        assert code == 2
        assert "--target NAME or" in errors
        assert "--oracle" in errors
        assert ("--ciphertexts" in errors) == (words == "audit")
        assert errors.count("\n") == 1
    code, _, errors = in_process("probe --target pe --oracle-shell", tmp_path)
    assert (code, errors.split(":")[1]) == (2, " --oracle-shell belongs to --oracle")


@pytest.mark.parametrize("words", ["run --attack none", "bench --attack none", "probe --json"])
def test_every_command_takes_it(tmp_path: Path, words: str) -> None:
    few = "" if words.startswith("probe") else " -n 10 --adversary 4 --size 16 -q"
    oracle = shlex.quote(program(tmp_path))
    code, out, errors = in_process(f"{words}{few} --oracle {oracle}", tmp_path)
    assert code == 0, errors
    if words.startswith("probe"):
        assert json.loads(out)["kind"] == "permutation"
    else:
        assert list(tmp_path.glob("runs/none-oracle-*/report.json"))
