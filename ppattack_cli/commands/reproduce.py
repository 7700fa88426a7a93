"""``ppattack reproduce``: published evaluations, run again and corrected."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ppattack.errors import ConfigError, RunFailed, nearest
from ppattack.request import RunRequest
from ppattack_cli import options
from ppattack_cli.option_table import from_table
from ppattack_cli.streams import print_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ppattack.reports.robustness import Protocol, RobustnessTable, Row

app = typer.Typer(help="Published evaluations, run again and corrected.", no_args_is_help=True)


@app.callback()
def _evaluations() -> None:
    """Published evaluations, run again and corrected."""


@app.command("isotropic-robustness", short_help="LE, ELE, PE and EtC under FR, GAN and ITN.")
@from_table(
    RunRequest,
    after={
        "protocol": ("data", "size", "victims", "adversary", "preset", "gan_epochs"),
        "gan_epochs": ("seed", "jobs", "executor", "retry_failed", "device", "out", "force"),
        "force": ("as_json", "download"),
    },
    leave_out=(
        *("attack", "target", "overlap", "key_scope", "save_images", "ciphertexts", "truth"),
        *("jpeg", "lpips_net", "lpips_weights", "isolate", "time_limit", "memory_limit"),
        *("entropy_from", "candidates"),
    ),
)
def isotropic_robustness(
    base: RunRequest,
    protocol: Annotated[
        str, typer.Option("--protocol", help="published, corrected or both.")
    ] = "both",
    gan_epochs: Annotated[
        int | None,
        typer.Option("--gan-epochs", min=1, help="Epochs of the GANs. [default: the preset's]"),
    ] = None,
    jobs: options.Jobs = 1,
    executor: options.ExecutorOption = None,
    retry_failed: options.RetryFailed = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """LE, ELE, PE and EtC under FR, GAN and ITN: as published, and without its defects."""
    import json

    from ppattack.sweeps.published_robustness import reproduce
    from ppattack_cli.watch import Lines, Nobody

    table, folder = reproduce(
        base,
        _protocols(protocol),
        gan_epochs,
        options.executor(executor, jobs, base.device),
        Nobody() if quiet else Lines(),
        retry_failed=retry_failed,
    )
    if as_json:
        print_json(json.dumps(asdict(table), indent=2))
    else:
        _print(table, folder)
    if mixed := mixed_threads(table.rows, base.threads):
        typer.echo(mixed, err=True)
    failed = [row for row in table.rows if row.verdict == "failed"]
    if failed:
        raise RunFailed(
            f"{len(failed)} of {len(table.rows)} runs failed; --retry-failed tries them again."
        )


def mixed_threads(rows: Sequence[Row], asked: int | None) -> str | None:
    """One line if runs were computed with other numbers of threads than each other or asked for.

    If no number is asked for, runs that train nothing do not count: they may have fewer.
    """
    from ppattack.plugins import registry
    from ppattack.runs.threads import trains

    kept = [row for row in rows if asked or trains(registry.attack(row.attack).card)]
    counts = {row.threads for row in kept if row.threads is not None}
    asked = asked or min(counts, default=1)
    if counts <= {asked}:
        return None
    words = " and ".join(map(str, sorted(counts)))
    return (
        f"warning: runs were computed with {words} threads, and trained networks differ with their "
        f"number: --threads {asked} --force computes all with {asked}."
    )


def _protocols(text: str) -> tuple[Protocol, ...]:
    from ppattack.reports.robustness import PROTOCOLS

    if text == "both":
        return PROTOCOLS
    if text not in PROTOCOLS:
        names = (*PROTOCOLS, "both")
        raise ConfigError(f"--protocol {text} is not known; use {nearest(text, names)}.")
    return (text,)


def _print(table: RobustnessTable, folder: Path) -> None:
    """One row per attack on a target."""
    from rich.markup import escape

    from ppattack_cli.tables import console
    from ppattack_cli.tables import table as columns

    made = columns("protocol", "target", "attack", "published", "median", "mean", "gain", "verdict")
    for row in table.rows:
        made.add_row(
            row.protocol,
            row.target,
            escape(row.attack),
            f"{row.published['median']:.4f}" if row.published else "",
            f"{row.absolute['median']:.4f}" if row.absolute else "",
            "" if row.mean is None else f"{row.mean:.3f}",
            "" if row.gain is None else f"{row.gain:+.3f}",
            row.verdict + (", collapsed" if row.collapsed else ""),
        )
    screen = console()
    screen.print(made)
    constants = ", ".join(f"{name} {value:.3f}" for name, value in table.baselines.items())
    screen.print(
        f"published, median: of |SSIM|. Without any ciphertext (mean SSIM): {constants}",
        markup=False,
    )
    screen.print(f"table and box plots: {folder / 'isotropic-robustness.*'}", markup=False)
