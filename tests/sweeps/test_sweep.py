from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ppattack.errors import ConfigError, DataError, ReportError, UnknownNameError
from ppattack.reports.run import read_report
from ppattack.reports.sweep import read_sweep
from ppattack.request import RunRequest
from ppattack.sweeps.executors import InThisProcess, LocalProcesses
from ppattack.sweeps.matrix import Matrix, read_matrix, requests
from ppattack.sweeps.sweep import run_sweep
from tests.support.forked import fork_workers
from tests.support.program import as_a_person, in_process
from tests.support.sweeps import SWEEPING, Watch, cells, states, swept, timeless

pytestmark = pytest.mark.process


@pytest.mark.parametrize(
    "changes",
    [{"attack_settings": {"mod": "x"}}, {"target_settings": {"colour": 1}}],
)
def test_a_slip_in_a_setting_stops_the_matrix_before_it_begins(
    tmp_path: Path, changes: dict[str, dict[str, object]]
) -> None:
    wanted = [replace(cell, **changes) for cell in cells(tmp_path / "runs", "fr")]  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="has no setting '(mod|colour)'"):
        swept(wanted)
    assert not (tmp_path / "runs").exists()


def test_failures_and_what_does_not_apply_are_results(tmp_path: Path) -> None:
    sweep, watch = swept(cells(tmp_path, "Grey", "Broken", "Refusing", "jigsaw", "fr"))
    assert states(sweep)[:5] == ["done", "failed", "failed", "not applicable", "done"]
    outcomes = [cell.outcome for cell in sweep.cells]
    assert all(outcome is not None for outcome in outcomes)
    reasons = [outcome.reason for outcome in outcomes if outcome]
    assert reasons[1] == "TypeError: unsupported operand"
    assert reasons[2] == "these ciphertexts are too small."
    assert "whole blocks" in reasons[3]
    assert sweep.counts() == {"done": 4, "broken": 1, "failed": 4, "queued": 0}
    assert watch.counts[0] == (0, 0, 0, 10)
    assert watch.counts[-1] == (4, 1, 4, 0)
    for outcome in outcomes:
        if outcome and outcome.run:
            assert (tmp_path / outcome.run / "report.json").is_file()
    verdicts = [outcome.verdict for outcome in outcomes if outcome]
    assert verdicts[:5] == ["INCONCLUSIVE", None, None, None, "BROKEN"]


def test_a_finished_matrix_runs_nothing_again_and_failures_only_when_asked(tmp_path: Path) -> None:
    wanted = cells(tmp_path, "Grey", "Broken")
    first, _ = swept(wanted)
    again, watch = swept(wanted)
    assert again == first
    assert watch.begun == []
    _, watch = swept(wanted, retry_failed=True)
    assert watch.begun == [1, 3]


def test_a_cell_whose_run_is_gone_is_run_again(tmp_path: Path) -> None:
    wanted = cells(tmp_path, "Grey")
    first, _ = swept(wanted)
    outcome = first.cells[0].outcome
    assert outcome is not None
    assert outcome.run is not None
    (tmp_path / outcome.run / "report.json").unlink()
    _, watch = swept(wanted)
    assert watch.begun == [0]


def test_an_edited_plugin_or_other_images_are_another_matrix(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(SWEEPING.read_text())
    wanted = cells(tmp_path / "runs", "fr", attacks=[f"{plugin}:Broken"], targets=["pe"])
    first, _ = swept(wanted)
    assert states(first) == ["failed"]
    plugin.write_text(plugin.read_text().replace('raise TypeError("uns', 'raise TypeError("Uns'))
    second, _ = swept(wanted)
    assert second.id != first.id
    outcome = second.cells[0].outcome
    assert outcome is not None
    assert outcome.reason == "TypeError: Unsupported operand"


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    wanted = cells(tmp_path, "Broken", targets=["pe"])
    swept(wanted)
    (place,) = tmp_path.glob("bench-*.json")
    place.write_text(place.read_text()[:-20])
    with pytest.raises(ReportError, match="not the record of a sweep"):
        swept(wanted)


def test_two_at_a_time_are_refused_and_no_lock_stays(tmp_path: Path) -> None:
    wanted = cells(tmp_path, "Grey", targets=["pe"])

    class Second(Watch):
        def started(self, number: int) -> None:
            super().started(number)
            with pytest.raises(ConfigError, match="another process is running this matrix"):
                swept(wanted)

    watch = Second()
    run_sweep(wanted, InThisProcess(), watch)
    assert watch.begun == [0]
    assert not list(tmp_path.glob("*.lock"))
    assert not list(tmp_path.glob(".*.lock"))


def test_a_lock_that_was_removed_meanwhile_locks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever opened the file before its owner ended and removed it must not run beside others."""
    fcntl = pytest.importorskip("fcntl")
    take = fcntl.flock

    def late(handle: int, how: int) -> None:
        for lock in tmp_path.glob(".*.lock"):
            lock.unlink()
        take(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(ConfigError, match="has just finished this matrix"):
        swept(cells(tmp_path, "Grey", targets=["pe"]))


def test_processes_give_the_same_results_with_a_gpu_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, _ = swept(cells(tmp_path / "a", "Grey", "Broken"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    fork_workers(monkeypatch)
    together, _ = swept(cells(tmp_path / "b", "Grey", "Broken"), LocalProcesses(2))
    reports = [
        read_report(tmp_path / "b" / c.outcome.run)
        for c in together.cells
        if c.outcome and c.outcome.run
    ]
    assert {each.attack.notes["gpu"] for each in reports} <= {"3", "5"}
    assert timeless(tmp_path / "b") == timeless(tmp_path / "a")
    assert [c.outcome and c.outcome.run for c in alone.cells] == [
        c.outcome and c.outcome.run for c in together.cells
    ]


def test_a_worker_that_dies_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "marker"
    marker.touch()
    monkeypatch.setenv("DIES_WHILE", str(marker))
    fork_workers(monkeypatch)
    sweep, watch = swept(cells(tmp_path / "runs", "Dying", targets=["pe"]), LocalProcesses(1))
    assert states(sweep) == ["done"]
    assert watch.begun == [0, 0]


@pytest.mark.slow
def test_a_cell_that_kills_every_worker_fails_and_the_rest_goes_on(tmp_path: Path) -> None:
    sweep, _ = swept(cells(tmp_path, "Dying", "Grey", targets=["pe"]), LocalProcesses(2))
    assert states(sweep) == ["failed", "done"]
    outcome = sweep.cells[0].outcome
    assert outcome is not None
    assert "died 3 times (exit code -9)" in outcome.reason


def _killed_and_resumed(folder: Path, kills: int) -> None:
    """Kill a sweep at random moments until it has been killed so often; compare every result."""
    rng = random.Random(kills)
    swept(cells(folder / "reference", "Grey", "Broken", seeds=[0, 1]))
    reference = timeless(folder / "reference")
    done = rounds = 0
    while done < kills:
        wanted = cells(folder / str(rounds), "Grey", "Broken", seeds=[0, 1])
        child = os.fork()
        if child == 0:
            try:
                run_sweep(wanted, InThisProcess(), Watch())
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0.0, 0.6))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            done += 1
            continue
        swept(wanted)  # ended by itself: nothing is left to do but to compare
        assert timeless(folder / str(rounds)) == reference
        rounds += 1
    swept(wanted)
    assert timeless(folder / str(rounds)) == reference


def test_killed_at_random_moments_it_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    _killed_and_resumed(tmp_path, 5)


@pytest.mark.slow
def test_killed_a_hundred_times(tmp_path: Path) -> None:
    _killed_and_resumed(tmp_path, 100)


def _ended(out: Path) -> int:
    """Cells that have a result on record."""
    records = list(out.glob("bench-*.json"))
    return sum(cell.outcome is not None for place in records for cell in read_sweep(place).cells)


@pytest.mark.slow
def test_killed_with_all_its_processes_isolated_or_not(tmp_path: Path) -> None:
    """The program itself is killed; what it started must end too, or it would write on."""
    rng = random.Random(0)
    words = ["bench", "--target", "pe", "--preset", "smoke", "-n", "12", "--adversary", "12"]
    words += ["--size", "16", "--jobs", "2", "-q", "--attack", f"{SWEEPING}:Grey", "--attack", "fr"]
    words += [word for seed in range(4) for word in ("--seed", str(seed))]
    done = as_a_person(*words, "--out", "reference", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for kills in range(3):
        program = subprocess.Popen(
            [sys.executable, "-m", "ppattack_cli", *words, "--out", "killed"], cwd=tmp_path
        )
        while program.poll() is None and _ended(tmp_path / "killed") <= 2 * kills:
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.3))
        program.kill()
        program.wait()
    done = as_a_person(*words, "--out", "killed", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    killed, reference = timeless(tmp_path / "killed"), timeless(tmp_path / "reference")
    seen = [{name for name in found if not name.startswith(".")} for found in (killed, reference)]
    assert seen[0] == seen[1]
    for name in seen[0]:
        if name.startswith("fr-"):  # the isolated runs have keys of their own
            assert killed[name] == reference[name]


def test_a_matrix_is_every_combination_once() -> None:
    matrix = Matrix(
        attacks=("fr", "itn", "fr"), targets=("pe", "le"), key_scopes=("image",), seeds=(3, 4)
    )
    found = [(r.target, r.seed, r.attack) for r in requests(matrix, RunRequest("", ""))]
    assert found == [(t, s, a) for t in ("pe", "le") for s in (3, 4) for a in ("fr", "itn")]
    assert all(r.key_scope == "image" for r in requests(matrix, RunRequest("", "")))


@pytest.mark.parametrize("more", ["", "--json"])
def test_failed_cells_are_no_success(tmp_path: Path, more: str) -> None:
    little = f"--preset smoke -n 12 --adversary 12 --size 16 -q --out runs {more}"
    some = f"bench --attack {SWEEPING}:Broken --attack {SWEEPING}:Grey --attack jigsaw"
    code, out, errors = in_process(f"{some} --no-isolate --target pe {little}", tmp_path)
    assert code == 3
    (record,) = (tmp_path / "runs").glob("bench-*.json")
    name = record.relative_to(tmp_path)
    assert errors == (
        f"ppattack: 1 of 3 cells failed; {name} says why, and --retry-failed tries them again.\n"
    )
    assert read_sweep(record).counts() == {"done": 1, "broken": 0, "failed": 1, "queued": 0}
    assert "unsupported operand" in out
    code, _, errors = in_process(f"bench --attack jigsaw --target pe {little}", tmp_path)
    assert (code, errors) == (0, "")  # not applicable is a result


@pytest.mark.parametrize("name", ["quick", "standard", "paper"])
def test_shipped_matrices_can_be_read_and_name_what_is_there(name: str) -> None:
    matrix = read_matrix(name, {})
    assert len(requests(matrix, RunRequest("", ""))) >= 20


def test_a_file_of_the_users(tmp_path: Path) -> None:
    file = tmp_path / "audit.toml"
    file.write_text(
        'attacks = ["fr"]\ntargets = ["pe"]\nseeds = [1]\n'
        '[attack.fr]\nmode = "advanced"\n[target.pe]\ncolor_shuffle = true\n'
    )
    (found,) = requests(read_matrix(str(file), {"seeds": [7]}), RunRequest("", ""))
    assert found.attack_settings == {"mode": "advanced"}
    assert found.target_settings == {"color_shuffle": True}
    assert found.seed == 7


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ('attacks = ["fr"]', ConfigError, "names no targets"),
        ('attacks = ["fr"]\ntargets = ["pe"]\nvictim = 3', ConfigError, "victims"),
        ('attacks = ["fr"]\ntargets = ["pe"]\nvictims = 0', ConfigError, "victims=0"),
        ('attacks = ["frr"]\ntargets = ["pe"]', UnknownNameError, "fr"),
        ('attacks = ["fr"]\ntargets = ["pe"]\n[attack.itn]\nepochs=1', ConfigError, "attack.itn"),
        ("attacks = fr", DataError, "not TOML"),
    ],
)
def test_files_that_are_wrong_say_how(
    tmp_path: Path, text: str, kind: type[Exception], message: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    with pytest.raises(kind, match=message):
        requests(read_matrix(str(file), {}), RunRequest("", ""))


def test_what_is_no_matrix_is_named() -> None:
    with pytest.raises(ConfigError, match="quick"):
        read_matrix("quik", {})
    with pytest.raises(DataError, match=r"missing\.toml"):
        read_matrix("missing.toml", {})


def test_requests_are_checked_before_anything_runs(tmp_path: Path) -> None:
    (wanted,) = cells(tmp_path, "Grey", targets=["pe"])
    with pytest.raises(ConfigError, match="--time-limit"):
        swept([replace(wanted, time_limit=-1.0)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("bench --attack fr --target pe --data folder:empty", "holds 0 images"),
        ("bench --attack fr --target pe --data nope", "no dataset 'nope'"),
        ("bench --attack fr --target pe --preset smok", "no preset 'smok'"),
        ("bench --attack fr --target pe -n 0", "victims"),
        ("audit --target pe --data folder:empty", "holds 0 images"),
        ("audit --target pe --data folder:text", "a.png is not a PNG"),
        ("audit --target pe --preset smok", "no preset 'smok'"),
        ("audit --target etc --ciphertexts empty", "empty holds no image or NPY files"),
        ("audit --target etc --ciphertexts text", "a.png is not a PNG"),
        ("audit --target etc --ciphertexts nowhere", "there is no folder nowhere"),
    ],
)
def test_inputs_that_no_cell_could_use_are_one_line(
    arguments: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.png").write_text("hello")
    code, out, errors = in_process(arguments, tmp_path)
    assert code == 2
    assert out == ""
    assert words in errors
    assert errors.startswith("ppattack: ")
    assert len(errors.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "text"]


def test_the_command_prints_a_table_and_the_record(tmp_path: Path) -> None:
    arguments = "bench --attack fr --attack jigsaw --target pe --preset smoke --seed 0 --seed 1"
    arguments += " -n 12 --adversary 12 --size 16"
    code, out, errors = in_process(arguments, tmp_path)
    assert code == 0
    assert "2 done, 2 broken, 0 failed, 0 queued" in out
    assert "pe, default, 1" in out
    assert "fr on pe, default, 0: BROKEN" in errors
    code, out, _ = in_process(arguments + " --json -q", tmp_path)
    assert code == 0
    record = json.loads(out)
    assert [cell["outcome"]["state"] for cell in record["cells"]] == ["done", "not applicable"] * 2
    assert record["cells"][2]["command"].endswith("--seed 1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("bench nowhere", "nowhere"),
        ("bench quick --jobs 0", "--jobs 0"),
        ("bench quick --executor slurm", "slurm"),
        ("bench --attack frr --target pe", "frr"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, arguments: str, message: str) -> None:
    code, _, errors = in_process(arguments, tmp_path)
    assert code == 2
    assert message in errors
    assert len(errors.splitlines()) == 1
