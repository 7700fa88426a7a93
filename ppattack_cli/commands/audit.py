"""``ppattack audit``: every attack on one target, and one verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppattack.errors import RunFailed
from ppattack.request import RunRequest
from ppattack_cli import options
from ppattack_cli.option_table import from_table
from ppattack_cli.streams import print_json

if TYPE_CHECKING:
    from rich.console import Console

    from ppattack.reports.audit import Audit
    from ppattack.runs.store import Finished


@from_table(
    RunRequest,
    after={
        "preset": ("set_",),
        "jpeg": ("jobs", "executor", "isolate", "time_limit", "memory_limit", "retry_failed"),
        "retry_failed": ("every", "device", "out", "force", "as_json"),
    },
    leave_out=(
        "attack",
        "link",
        "overlap",
        "save_images",
        "lpips_net",
        "lpips_weights",
        "entropy_from",
    ),
)
def audit(
    base: RunRequest,
    set_: options.Settings = None,
    jobs: options.Jobs = 1,
    executor: options.ExecutorOption = None,
    isolate: options.Isolate = None,
    retry_failed: options.RetryFailed = False,
    every: Annotated[
        bool,
        typer.Option("--all", help="Run attacks too that are not needed for a verdict any more."),
    ] = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Probe a target, attack it, cheapest first, and give one verdict on the worst case.

    With --ciphertexts and no --target it looks at the files first, and says what it assumes.
    """
    del set_, verbose
    from ppattack.sweeps.audit import run_audit
    from ppattack.sweeps.identified import audit_files
    from ppattack_cli.console import say_what_is_learned, warn
    from ppattack_cli.watch import watcher

    place = options.executor(executor, jobs, base.device)

    def run(request: RunRequest) -> Finished[Audit]:
        with watcher(quiet=quiet) as watch:
            return run_audit(
                request, place, watch, isolate=isolate, retry_failed=retry_failed, every=every
            )

    say_what_is_learned()
    audits = audit_files(base, run, warn)
    done = next((each for each in audits if each.report.verdict == "BROKEN"), audits[0])
    if as_json:
        print_json(done.report.model_dump_json(indent=2))
    else:
        for each in audits:
            _print(each)
    rows = [one for part in (done.report, done.report.per_image) if part for one in part.attacks]
    failed = [one.attack for one in rows if one.state == "failed"]
    if failed:
        raise RunFailed(
            f"{len(failed)} of {len(rows)} attacks failed ({', '.join(failed)}); "
            f"{done.folder / 'audit.json'} says why, and --retry-failed tries them again."
        )


def _print(done: Finished[Audit]) -> None:
    """Each key scope by itself, one key for all images first."""
    from ppattack_cli.tables import console

    _print_part(done.report, done.folder)
    if done.report.per_image is not None and done.report.per_image_folder is not None:
        console().print()
        _print_part(done.report.per_image, done.folder.parent / done.report.per_image_folder)


def _print_part(audit: Audit, folder: Path) -> None:
    """One row per attack, the worst case, the verdict."""
    from rich.markup import escape

    from ppattack.reports.leaks import verdict_words
    from ppattack.sweeps.merged_audit import worst_report
    from ppattack_cli.tables import console, print_verdict, table

    screen, report = console(), worst_report(folder)
    if audit.keys:
        screen.print(f"{audit.target}, {audit.keys}", markup=False)
    if audit.probe is not None:
        screen.print(f"probes: {audit.probe.words}", markup=False)
    rows = table("attack", "what it was granted", "verdict", "gain", "strongest on", "why")
    for one in audit.attacks:
        rows.add_row(
            escape(one.attack),
            escape(one.threat or ""),
            verdict_words(one.verdict, one.leak) if one.verdict else one.state,
            "" if one.gain is None else f"{one.gain:+.3f} {one.metric}",
            str(one.strongest_on or ""),
            "" if one.state == "done" else escape(one.reason),
        )
    screen.print(rows)
    if report is not None and report.scores.ssim is not None:
        worst = report.scores.ssim.reconstruction
        screen.print(
            f"worst case over attacks: SSIM {worst.mean:.3f} over {worst.n} images, "
            f"half above {worst.median:.3f}, the best recovered {worst.max:.3f}"
        )
    _print_levels(screen, audit)
    print_verdict(screen, audit, "any attack that applies")
    screen.print(f"audit: {folder}", markup=False, soft_wrap=True)


def _print_levels(screen: Console, audit: Audit) -> None:
    """One line per level: whether it leaks, and which attack shows it."""
    from rich.markup import escape

    from ppattack.reports.leaks import WORDS
    from ppattack_cli.tables import table

    rows = table("what leaks", "", "attack", "")
    for one in audit.levels:
        rows.add_row(
            WORDS[one.level],
            f"[{'bold red' if one.shown else 'dim'}]{one.state}[/]",
            escape(one.attack or ""),
            escape(one.words),
        )
    screen.print(rows)
