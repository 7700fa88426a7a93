"""pytest plug-in: security regression tests for your own cipher.

Installed with ppattack, pytest finds it by itself::

    from ppattack.testing import assert_resists

    def test_nothing_comes_back():
        assert_resists("my_cipher.py:MyCipher", "itn", max_gain=0.05, seeds=(0, 1))

Every run is made anew, once per session, in ``.ppattack`` beside the tests (``--ppattack-runs``).
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ppattack.attack import Attack
    from ppattack.reports.leaks import LeakName
    from ppattack.reports.run import Report
    from ppattack.runs.store import Finished
    from ppattack.target.base import Target

AttackRun = Callable[..., "Finished[Report]"]
_finished: dict[str, Finished[Report]] = {}
_place = [Path(".ppattack")]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where runs are written."""
    parser.getgroup("ppattack").addoption(
        "--ppattack-runs", metavar="DIR", help="folder of run folders [default: .ppattack]"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and the folder of runs."""
    config.addinivalue_line("markers", "gpu: needs a CUDA device; skipped if there is none")
    config.addinivalue_line("markers", "slow: takes minutes; leave out with -m 'not slow'")
    _place[0] = Path(config.getoption("--ppattack-runs") or config.rootpath / ".ppattack")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU if there is none."""
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device here")


@pytest.fixture
def attack_run() -> AttackRun:
    """``attack_run(target, attack, **request)``: the finished run, report and folder."""
    return run


def run(target: str | type[Target], attack: str | type[Attack], **request: Any) -> Finished[Report]:
    """Run an attack on a target, once per session.

    Args:
        target: registered name, ``path/to/file.py:Class`` or a class.
        attack: likewise.
        request: further fields of :class:`ppattack.RunRequest`, ``preset`` or ``victims``.

    Raises:
        ConfigError: for an unknown field.
        PpattackError: if anything else in the request is wrong.
        RunFailed: if the attack breaks down.
    """
    from ppattack.config import as_dict
    from ppattack.errors import ConfigError, nearest
    from ppattack.request import RunRequest
    from ppattack.runs.run import run as run_experiment

    known = [field.name for field in dataclasses.fields(RunRequest)]
    for name in request:
        if name not in known:
            raise ConfigError(f"a run has no '{name}'; the nearest are: {nearest(name, known)}.")
    fields = {"out": _place[0], **request, "force": True}
    asked = RunRequest(_spec(attack), _spec(target), **fields)
    identity = json.dumps(as_dict(asked), sort_keys=True, default=str)
    if identity not in _finished:
        _keep_out_of_version_control(asked.out)
        _finished[identity] = run_experiment(asked)
    return _finished[identity]


def assert_resists(
    target: str | type[Target],
    attack: str | type[Attack],
    *,
    max_gain: float = 0.05,
    max_leak: LeakName | None = None,
    seeds: Sequence[int] = (0,),
    **request: Any,
) -> None:
    """Fail if the worst seed's mean gain is above a bound, or a run decides nothing.

    Ciphertexts that look like their images fail too: no attack gains on them, and none is needed.
    So does anything else that leaks, the identity of images for instance, unless ``max_leak``
    allows it.

    Args:
        target: as in :func:`run`.
        attack: likewise.
        max_gain: allowed mean gain over the best blind baseline, in the metric that the verdict
            rests on.
        max_leak: strongest level that may leak: ``class``, ``identity``, ``state`` or ``images``;
            None for none but what ``max_gain`` allows.
        seeds: one run each.
        request: as in :func:`run`.

    Raises:
        AssertionError: with the numbers, the reports and the commands.
    """
    __tracebackhide__ = True
    from ppattack.reports.run import OPEN

    runs = [run(target, attack, seed=seed, **request) for seed in seeds]
    words = _name(target, attack)
    if any(_shown(done) > max_gain for done in runs):
        raise AssertionError(
            _message(f"{words}: the ciphertexts themselves are above {max_gain:g}", runs)
        )
    if any(_gain(done) > max_gain for done in runs):
        raise AssertionError(
            _message(f"{words}: the worst seed is above the allowed gain of {max_gain:g}", runs)
        )
    if any(_leaks(done, max_leak) for done in runs):
        raise AssertionError(_message(f"{words}: more leaks than is allowed", runs))
    if any(done.report.verdict in OPEN for done in runs):
        raise AssertionError(_message(f"{words}: not every run decides", runs))


def assert_broken(
    target: str | type[Target],
    attack: str | type[Attack],
    *,
    seeds: Sequence[int] = (0,),
    **request: Any,
) -> None:
    """Fail if the attack breaks the target with none of the seeds.

    Args:
        target: as in :func:`run`.
        attack: likewise.
        seeds: one run each; one that breaks it is enough.
        request: as in :func:`run`.

    Raises:
        AssertionError: with the numbers, the reports and the commands.
    """
    __tracebackhide__ = True
    runs = [run(target, attack, seed=seed, **request) for seed in seeds]
    if not any(done.report.verdict == "BROKEN" for done in runs):
        raise AssertionError(_message(f"{_name(target, attack)}: no seed breaks it", runs))


def _keep_out_of_version_control(folder: Path) -> None:
    """Create the folder of runs, if it is missing, so that Git ignores it."""
    from ppattack.files import write_text

    if not folder.exists():
        write_text(folder / ".gitignore", "*\n")


def _spec(plugin: str | type[Any]) -> str:
    """The name by which the registry finds a plug-in."""
    if isinstance(plugin, str):
        return plugin
    return f"{inspect.getfile(plugin)}:{plugin.__name__}"


def _name(target: str | type[Any], attack: str | type[Any]) -> str:
    return " on ".join(
        each if isinstance(each, str) else each.__name__ for each in (attack, target)
    )


def _gain(done: Finished[Report]) -> float:
    """The gain that the verdict rests on; infinite for an exact key."""
    key, found = done.report.scores.key, done.report.scores.main_gain()
    if key is not None and key.reconstruction.mean == 1.0:
        return float("inf")
    return found[1].mean if found else float("-inf")


def _leaks(done: Finished[Report], allowed: LeakName | None) -> bool:
    """Whether a level was shown that may not be; None allows what the main gain is of."""
    from ppattack.reports.leaks import VISIBLE, rank

    shown = {name for name, level in done.report.levels.items() if level.shown}
    if allowed is not None:
        return any(rank(name) > rank(allowed) for name in shown)
    scores = done.report.scores
    main = VISIBLE if scores.ssim else ("identity",) if scores.matching else ("class",)
    return bool(shown - set(main))


def _shown(done: Finished[Report]) -> float:
    """Mean SSIM of the ciphertexts over the best guess without them."""
    ssim, baselines = done.report.scores.ssim, done.report.controls.baselines
    guesses = [value for name, value in baselines.items() if name != "ciphertext"]
    if ssim is None or ssim.ciphertext is None or not guesses:
        return float("-inf")
    return ssim.ciphertext.mean - max(guesses)


def _message(words: str, runs: Sequence[Finished[Report]]) -> str:
    from ppattack.reports.command import command

    lines = [f"{words}."]
    for done in runs:
        report = done.report
        lines += [
            f"  seed {report.provenance['seed']}: {report.verdict}, {report.reason}",
            f"    report: {done.folder / 'report.json'}",
            f"    repeat: {command(report.provenance['request'])}",
        ]
    return "\n".join(lines)
