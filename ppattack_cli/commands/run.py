"""``ppattack run``: one attack on one target."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppattack.errors import ConfigError
from ppattack.request import RunRequest
from ppattack_cli import options
from ppattack_cli.commands.gate import finish
from ppattack_cli.option_table import from_table
from ppattack_cli.streams import print_json

if TYPE_CHECKING:
    from ppattack.attack import Progress
    from ppattack.context import Workers
    from ppattack.gates.rules import Rule
    from ppattack.reports.run import Report


@from_table(RunRequest, after={"preset": ("set_", "curve"), "out": ("as_json", "fail_on")})
def run(
    request: RunRequest,
    set_: options.Settings = None,
    curve: Annotated[
        str | None,
        typer.Option(
            "--curve",
            metavar="PART.NAME=VALUES",
            help="Run at several values of one setting and draw SSIM and key fraction against "
            "it: attack.pairs=1,2,4,8 or jpeg=none,95,85,75.",
        ),
    ] = None,
    as_json: options.AsJson = False,
    fail_on: options.FailOn = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "--workers",
            help="Processes that share what grows with the number of images, in "
            "covariance-matching and candidate-matching; one GPU each.",
        ),
    ] = 1,
    executor: Annotated[
        str | None,
        typer.Option("--executor", metavar="ray[:ADDRESS]", help="Share it on a Ray cluster."),
    ] = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run one attack on one target and report how much of the images came back."""
    del set_, verbose
    from ppattack.runs.run import run as run_experiment
    from ppattack_cli.console import make_progress
    from ppattack_cli.tables import print_report

    rules = _rules(fail_on, curve)
    _check_candidates(request)
    workers = options.workers(executor, jobs, request)
    progress = make_progress(quiet=quiet)
    if curve is not None:
        _run_curve(request, curve, progress, workers, as_json=as_json)
        return
    finished = run_experiment(request, progress, workers)
    if finished.reused:
        progress.log("this run was finished before; its report is shown (--force runs it again)")
    if as_json:
        print_json(finished.report.to_json())
    else:
        print_report(finished.report, finished.folder, _next_step(request, finished.report))
    if rules:
        from ppattack.gates.rules import judge
        from ppattack.reports.found import SavedRun

        finish(judge([SavedRun(finished.folder, finished.report)], rules))


def _check_candidates(request: RunRequest) -> None:
    """Refuse candidates to an attack that does not look at them; an isolated one is not loaded."""
    from ppattack.plugins import registry

    if request.candidates is None or request.isolated:
        return
    attack = registry.attack(request.attack)(preset=request.preset, **request.attack_settings)
    if attack.requires().public != "candidates":
        raise ConfigError(
            f"attack '{request.attack}' looks at no candidates: leave out --candidates, or use "
            "--attack candidate-matching."
        )


def _next_step(request: RunRequest, report: Report) -> str | None:
    """What to try after a run, with the command; None for ciphertext files, which are as they are.

    The program is named as it was called: with its folder if that is not on the path.
    """
    if request.ciphertexts is not None:
        return None
    called = Path(sys.argv[0])
    program = str(called) if called.name == "ppattack" and not called.is_absolute() else "ppattack"
    threat = report.threat
    answers = threat.pairs or threat.chosen or threat.model
    could = threat.key_scope == "dataset" and "image" in _key_scopes(request)
    if report.verdict == "BROKEN" and could and not answers:
        words = [program, *sys.argv[1:], "--key-scope", "image"]
        return f"give every image a key of its own: {shlex.join(words)}"
    words = [program, "audit", "--target", request.target]
    if request.oracle is not None:
        shell = ["--oracle-shell"] if request.oracle_shell else []
        words = [program, "audit", "--oracle", request.oracle, *shell]
    if request.data != "photos":
        words += ["--data", str(request.data)]
    for option, given in (("--size", request.size), ("--window", request.window)):
        words += [] if given is None else [option, str(given)]
    for name, value in request.target_settings.items():
        if request.oracle is None or name not in ("command", "shell"):
            words += ["--set", f"target.{name}={value}"]
    return f"try every attack that applies: {shlex.join(words)}"


def _key_scopes(request: RunRequest) -> tuple[str, ...]:
    """Those that the target of a finished run supports."""
    from ppattack.plugins import registry

    return registry.target(request.target).card.key_scopes


def _rules(fail_on: list[str] | None, curve: str | None) -> list[Rule]:
    """The conditions, refused before anything runs."""
    if not fail_on:
        return []
    from ppattack.gates.rules import rule

    if curve is not None:
        raise ConfigError(
            "--fail-on belongs to one run: leave out --curve, or hold its runs against a policy "
            "with 'ppattack gate'."
        )
    return [rule(text) for text in fail_on]


def _run_curve(
    request: RunRequest, text: str, progress: Progress, workers: Workers | None, *, as_json: bool
) -> None:
    from ppattack.sweeps.curve import run_curve
    from ppattack_cli.tables import print_curve

    found, folder = run_curve(request, *options.curve(text), progress, workers)
    if as_json:
        print_json(found.to_json())
    else:
        print_curve(found, folder)
