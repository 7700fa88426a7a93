from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ppattack.data.image_files import read_folder
from ppattack.report import Report

ROOT = Path(__file__).parent.parent
RUN = ["run", "--attack", "fr", "--target", "pe", "-n", "12", "--adversary", "24"]


def cli(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "ppattack_cli", *arguments],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_run_prints_a_table_a_verdict_and_the_path(tmp_path: Path) -> None:
    done = cli(*RUN, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any("ssim ↑" in line and "[+" in line for line in lines)
    assert any(line.startswith(("BROKEN", "INCONCLUSIVE")) for line in lines)
    path = Path(lines[-1].removeprefix("report: "))
    assert (tmp_path / path).is_file()
    assert "\x1b[" not in done.stdout + done.stderr
    again = cli(*RUN, cwd=tmp_path)
    assert "was run before" in again.stderr
    assert again.stdout == done.stdout


def test_json_on_stdout_is_the_report_and_nothing_else(tmp_path: Path) -> None:
    done = cli(*RUN, "--json", cwd=tmp_path)
    report = Report.model_validate_json(done.stdout)
    (saved,) = tmp_path.glob("runs/fr-pe-*/report.json")
    assert saved.read_text() == done.stdout
    assert report.provenance["command"][1:] == [*RUN, "--json"]


def test_quiet_leaves_stderr_empty(tmp_path: Path) -> None:
    done = cli(*RUN, "-q", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_settings_reach_target_and_attack(tmp_path: Path) -> None:
    changes = ["--set", "target.color_shuffle=true", "--set", "attack.bright=true"]
    document = json.loads(cli(*RUN, *changes, "--json", cwd=tmp_path).stdout)
    assert document["target"]["config"]["color_shuffle"] is True
    assert document["attack"]["config"]["bright"] is True


def test_encrypt_then_decrypt_gives_the_images_back(tmp_path: Path) -> None:
    flags = ["--target", "etc", "--set", "target.block_size=8", "-q"]
    files = ["--key-file", "key.json"]
    done = cli("encrypt", *flags, *files, "-n", "3", "--size", "36", "--out", "c", "--plain-out",
               "p", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "key.json").stat().st_mode & 0o077 == 0
    done = cli("decrypt", *flags, *files, "--ciphertexts", "c", "--out", "d", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    plain, cipher, back = (read_folder(tmp_path / name) for name in "pcd")
    assert plain.names == cipher.names == back.names
    assert (plain.images == back.images).all()
    assert cipher.images.shape[2:] == (40, 40)
    again = cli("encrypt", *flags, *files, "--images", "p", "--out", "e", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (read_folder(tmp_path / "e").images == cipher.images).all()


def test_two_encryptions_without_a_seed_use_two_keys(tmp_path: Path) -> None:
    for out in ("a", "b"):
        flags = ["--target", "pe", "-n", "2", "--out", out, "-q", "--key-file", f"{out}.json"]
        assert cli("encrypt", *flags, cwd=tmp_path).returncode == 0
    assert (tmp_path / "a.json").read_text() != (tmp_path / "b.json").read_text()


@pytest.mark.parametrize("kind", ["attacks", "targets", "datasets", "metrics"])
def test_list(tmp_path: Path, kind: str) -> None:
    rows = json.loads(cli("list", kind, "--json", cwd=tmp_path).stdout)
    names = [row["name"] for row in rows]
    assert {"attacks": "itn", "targets": "etc", "datasets": "photos", "metrics": "lpips"}[
        kind
    ] in names
    assert not [row for row in rows if row["broken"]]
    text = cli("list", kind, cwd=tmp_path).stdout
    assert all(name in text for name in names)


@pytest.mark.parametrize("name", ["attack:itn", "attack:fr", "target:etc", "dataset:photos"])
def test_info(tmp_path: Path, name: str) -> None:
    done = cli("info", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"name: {name.split(':')[1]}" in done.stdout
    assert json.loads(cli("info", name, "--json", cwd=tmp_path).stdout)["reference"]


def test_doctor(tmp_path: Path) -> None:
    done = cli("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "LPIPS weights (alex)" in done.stdout
    assert "passive" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["list", "attacks"], ["list", "targets"], ["list", "datasets"],
     ["list", "metrics"], ["info", "attack:itn"], ["info", "target:etc"], ["--version"]],
)  # fmt: skip
def test_short_answers_import_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['ppattack', *sys.argv[1:]]\n"
        "from ppattack_cli.main import main\n"
        "try: main()\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        "heavy = {'torch', 'torchvision', 'skimage', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, ppattack, ppattack.registry; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ctrl_c_says_one_line_and_the_same_command_continues(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ppattack_cli", "run", "--attack", "itn", "--target", "etc",
               "-n", "12", "--adversary", "64", "--set", "attack.epochs=4000"]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(tmp_path.glob("runs/*.partial/*")):
        assert process.poll() is None
        time.sleep(0.2)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith("ppattack: interrupted.")
    assert list(tmp_path.glob("runs/*.partial/*"))
    assert not list(tmp_path.glob("runs/*/report.json"))
