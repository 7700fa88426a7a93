"""An audit goes from cheap to dear, leaves out what is decided, and never says more than it saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ppattack
from ppattack.attack import LEVELS, AttackCard
from ppattack.card import Reference
from ppattack.plugins import registry
from ppattack.reports.found import SavedRun
from ppattack.reports.leaks import LEAKS, LeakName
from ppattack.reports.run import read_report
from ppattack.reports.sweep import Cell, Outcome, Sweep, read_sweep
from ppattack.request import RunRequest
from ppattack.runs.probing import probe
from ppattack.sweeps.audit_verdict import decide
from ppattack.sweeps.executors import InThisProcess
from ppattack.sweeps.levels import Levels, cheapest_first, outside
from ppattack.sweeps.sweep import run_sweep
from ppattack.threat import ThreatModel
from tests.support import home_made
from tests.support.plugins import least, strong_ciphers
from tests.support.program import in_process
from tests.support.run_requests import request
from tests.support.sweeps import Watch

NAMES = ["fr", "chosen-plaintext", "jigsaw", "itn", "known-plaintext", "gan", "exhaustive"]


def cells(**verdicts: str) -> list[Cell]:
    """What came of some attacks, by name with _ for -: a verdict, or what leaked."""
    found: list[Cell] = []
    for name in NAMES:
        verdict: Any = verdicts.get(name.replace("-", "_"))
        leak: Any = None
        if verdict in LEAKS:
            verdict, leak = "BROKEN", verdict
        outcome = Outcome(state="done", verdict=verdict, leak=leak) if verdict else None
        blank = Cell(attack=name, target="pe", key_scope=None, seed=0, isolated=False, command="")
        found.append(blank.model_copy(update={"outcome": outcome}))
    return found


def named(numbers: Sequence[Sequence[int]]) -> list[list[str]]:
    return [[NAMES[number] for number in batch] for batch in numbers]


def test_attacks_are_in_levels() -> None:
    ordered = cheapest_first(NAMES)
    assert ordered == [
        "exhaustive", "known-plaintext", "chosen-plaintext", "fr", "jigsaw", "itn", "gan",
    ]  # fmt: skip
    assert named(Levels(NAMES).batches()) == [
        ["exhaustive"],
        ["chosen-plaintext", "known-plaintext"],
        ["fr"],
        ["jigsaw"],
        ["itn", "gan"],
    ]
    pair = ["ciphertext-only", "covariance-matching"]
    assert cheapest_first(pair) == pair[::-1]
    assert cheapest_first(pair, undescribed=True) == pair
    every = cheapest_first(registry.attacks())
    assert sorted(every) == registry.attacks()
    assert every[0] == "candidate-matching"
    levels = [LEVELS.index(registry.attack(name).card.audit_level) for name in every]
    assert levels == sorted(levels)


def test_key_scopes_are_decided_apart_and_a_name_spares_the_second_its_training() -> None:
    names = ["candidate-matching", "known-plaintext", "fr", "itn"] * 2
    scopes = ["dataset"] * 4 + ["image"] * 4

    def left_out(*broken: int, second: Sequence[int] = range(4, 8)) -> list[int]:
        found = [
            Cell(attack=name, target="pe", key_scope=scope, seed=0, isolated=False, command="")
            for name, scope in zip(names, scopes, strict=True)
        ]
        for number in broken:
            leak: LeakName = "images" if number % 4 else "identity"
            ended = Outcome(state="done", verdict="BROKEN", leak=leak)
            found[number] = found[number].model_copy(update={"outcome": ended})
        plan = Levels(names, second=second)
        return [i for i in range(8) if i not in broken and plan.left_out(i, found)]

    assert left_out() == []
    assert left_out(1) == [3]
    assert left_out(5) == [7]
    assert left_out(0) == [], "whose image it is brings no image back"
    assert left_out(0, 4) == [7], "but it is enough for the second scope"
    assert left_out(0, 4, second=()) == []


def test_a_card_without_a_level_has_that_of_its_needs() -> None:
    card = AttackCard("x", "", Reference("", "", "", 0), (), ThreatModel())
    assert card.audit_level == "statistics"
    assert replace(card, requires=ThreatModel(pairs=3)).audit_level == "pairs"
    assert replace(card, requires=ThreatModel(chosen=3)).audit_level == "pairs"
    assert replace(card, requires=ThreatModel(public="candidates")).audit_level == "candidates"
    assert replace(card, level="trained").audit_level == "trained"


@pytest.mark.parametrize("name", ["le", "ele", "pe", "etc", "etc-gray", "keyless"])
def test_covariance_matching_is_tried_on_every_scheme_of_its_kind(name: str) -> None:
    assert outside("covariance-matching", probe(RunRequest("", name))) is None


def test_covariance_matching_is_left_out_where_the_probes_say_it_has_no_model() -> None:
    for name in home_made.NAMES:
        found = probe(RunRequest("", home_made.path(name)))
        why = Levels(["covariance-matching"], found).left_out(0, cells()[:1])
        assert (why is None) == (name == "Arnold"), name
        assert why is None or f"; the probes: {found.words} (--all runs it all the same)." in why
        assert outside("known-plaintext", found) is None


@pytest.mark.parametrize("target", [f"{strong_ciphers.__file__}:FreshNonce", "one-time-pad"])
def test_what_hides_everything_is_not_given_to_networks(target: str) -> None:
    found = probe(RunRequest("", target))
    plan, blank = Levels([*NAMES, "covariance-matching"], found), cells()
    left = [plan.left_out(number, blank) for number in range(len(NAMES) + 1)]
    out = [name for name, why in zip([*NAMES, "covariance-matching"], left, strict=True) if why]
    assert out == ["itn", "gan", "covariance-matching"]
    for why in filter(None, left):
        assert f"the probes: {found.words}, and ciphertexts are noise" in why
        assert "(--all runs it all the same)." in why


def test_each_key_scope_is_judged_by_its_own_probes() -> None:
    target = f"{least.__file__}:Streamed"
    first, second = (probe(RunRequest("", target, key_scope=one)) for one in ("dataset", "image"))
    assert (first.hides, second.hides) == (False, True)
    plan = Levels([*NAMES, *NAMES], first, range(len(NAMES), 2 * len(NAMES)), second)
    out = [n for n in range(2 * len(NAMES)) if plan.left_out(n, cells() * 2)]
    trained = [NAMES.index("itn"), NAMES.index("gan")]
    assert out == [len(NAMES) + n for n in sorted(trained)]


def test_what_hides_everything_has_nothing_applied(run: SavedRun) -> None:
    resisted = {"fr": "RESISTED", "known_plaintext": "INCONCLUSIVE"}
    assert judged(run, "one-time-pad", left="itn", **resisted)[0] == "NOTHING APPLIED"
    verdict, reason = judged(run, "one-time-pad", left="itn", fr="RESISTED")
    assert verdict == "NOTHING APPLIED"
    assert reason.startswith("no generic attack applies. The probes: every image has a key")
    assert reason.endswith("That is no proof of strength; tried in vain: fr.")
    assert judged(run, "one-time-pad", left="itn", fr="BROKEN")[0] == "BROKEN"
    # With --all nothing is left out, and attacks that apply decide.
    assert judged(run, "one-time-pad", fr="RESISTED")[0] == "RESISTED"
    assert judged(run, home_made.path("Arnold"), left="itn", fr="RESISTED")[0] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("verdicts", "left"),
    [
        ({}, []),
        ({"known_plaintext": "RESISTED", "fr": "INCONCLUSIVE"}, []),
        ({"known_plaintext": "key"}, ["chosen-plaintext", "itn", "gan"]),
        ({"jigsaw": "state"}, ["itn", "gan"]),
        ({"itn": "images"}, ["gan"]),
        ({"known_plaintext": "identity", "itn": "class"}, []),
    ],
)
def test_what_is_decided_is_left_out(verdicts: dict[str, str], left: list[str]) -> None:
    plan, found = Levels(NAMES), cells(**verdicts)
    out = {
        name: plan.left_out(number, found)
        for number, name in enumerate(NAMES)
        if name.replace("-", "_") not in verdicts
    }
    assert [name for name, why in out.items() if why] == left
    for why in filter(None, out.values()):
        assert "has broken it already (--all runs this one too)" in why


def test_a_sweep_asks_before_every_cell_and_again_when_it_goes_on(tmp_path: Path) -> None:
    asked = [request(tmp_path, attack=name) for name in ("fr", "none")]

    class FirstOnly:
        def batches(self) -> list[list[int]]:
            return [[0], [1]]

        def left_out(self, number: int, cells: Sequence[Cell]) -> str | None:
            done = cells[0].outcome
            return "enough." if number == 1 and done and done.verdict == "BROKEN" else None

    sweep, place = run_sweep(asked, InThisProcess(), Watch(), plan=FirstOnly())
    states = [cell.outcome.state for cell in read_sweep(place).cells if cell.outcome]
    assert states == ["done", "left out"]
    assert sweep.cells[1].outcome == Outcome(state="left out", reason="enough.")
    again, _ = run_sweep(asked, InThisProcess(), Watch())
    assert [cell.outcome.state for cell in again.cells if cell.outcome] == ["done", "done"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SavedRun:
    done = ppattack.run(request(tmp_path_factory.mktemp("run"), attack="none"))
    return SavedRun(done.folder, read_report(done.folder))


def judged(
    run: SavedRun, probed: str | None = None, left: str | None = None, **verdicts: str
) -> tuple[str, str]:
    """The verdict of an audit in which attacks ended so; REFUTED is INCONCLUSIVE, and says why.

    ``left`` was left out.
    """
    real = {name: "INCONCLUSIVE" if v == "REFUTED" else v for name, v in verdicts.items()}
    found = [cell for cell in cells(**real) if cell.outcome is not None]
    runs = {}
    for cell in found:
        verdict = verdicts[cell.attack.replace("-", "_")]
        part = run.report.attack.model_copy(update={"name": cell.attack})
        update = {
            "attack": part,
            "verdict": real[cell.attack.replace("-", "_")],
            "refuted": verdict == "REFUTED",
        }
        runs[cell.attack] = SavedRun(run.folder, run.report.model_copy(update=update))
    said = None if probed is None else probe(RunRequest("", probed))
    blank = next(cell for cell in cells() if left is None or cell.attack == left)
    if left is not None:
        found.append(blank.model_copy(update={"outcome": Outcome(state="left out")}))
    return decide(Sweep(id="", cells=tuple(found)), runs, said)


def test_resisted_is_said_only_of_what_no_few_pairs_tell(run: SavedRun) -> None:
    resisted = {"fr": "RESISTED", "known_plaintext": "RESISTED"}
    assert judged(run, **resisted)[0] == "RESISTED"
    assert judged(run, "one-time-pad", **resisted)[0] == "RESISTED"
    for name in home_made.NAMES:
        verdict, reason = judged(run, home_made.path(name), **resisted)
        assert verdict == "INCONCLUSIVE"
        assert "the probes say what it is: " in reason
        assert "A few pairs tell such a map. That cannot count as resisting." in reason


def test_nothing_applied_is_no_resistance(run: SavedRun) -> None:
    verdict, reason = judged(run, "one-time-pad", fr="REFUTED", known_plaintext="REFUTED")
    assert verdict == "NOTHING APPLIED"
    assert reason.startswith("no attack has a model that fits it (fr, known-plaintext); that is no")
    assert "The probes: every image has a key of its own" in reason
    assert judged(run)[0] == "NOTHING APPLIED"
    verdict, reason = judged(run, "one-time-pad", fr="REFUTED", jigsaw="INCONCLUSIVE")
    assert verdict == "INCONCLUSIVE"
    assert reason.endswith(
        " The probes: every image has a key of its own: pairs say nothing of others."
    )
    assert judged(run, fr="REFUTED", jigsaw="BROKEN")[0] == "BROKEN"


@pytest.mark.long
def test_the_command_leaves_out_and_says_why(tmp_path: Path) -> None:
    few = "--preset smoke -n 12 --adversary 24 --size 16 -q"
    code, out, errors = in_process(f"audit --target pe {few}", tmp_path)
    assert code == 0, errors
    (place,) = (tmp_path / "runs").glob("bench-*.json")
    states = {cell.attack: cell.outcome.state for cell in read_sweep(place).cells if cell.outcome}
    assert states["known-plaintext"] == "done"
    assert states["chosen-plaintext"] == states["itn"] == states["sia-gan"] == "left out"
    assert "known-plaintext has broken it already" in " ".join(out.split())
    gate = "gate runs --fail-on 'ssim.gain > 2'"
    code, out, errors = in_process(gate, tmp_path)
    assert code != 2, errors
    assert "left out" not in out
