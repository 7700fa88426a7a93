"""Damaged inputs for every reader: ``python -m tests.support.fuzzing --seconds 300``."""

from __future__ import annotations

import argparse
import io
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ppattack.challenge import layout
from ppattack.data.decoding import open_image
from ppattack.data.npz import Npz
from ppattack.data.source import ImageRequest
from ppattack.data.token_files import read_token_folder
from ppattack.errors import PpattackError
from ppattack.gates.rules import judge, read_policy, rule
from ppattack.plugins import registry
from ppattack.reports.audit import read_audit
from ppattack.reports.found import SavedRun, read_image_scores
from ppattack.reports.run import read_report, scores_csv
from ppattack.reports.sweep import Cell, Sweep, read_sweep
from ppattack.runs.file_encryption import read_key
from ppattack.sweeps.matrix import read_matrix
from ppattack.target.key import Key
from tests.support.image_files import encoded, noise
from tests.support.program import in_process
from tests.support.saved import report

SLOWEST_SECONDS = 10
MOST_BYTES = 2 << 30
WORDS = (
    b"-1", b"0", b"1e999", b"NaN", b"null", b"[]", b"{}", b'""', b"\x00", b"\xff" * 4,
    b"9" * 400, b"[" * 3000, b"{'a':" * 500, b"../../x", b"\xed\xa0\x80", b"true", b"99999999999",
)  # fmt: skip
POLICY = b"""[[rule]]
name = "nothing comes back"
fail_on = "ssim.gain > 0.1 and (key.index == 1 or verdict == BROKEN)"
targets = ["etc*"]
attacks = ["*"]
allow_inconclusive = true
runs = 3
"""
MATRIX = b"""attacks = ["fr", "itn"]
targets = ["le", "pe"]
seeds = [0, 1]
[target.pe]
variant = "ito"
"""
CARD = """
from dataclasses import dataclass
from ppattack import Reference, Target, TargetCard
class T(Target):
    card = TargetCard(name={}, title={}, reference=Reference("a", "t", "v", {}))
    @dataclass(frozen=True)
    class Config:
        x: {} = {}
"""
VALUES = ("None", "0", "-1", "'a'", "''", "'../x'", "[]", "{}", "int", "object()", "1e400", "b''")


@dataclass(frozen=True)
class Kind:
    """One kind of file: a sound one, what reads it, and its name."""

    sound: Callable[[random.Random], bytes]
    read: Callable[[Path], object]
    file: str


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The data with a few changes: bytes, words, cuts, repeats."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, end = sorted(rng.randrange(len(changed) + 1) for _ in range(2))
        if rng.random() < 0.4:  # headers are short and matter most
            at = min(at, rng.randrange(64))
        end = min(end, at + rng.choice((1, 4, 16, 1000)))
        way = rng.randrange(6)
        if way == 0 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            changed[at:end] = rng.randbytes(end - at)
        elif way == 2:
            changed[at:end] = rng.choice(WORDS)
        elif way == 3:
            changed[at:end] = b""
        elif way == 4:
            changed[at:at] = changed[at:end] * rng.choice((1, 2, 50))
        elif rng.random() < 0.3:
            changed = changed[:at]
    return bytes(changed)


def _key(rng: random.Random) -> bytes:
    size = rng.choice((4, 400_000))
    parts: dict[str, NDArray[Any]] = {
        "permutation": np.arange(size, dtype=np.int64),
        "mask": np.ones(3, np.uint8),
    }
    return Key("le", (3, 8, 8), parts, None).to_bytes()


def _array(rng: random.Random) -> bytes:
    data = io.BytesIO()
    np.save(data, np.ones((4, rng.choice((4, 8))), rng.choice((np.float32, np.int8))))
    return data.getvalue()


def _archive(rng: random.Random) -> bytes:
    data = io.BytesIO()
    images = noise(12, 8, 8, 3)
    save = rng.choice((np.savez, np.savez_compressed))
    save(data, images=images, labels=np.arange(12))
    return data.getvalue()


@cache
def _picture(kind: str) -> bytes:
    return encoded(noise(12, 10, 3), kind)


def _card(rng: random.Random) -> bytes:
    values = [rng.choice(VALUES) for _ in range(5)]
    return CARD.format(*values).encode()


def _report(rng: random.Random) -> bytes:
    return report(gain=rng.choice((None, 0.3)), key=rng.choice((None, 0.5))).to_json().encode()


def _sweep(_: random.Random) -> bytes:
    cell = Cell(attack="fr", target="le", key_scope=None, seed=0, isolated=False, command="run")
    return Sweep(id="0" * 12, cells=(cell,)).model_dump_json().encode()


def _load_npz(path: Path) -> object:
    source = Npz(str(path))
    source.fingerprint(labels=True)
    return source.load(ImageRequest(2, 2, None))


def _read_run(path: Path) -> object:
    run = SavedRun(path.parent, read_report(path))
    return judge([run], [rule("ssim.gain > 0.1 or failures > 0")])


def _command(line: str) -> Callable[[Path], object]:
    def run(path: Path) -> None:
        code, _, errors = in_process(line, path.parent)
        known = (0, 2, 3) if line.startswith("info") else (0, 1, 2, 4)
        if code not in known or (code in (2, 3) and len(errors.splitlines()) != 1):
            raise AssertionError(f"exit code {code}: {errors}")

    return run


@cache
def _scheme_key(name: str) -> bytes:
    return registry.target(name)().generate_key(np.random.default_rng(0), (3, 16, 16)).to_bytes()


def _real_key(rng: random.Random) -> bytes:
    return _scheme_key(rng.choice(("le", "ele", "pe", "etc")))


def _decrypt(path: Path) -> object:
    (path.parent / "c").mkdir(exist_ok=True)
    (path.parent / "c" / "0.png").write_bytes(encoded(noise(16, 16, 3), "PNG"))
    scheme = re.search(rb'"scheme": "(le|ele|pe|etc)"', path.read_bytes())
    name = scheme[1].decode() if scheme else "le"
    line = f"decrypt --target {name} --ciphertexts c --key-file key --out out -q"
    return _command(line)(path)


KINDS = {
    "key": Kind(_key, read_key, "key"),
    "report": Kind(_report, _read_run, "report.json"),
    "sweep": Kind(_sweep, read_sweep, "bench-x.json"),
    "audit": Kind(lambda _: b'{"schema_version":"1.0","target":"le","verdict":"BROKEN",'
                  b'"reason":"x","attacks":[]}', lambda path: read_audit(path.parent),
                  "audit.json"),
    "scores": Kind(lambda _: scores_csv(["a", "b"], {"ssim.gain": [0.1, 0.2]}).encode(),
                   lambda path: read_image_scores(path.parent), "scores.csv"),
    "policy": Kind(lambda _: POLICY, read_policy, "policy.toml"),
    "matrix": Kind(lambda _: MATRIX, lambda path: read_matrix(str(path), {}), "matrix.toml"),
    "npz": Kind(_archive, _load_npz, "a.npz"),
    "tokens": Kind(_array, lambda path: read_token_folder(path.parent), "a.npy"),
    "challenge": Kind(lambda _: b'["a.png", "b.png"]', layout.read_paths, "order.json"),
    "dictionary": Kind(lambda _: b'{"a.png": "b.png"}', layout.read_dictionary, "answer.json"),
    **{kind: Kind(lambda _, kind=kind: _picture(kind), # type: ignore[misc]
                  lambda path: open_image(path, photograph=True), f"a.{kind.lower()}")
       for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")},
    "page": Kind(_report, _command("report . --md out/x.md --html out/x.html --csv out/x.csv"),
                 "report.json"),
    "decrypt": Kind(_real_key, _decrypt, "key"),
    "card": Kind(_card, _command("info target:card.py:T"), "card.py"),
    "gate": Kind(_report, _command("gate . --fail-on 'failures > 0' --junit out/j.xml"),
                 "report.json"),
}  # fmt: skip


class Hung(BaseException):
    """A reader that takes too long."""


def _stop(_: int, __: FrameType | None) -> None:
    raise Hung


def attempt(name: str, number: int, top: Path) -> str | None:
    """Read one damaged file, and return what came of it if that is not a clear refusal.

    Args:
        name: of the kind.
        number: decides how the file is damaged.
        top: an empty folder.
    """
    kind, rng = KINDS[name], random.Random(f"{name} {number}")
    data = kind.sound(rng)
    if name != "card":
        data = mutated(data, rng)
    folder = top / name
    folder.mkdir(exist_ok=True)
    path = folder / kind.file
    path.write_bytes(data)
    signal.signal(signal.SIGALRM, _stop)
    signal.alarm(SLOWEST_SECONDS)
    try:
        kind.read(path)
    except PpattackError:
        pass
    except (Exception, SystemExit, Hung):
        return f"{name} {number}: {traceback.format_exc()}"
    finally:
        signal.alarm(0)
    return None


def main() -> int:
    """Damage files until the time or the number is up, and report what was not refused clearly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--inputs", type=int, default=10**9)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--kind", choices=KINDS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MOST_BYTES, mapped + MOST_BYTES))
    names = [asked.kind] if asked.kind else list(KINDS)
    start, failures, done = time.monotonic(), list[str](), 0
    with tempfile.TemporaryDirectory() as place:
        top = Path(place) / "top"
        top.mkdir()
        while done < asked.inputs and time.monotonic() - start < asked.seconds:
            number, which = divmod(done, len(names))
            found = attempt(names[which], asked.first + number, top)
            if found is not None:
                failures.append(found)
                print(found, file=sys.stderr)
            done += 1
        outside = [path for path in Path(place).iterdir() if path != top]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    print(
        f"{done} inputs in {time.monotonic() - start:.0f} s: {len(failures)} failures, "
        f"{len(outside)} files outside, {peak:.2f} GiB at most"
    )
    return 1 if failures or outside else 0


if __name__ == "__main__":
    sys.exit(main())
