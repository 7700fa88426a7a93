"""What is shipped: a source archive and the wheel made from it, installed where nothing is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = (
    "ppattack/py.typed",
    "ppattack/__init__.pyi",
    "ppattack/render/templates/report.css",
    "ppattack/render/templates/leaderboard.js",
    "ppattack/plugins/templates/target.py.txt",
    "ppattack/sweeps/matrices/quick.toml",
    "targets/le.py",
    "ppattack_cli/main.py",
)


def ran(*words: str | Path, folder: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, env=clean, capture_output=True, text=True,
        timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.process
def test_the_wheel_of_the_archive_runs_in_an_empty_environment(tmp_path: Path) -> None:
    """Only its dependencies are borrowed from this environment: they are not what is tested."""
    pytest.importorskip("build")
    source = tmp_path / "source"
    ran("git", "clone", "--quiet", "--no-hardlinks", ROOT, source, folder=tmp_path)
    ran(
        sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path / "dist", source,
        folder=tmp_path,
    )  # fmt: skip
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    (archive,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", *NEEDED} <= names
    with zipfile.ZipFile(wheel) as packed_wheel:
        names = set(packed_wheel.namelist())
        (metadata,) = (name for name in names if name.endswith("METADATA"))
        said = packed_wheel.read(metadata).decode()
    assert set(NEEDED) <= names
    assert not any(name.startswith(("tests/", "benchmarks/", "docs/")) for name in names)
    assert "License-Expression: MIT" in said
    assert all(f"Provides-Extra: {extra}" in said for extra in ("utility", "dicom", "hf", "ray"))
    ran(sys.executable, "-m", "venv", "--without-pip", tmp_path / "empty", folder=tmp_path)
    python = tmp_path / "empty" / "bin" / "python"
    ran(
        sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel,
        folder=tmp_path,
    )  # fmt: skip
    (place,) = (tmp_path / "empty" / "lib").glob("python*/site-packages")
    (place / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = ran(python, "-I", "-c", "import ppattack; print(ppattack.__file__)", folder=tmp_path)
    assert where.startswith(str(place))
    out = ran(
        python, "-I", "-m", "ppattack_cli", "run", "--attack", "covariance-matching", "--target",
        "le", "--preset", "smoke", "-n", "64", "--adversary", "200", "--json", folder=tmp_path,
    )  # fmt: skip
    assert json.loads(out)["verdict"] == "BROKEN"
