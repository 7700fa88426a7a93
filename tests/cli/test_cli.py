from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ppattack.data.image_files import read_folder
from ppattack.reports.run import Report
from ppattack.request import RunRequest
from ppattack_cli import main as program
from ppattack_cli.commands.run import _next_step
from tests.support.program import as_a_person, in_process, lives

pytestmark = pytest.mark.process

RUN = "run --attack fr --target pe -n 12 --adversary 24"


def succeeds(arguments: str, folder: Path) -> tuple[str, str]:
    """Run it in this process: stdout and stderr of a success."""
    code, out, errors = in_process(arguments, folder)
    assert code == 0, errors
    return out, errors


def test_run_prints_a_table_a_verdict_and_the_path(tmp_path: Path) -> None:
    done = as_a_person(*RUN.split(), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any("ssim ↑" in line and "[+" in line for line in lines)
    assert any(line.startswith(("BROKEN", "INCONCLUSIVE")) for line in lines)
    places = dict(line.split(": ", 1) for line in lines[-3:])
    assert list(places) == ["report", "next", "picture"]
    assert (tmp_path / places["report"]).is_file()
    assert (tmp_path / places["picture"]).read_bytes().startswith(b"\x89PNG")
    assert "\x1b[" not in done.stdout + done.stderr
    again, errors = succeeds(RUN, tmp_path)
    assert "was finished before" in errors
    assert again == done.stdout


def test_json_on_stdout_is_the_report_and_nothing_else(tmp_path: Path) -> None:
    out, _ = succeeds(f"{RUN} --json", tmp_path)
    report = Report.model_validate_json(out)
    (saved,) = tmp_path.glob("runs/fr-pe-*/report.json")
    assert saved.read_text() == out
    assert report.provenance["command"][1:] == [*RUN.split(), "--json"]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        # The option parser takes the error of a damaged file for Ctrl-D.
        (EOFError("No data left in file"), 3, "failed: EOFError: No data left in file"),
        (KeyboardInterrupt(), 130, "interrupted. Nothing was finished, so nothing is kept."),
        (RuntimeError("can't allocate memory: 9 bytes"), 3, "out of memory: use a smaller -n"),
    ],
)
def test_what_ends_a_command_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, words: str
) -> None:
    def ends(*_: object) -> None:
        raise error

    monkeypatch.setattr("ppattack.runs.identifying.look_at", ends)
    found, _, errors = in_process("identify .", tmp_path)
    assert found == code
    assert errors.strip().startswith(f"ppattack: {words}")


def test_quiet_leaves_stderr_empty(tmp_path: Path) -> None:
    assert succeeds(f"{RUN} -q", tmp_path)[1] == ""


def test_settings_reach_target_and_attack(tmp_path: Path) -> None:
    changes = "--set target.color_shuffle=true --set attack.bright=true"
    document = json.loads(succeeds(f"{RUN} {changes} --json", tmp_path)[0])
    assert document["target"]["config"]["color_shuffle"] is True
    assert document["attack"]["config"]["bright"] is True


@pytest.mark.parametrize(("flag", "count"), [("all", 12), ("2", 2), ("none", 0)])
def test_as_many_images_as_asked_are_saved(tmp_path: Path, flag: str, count: int) -> None:
    succeeds(f"{RUN} --save-images {flag}", tmp_path)
    assert len(list(tmp_path.glob("runs/*/reconstructions/*.png"))) == count


def test_encrypt_then_decrypt_gives_the_images_back(tmp_path: Path) -> None:
    flags = "--target etc --set target.block_size=8 --key-file key.json"
    succeeds(f"encrypt {flags} -n 3 --size 36 --out c --plain-out p", tmp_path)
    assert (tmp_path / "key.json").stat().st_mode & 0o077 == 0
    succeeds(f"decrypt {flags} --ciphertexts c --out d", tmp_path)
    plain, cipher, back = (read_folder(tmp_path / name) for name in "pcd")
    assert plain.names == cipher.names == back.names
    assert (plain.images == back.images).all()
    assert cipher.images.shape[2:] == (40, 40)
    succeeds(f"encrypt {flags} --images p --out e", tmp_path)
    assert (read_folder(tmp_path / "e").images == cipher.images).all()


def test_two_encryptions_without_a_seed_use_two_keys(tmp_path: Path) -> None:
    for out in ("a", "b"):
        succeeds(f"encrypt --target pe -n 2 --out {out} --key-file {out}.json", tmp_path)
    assert (tmp_path / "a.json").read_text() != (tmp_path / "b.json").read_text()


@pytest.mark.parametrize("kind", ["attacks", "targets", "datasets", "metrics"])
def test_list(tmp_path: Path, kind: str) -> None:
    rows = json.loads(succeeds(f"list {kind} --json", tmp_path)[0])
    names = [row["name"] for row in rows]
    expected = {"attacks": "itn", "targets": "etc", "datasets": "photos", "metrics": "lpips"}
    assert expected[kind] in names
    assert not [row for row in rows if row["broken"]]
    text = succeeds(f"list {kind}", tmp_path)[0]
    assert all(name in text for name in names)


@pytest.mark.parametrize("name", ["attack:itn", "attack:fr", "target:etc", "dataset:photos"])
def test_info(tmp_path: Path, name: str) -> None:
    assert f"name: {name.split(':')[1]}" in succeeds(f"info {name}", tmp_path)[0]
    assert json.loads(succeeds(f"info {name} --json", tmp_path)[0])["reference"]


def test_info_finds_a_name_alone(tmp_path: Path) -> None:
    for name in ("itn", "etc", "photos"):
        assert f"name: {name}\n" in in_process(f"info {name}", tmp_path)[1]
    assert "'nobody' is not of the form attack:NAME" in in_process("info nobody", tmp_path)[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("list", "Missing argument 'kind'. 'ppattack list --help' shows the usage."),
        ("identfy files", "The nearest is 'identify'. 'ppattack --help' shows the usage."),
        ("zzz", "No such command 'zzz'. 'ppattack --help' shows the usage."),
    ],
)
def test_a_slip_is_told_where_the_usage_is(words: str, said: str, tmp_path: Path) -> None:
    code, _, errors = in_process(words, tmp_path)
    assert (code, errors.endswith(f"{said}\n")) == (2, True)


def test_doctor(tmp_path: Path) -> None:
    done = as_a_person("doctor", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "LPIPS weights (alex)" in done.stdout
    assert "EfficientNet-Lite0 weights" in done.stdout
    assert "passive" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["list", "attacks"], ["list", "targets"], ["list", "datasets"],
     ["list", "metrics"], ["info", "attack:itn"], ["info", "target:etc"], ["--version"]],
)  # fmt: skip
def test_short_answers_import_no_torch(arguments: list[str]) -> None:
    done = importing({"torch", "torchvision", "skimage", "scipy", "matplotlib"}, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.process
def test_a_run_imports_what_it_needs_and_says_at_once_that_it_does(tmp_path: Path) -> None:
    needless = {"torchvision", "lpips", "skimage", "scipy", "matplotlib", "torch._dynamo"}
    words = f"run --attack fr --target pe -n 12 --adversary 8 --out {tmp_path}".split()
    done = importing(needless, *words)
    assert done.returncode == 0, done.stderr
    assert "lpips" in done.stdout
    assert done.stderr.startswith("loading torch")


def importing(forbidden: set[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program in a process that fails if it has imported one of the modules."""
    code = (
        "import sys; sys.argv = ['ppattack', *sys.argv[1:]]\n"
        "from ppattack_cli.main import main\n"
        "try: main()\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        f"heavy = {forbidden} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, ppattack, ppattack.plugins.registry; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ctrl_c_says_one_line_and_the_same_command_continues(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ppattack_cli", "run", "--attack", "itn", "--target", "etc",
               "-n", "12", "--adversary", "64", "--set", "attack.epochs=4000",
               "--set", "attack.patience=0"]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    heard = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heard,  # a suite in the background ignores it, and so would its children
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


def test_the_next_step_is_the_same_command_under_keys_per_image(tmp_path: Path) -> None:
    how = (
        "run --attack covariance-matching --target pe --size 16 -n 12 --adversary 24 --preset smoke"
    )
    out, _ = succeeds(how, tmp_path)
    (step,) = (line for line in out.splitlines() if line.startswith("next: "))
    command = step.rpartition(": ppattack ")[2]
    assert command.endswith("--size 16 -n 12 --adversary 24 --preset smoke --key-scope image")
    out, _ = succeeds(command, tmp_path)
    (step,) = (line for line in out.splitlines() if line.startswith("next: "))
    assert step.endswith(": ppattack audit --target pe --size 16")


def test_the_next_step_keeps_data_and_settings_of_the_target(tmp_path: Path) -> None:
    changes = "--data digits --size 32 --set target.color_shuffle=true"
    out, _ = succeeds(f"run --attack none --target pe -n 12 --adversary 24 {changes}", tmp_path)
    (step,) = (line for line in out.splitlines() if line.startswith("next: "))
    command = f"ppattack audit --target pe {changes}"
    assert step.endswith(f": {command}")


@pytest.mark.parametrize(("target", "offered"), [("pe", True), ("transform-net", False)])
def test_a_key_per_image_is_offered_where_the_scheme_can_have_one(
    target: str, offered: bool
) -> None:
    threat = SimpleNamespace(key_scope="dataset", pairs=0, chosen=0, model=False)
    report: Any = SimpleNamespace(verdict="BROKEN", threat=threat)
    step = _next_step(RunRequest(attack="itn", target=target), report)
    assert step is not None
    assert step.startswith("give every image a key of its own") == offered


HELP = ["", "new", "reproduce", "challenge", "challenge neuracrypt"]


@pytest.mark.parametrize("words", HELP)
def test_help_fits_80_columns_and_cuts_no_line(tmp_path: Path, words: str) -> None:
    out, _ = succeeds(f"{words} --help", tmp_path)
    lines = out.splitlines()
    assert max(len(line) for line in lines) <= 80
    usage = lines.index("", 1)
    assert not [line for line in lines[usage:] if "..." in line]


def test_help_names_every_command_of_the_folder_once(tmp_path: Path) -> None:
    folder = Path(program.__file__).parent / "commands"
    modules = sorted(file.stem for file in folder.glob("[!_]*.py"))
    listed = [name for group in program.COMMANDS.values() for name in group]
    assert sorted(listed) == modules
    out, _ = succeeds("--help", tmp_path)
    assert [line.split()[0] for line in out.splitlines() if line[:2] == "  "][
        -len(listed) :
    ] == listed
    assert [line[:-1] for line in out.splitlines() if line[:1].strip()][2:] == [*program.COMMANDS]


def test_the_program_alone_says_how_to_begin_in_three_lines(tmp_path: Path) -> None:
    code, out, errors = in_process("", tmp_path)
    assert (code, out) == (2, "")
    assert len(errors.splitlines()) == 3
    assert "ppattack run --attack" in errors
    assert errors.endswith("ppattack --help\n")


@pytest.mark.parametrize("words", ["new", "challenge", "reproduce"])
def test_without_a_command_the_help_is_shown_as_it_is(tmp_path: Path, words: str) -> None:
    code, out, errors = in_process(words, tmp_path)
    assert (code, out) == (2, "")
    assert errors.startswith("Usage: ")
    assert len(errors.splitlines()) > 8


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("words", ["list targets --json", "list targets"])
def test_a_full_disk_is_no_defect(words: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ppattack_cli", *words.split()],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "ppattack: cannot write: No space left on device. Make room, or write elsewhere.\n"
    )


@pytest.mark.parametrize(
    ("words", "closed"), [("list targets", "1"), ("encrypt --target pe --data digits -n 2", "2")]
)
def test_a_closed_stream_fails_nothing(tmp_path: Path, words: str, closed: str) -> None:
    out = f" --out {tmp_path / 'c'}" if words.startswith("encrypt") else ""
    words += f"{out} {closed}>&-"
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m ppattack_cli {words}"], capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_who_ends_the_program_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    (tmp_path / "slow.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path('begun.tmp').write_text(str(os.getpid()))\n"
        "os.rename('begun.tmp', 'begun')\n"
        "time.sleep(300)\n"
    )
    (tmp_path / "temporary").mkdir()
    oracle = f"{sys.executable} slow.py {{in}} {{out}}"
    process = subprocess.Popen(
        [sys.executable, "-m", "ppattack_cli", "probe", "--oracle", oracle],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path / "temporary")},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, getattr(signal, name), signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (tmp_path / "begun").exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "ppattack: interrupted. Nothing was finished, so nothing is kept.\n"
    assert not lives(int((tmp_path / "begun").read_text()))
    assert not list((tmp_path / "temporary").iterdir())
