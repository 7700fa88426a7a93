"""The pytest plug-in, run as a user runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ppattack import testing
from ppattack.errors import ConfigError
from ppattack.reports.leaks import LeakName
from ppattack.reports.run import Report, VerdictName
from ppattack.runs.store import Finished
from tests.support.forked import forked_pytest
from tests.support.saved import levels, report

pytestmark = pytest.mark.process

EXAMPLE = Path(__file__).parents[1] / "examples" / "ci"
QUICK = "preset='smoke', victims=12, adversary=24"


def _as_a_user(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of pytest in a folder, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_example_project_passes_and_notices_a_weak_cipher(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".ppattack", "__pycache__"))
    code, output = _as_a_user(project)
    assert code == 0, output
    assert "3 passed" in output
    assert list(project.glob(".ppattack/fr-stream-cipher-*/report.json"))
    assert (project / ".ppattack" / ".gitignore").read_text() == "*\n"
    cipher = project / "stream_cipher.py"
    weak = cipher.read_text().replace("integers(0, 256, image_shape", "integers(0, 2, image_shape")
    cipher.write_text(weak)
    code, output = forked_pytest(project)
    assert code == 1
    assert "fr on StreamCipher: the ciphertexts themselves are above 0.05." in output


def test_an_edit_of_what_the_cipher_imports_is_another_experiment(tmp_path: Path) -> None:
    cipher = (EXAMPLE / "stream_cipher.py").read_text()
    (tmp_path / "stream_cipher.py").write_text(cipher + "\nimport constants\n")
    (tmp_path / "constants.py").write_text("")
    (tmp_path / "test_it.py").write_text(
        "from stream_cipher import StreamCipher\n"
        "def test_it(attack_run):\n"
        f"    attack_run(StreamCipher, 'fr', key_scope='image', {QUICK})\n"
    )
    for text, runs in (("", 1), ("# edited\n", 2)):
        (tmp_path / "constants.py").write_text(text)
        code, output = forked_pytest(tmp_path)
        assert code == 0, output
        assert len(list(tmp_path.glob(".ppattack/fr-stream-cipher-*"))) == runs


def test_a_failure_shows_numbers_report_and_command(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from ppattack.testing import assert_broken, assert_resists\n"
        "def test_resists():\n"
        f"    assert_resists('pe', 'fr', max_gain=0.05, seeds=(0, 1), {QUICK})\n"
        "def test_broken():\n"
        f"    assert_broken('one-time-pad', 'fr', {QUICK})\n"
    )
    code, output = forked_pytest(tmp_path, "--ppattack-runs", "out")
    assert code == 1
    assert "2 failed" in output
    assert "fr on pe: the worst seed is above the allowed gain of 0.05." in output
    assert "fr on one-time-pad: no seed breaks it." in output
    assert "seed 1: " in output
    assert "mean ssim gain +0." in output
    command = "ppattack run --attack fr --target pe -n 12 --adversary 24 --preset smoke --seed 1"
    assert f"repeat: {command}" in output
    reports = sorted(tmp_path.glob("out/fr-pe-*/report.json"))
    assert len(reports) == 2
    assert all(f"out/{path.parent.name}/report.json" in output for path in reports)


def test_markers_are_known_and_gpu_is_skipped_without_one(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.gpu\ndef test_gpu():\n    import torch\n"
        "    assert torch.cuda.is_available()\n@pytest.mark.slow\ndef test_slow():\n    pass\n"
    )
    code, output = forked_pytest(tmp_path, "--strict-markers")
    assert code == 0, output


def test_an_unknown_field_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="a run has no 'victim'; the nearest are: victims"):
        testing.run("pe", "fr", victim=3)


def _finished(**content: Any) -> Callable[..., Finished[Report]]:
    done = Finished(report("fr", "etc", **content), Path("run"), reused=False)
    return lambda *arguments, **request: done


@pytest.mark.parametrize(
    ("leak", "gain", "allowed", "fails"),
    [
        ("nothing", 0.0, None, False),
        ("images", 0.2, None, False),  # as max_gain allows it
        ("identity", 0.0, None, True),
        ("class", 0.0, None, True),
        ("class", 0.0, "class", False),
        ("identity", 0.0, "class", True),
        ("images", 0.2, "class", True),
    ],
)
def test_what_leaks_beside_the_gain_fails_too(
    monkeypatch: pytest.MonkeyPatch,
    leak: LeakName,
    gain: float,
    allowed: LeakName | None,
    fails: bool,
) -> None:
    verdict: VerdictName = "RESISTED" if leak == "nothing" else "BROKEN"
    found = levels(leak)
    if leak == "images":
        found = {name: level for name, level in found.items() if name in ("state", "images")}
    monkeypatch.setattr(testing, "run", _finished(verdict=verdict, gain=gain, levels=found))
    if not fails:
        testing.assert_resists("etc", "fr", max_gain=0.3, max_leak=allowed)
        return
    with pytest.raises(AssertionError, match="fr on etc: more leaks than is allowed"):
        testing.assert_resists("etc", "fr", max_gain=0.3, max_leak=allowed)
