from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ppattack
from ppattack.attack import Recovery
from ppattack.errors import ConfigError, DataError, RunFailed, UnknownNameError
from ppattack.isolation import fork_server, messages
from ppattack.isolation.proxy import isolated, isolated_by_default
from ppattack.jpeg import Jpeg
from ppattack.permxor import PermXor
from ppattack.plugins import registry
from ppattack.request import RunRequest
from ppattack.scenario import simulate
from ppattack.sweeps.executors import InThisProcess
from ppattack.sweeps.sweep import run_sweep
from tests.conftest import smooth_sets
from tests.support.program import in_process, lives
from tests.support.sweeps import SWEEPING, Watch, states

pytestmark = pytest.mark.process


def request(out: Path, attack: str, **changes: object) -> RunRequest:
    """An isolated run of a second."""
    name = f"{SWEEPING}:{attack}" if attack[0].isupper() else attack
    base = RunRequest(name, "pe", victims=12, adversary=12, size=16, out=out, isolate=True)
    return replace(base, save_images=0, **changes)  # type: ignore[arg-type]


class Heard:
    """Progress that is kept."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def task(self, description: str, total: float) -> Bar:
        """A bar."""
        self.lines.append(f"{description} of {total:g}")
        return Bar(self)

    def log(self, message: str) -> None:
        """Keep it."""
        self.lines.append(message)


class Bar:
    """A bar that is kept."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._heard.lines.append("closed")

    def update(self, completed: float, **facts: float) -> None:
        """Keep it."""
        self._heard.lines.append(f"{completed:g} {facts}")


def test_the_attack_holds_nothing_secret(tmp_path: Path) -> None:
    notes = ppattack.run(request(tmp_path, "Curious")).report.attack.notes
    assert notes["secrets"] == []
    assert notes["stacks"] == 0
    assert notes["seen while choosing"] == 0
    assert notes["modules"] == []
    assert not any("seed" in argument for argument in notes["arguments"])


def test_without_isolation_the_same_attack_finds_the_key(tmp_path: Path) -> None:
    """The test above looks where there is something to find."""
    notes = ppattack.run(replace(request(tmp_path, "Curious"), isolate=False)).report.attack.notes
    assert {"Key", "Truth"} <= set(notes["secrets"])
    assert notes["stacks"] > 0
    assert "ppattack.runs.run" in notes["modules"]
    assert notes["seen while choosing"] == 255


def test_results_are_the_same_as_without(tmp_path: Path) -> None:
    for attack, settings in (("chosen-plaintext", {}), ("fr", {"mode": "advanced"})):
        asked = request(tmp_path / "a", attack, attack_settings=settings)
        alone = ppattack.run(asked)
        same = replace(asked, isolate=False, entropy_from=alone.folder, out=tmp_path / "b")
        skip = {"timing", "provenance", "id"}
        shared = ppattack.run(same).report.model_dump(exclude=skip)
        assert alone.report.model_dump(exclude=skip) == shared


def test_progress_and_notes_come_back(tmp_path: Path) -> None:
    heard = Heard()
    done = ppattack.run(request(tmp_path, "Grey"), heard)
    assert heard.lines[:4] == ["thinking of 2", "1 {'loss': 0.5}", "closed", "nothing found"]
    assert done.report.attack.name == "grey"


@pytest.mark.parametrize(
    ("attack", "limits", "message"),
    [
        ("Sleeping", {"time_limit": 0.5}, r"took more than 0.5 s \(--time-limit\)"),
        ("Greedy", {"memory_limit": 1.0}, r"held more than 1 GiB \(--memory-limit\)"),
        ("Dying", {}, r"ended its process \(exit code -9\)"),
        ("Broken", {}, "the attack failed: TypeError: unsupported operand"),
    ],
)
def test_what_goes_wrong_is_one_clear_line(
    tmp_path: Path, attack: str, limits: dict[str, float], message: str
) -> None:
    with pytest.raises(RunFailed, match=message):
        ppattack.run(request(tmp_path, attack, **limits))
    assert list(tmp_path.iterdir()) == []


def test_errors_of_the_product_keep_their_kind(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too small"):
        ppattack.run(request(tmp_path, "Refusing"))
    with pytest.raises(UnknownNameError, match="jigsaw"):
        ppattack.run(request(tmp_path, "jigsa"))
    with pytest.raises(ConfigError, match="modus"):
        ppattack.run(request(tmp_path, "fr", attack_settings={"modus": 1}))


def test_the_process_ends_with_the_block(tmp_path: Path) -> None:
    asked = request(tmp_path, "Grey")
    target = registry.target("pe")()
    with isolated(asked, target) as attack:
        process = attack._child.process
        assert lives(process.pid)
        assert attack.card.name == "grey"
        assert attack.obstacle(target.public(), (3, 16, 16)) is None
    assert not lives(process.pid)


def test_nothing_passes_from_one_attack_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for word in ("one", "two"):
        monkeypatch.setenv("SEEN_THERE", word)
        notes = ppattack.run(request(tmp_path / word, "Leaving")).report.attack.notes
        assert notes == {"found": False, "variable": None, "folder": str(tmp_path)}


@pytest.mark.skipif(not fork_server.FORKS, reason="every process is started anew here")
def test_processes_come_from_one_that_forks_safely_and_is_replaced(tmp_path: Path) -> None:
    ppattack.run(request(tmp_path / "a", "Grey"))
    server = fork_server._servers[os.getpid()]
    threads = list(Path(f"/proc/{server._process.pid}/task").iterdir())
    assert len(threads) == 1  # a fork copies the thread that forks alone
    ppattack.run(request(tmp_path / "b", "Grey"))
    assert fork_server._servers[os.getpid()] is server
    server._process.kill()
    server._process.wait()
    ppattack.run(request(tmp_path / "c", "Grey"))
    assert fork_server._servers[os.getpid()] is not server


def test_where_processes_do_not_fork_safely_each_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server, "FORKS", False)
    target = registry.target("pe")()
    with isolated(request(tmp_path, "Grey"), target) as attack:
        process = attack._child.process
        assert isinstance(process, subprocess.Popen)
        assert attack.card.name == "grey"
    assert not lives(process.pid)


def test_who_is_isolated_by_default() -> None:
    assert isolated_by_default(f"{SWEEPING}:Grey")
    assert not isolated_by_default("fr")


def test_an_observation_crosses_whole() -> None:
    attack = registry.attack("chosen-plaintext")()
    target = registry.target("etc")(block_size=4)
    jpeg = Jpeg.read("85:444")
    observation = simulate(attack, target, smooth_sets(), "dataset", 0, jpeg=jpeg).observation
    facts, tensors = messages.observation_parts(observation)
    scheme = messages.scheme_of(messages.scheme_facts(observation.scheme, "etc"))
    sent, arrays = messages.unpack(messages.pack(facts, tensors))
    found = messages.observation_of(sent, arrays, scheme)
    assert found.threat == observation.threat
    assert found.jpeg == observation.jpeg
    assert found.image_shape == observation.image_shape
    assert torch.equal(found.ciphertexts, observation.ciphertexts)
    for ours, theirs in zip(found.chosen_pairs, observation.chosen_pairs, strict=True):
        assert torch.equal(ours, theirs)
    assert scheme.config == observation.scheme.config
    assert scheme.own_keys == observation.scheme.own_keys


def test_settings_that_fix_a_key_are_not_sent() -> None:
    target = registry.target("le")(variant="ito", legacy_seed=7)
    facts = messages.scheme_facts(target.public(), "le")
    assert facts["config"]["legacy_seed"] is None


def test_a_recovery_crosses_whole() -> None:
    key = PermXor(np.arange(12), np.zeros(12, np.uint8), "nibble")
    matching = torch.tensor([1, 0])
    recovery = Recovery(
        images=torch.zeros((2, 1, 2, 3), dtype=torch.uint8),
        matching=matching,
        key=key,
        notes={"loss": 0.5},
        failures={1: "too dark"},
        ranking=torch.tensor([[1, 0], [0, 1]]),
        stages={"first": matching},
        up_to_state=True,
    )
    found = messages.recovery_of(
        *messages.unpack(messages.pack(*messages.recovery_parts(recovery)))
    )
    assert found.images is not None
    assert found.matching is not None
    assert found.ranking is not None
    assert found.key is not None
    assert torch.equal(found.matching, matching)
    assert torch.equal(found.stages["first"], matching)
    assert torch.equal(found.ranking, torch.tensor([[1, 0], [0, 1]]))
    assert (found.key.index == key.index).all()
    assert found.key.unit == "nibble"
    assert (found.notes, found.failures, found.up_to_state) == (
        {"loss": 0.5},
        {1: "too dark"},
        True,
    )


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(ValueError, match="not a message|Expecting"):
        messages.unpack(b"\x08\x00\x00\x00\x00\x00\x00\x00nonsense")


def test_the_command_says_what_was_stopped(tmp_path: Path) -> None:
    arguments = f"run --attack {SWEEPING}:Sleeping --target pe -n 12 --adversary 12 --size 16 -q"
    code, _, errors = in_process(f"{arguments} --time-limit 0.5", tmp_path)
    assert code == 3
    assert "was stopped: it took more than 0.5 s (--time-limit)" in errors
    assert len(errors.splitlines()) == 1


def test_in_a_sweep_a_stopped_attack_is_a_result(tmp_path: Path) -> None:
    asked = [request(tmp_path, "Sleeping", time_limit=0.5), request(tmp_path, "Grey")]
    sweep, _ = run_sweep(asked, InThisProcess(), Watch())
    assert states(sweep) == ["failed", "done"]
    assert [cell.isolated for cell in sweep.cells] == [True, True]
