"""``ppattack challenge``; ``neuracrypt``: make the challenge, solve it, score a solution."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppattack_cli import challenge_options as shared
from ppattack_cli import instahide_challenge, options
from ppattack_cli.streams import print_json

if TYPE_CHECKING:
    from ppattack.attack import Context
    from ppattack.challenge.score import ChallengeScore
    from ppattack.challenge.solve import Task

app = typer.Typer(help="Published challenges, with any images.", no_args_is_help=True)
neuracrypt = typer.Typer(
    help="The NeuraCrypt challenge: whose code is it?", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(neuracrypt, name="neuracrypt")
app.add_typer(instahide_challenge.app, name="instahide")

Images = Annotated[Path, typer.Option("--images", help="Folder of image files, at any depth.")]


@neuracrypt.command(short_help="Encode images under a new key, in the challenge's layout.")
def generate(
    images: Images,
    out: shared.NewChallenge,
    gold: shared.Gold,
    size: shared.Size = 256,
    count: Annotated[
        int | None, typer.Option("-n", help="Images to encode. [default: all but the targets]")
    ] = None,
    targets: Annotated[
        int | None,
        typer.Option("--targets", help="Images of the second part. [default: a tenth of all]"),
    ] = None,
    set_: options.Settings = None,
    seed: shared.Seed = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Encode images under a new key, in the challenge's layout; answers go elsewhere."""
    from ppattack.challenge.generate import Wish
    from ppattack.challenge.generate import generate as make
    from ppattack_cli.console import make_progress

    options.check_size(size)
    wish = Wish(
        images=images,
        out=out,
        gold=gold,
        size=size,
        count=count,
        targets=targets,
        seed=shared.seed_of(seed),
        target_settings=options.settings(set_, ("target",))["target"],
    )
    progress = make_progress(quiet=quiet)
    progress.log(make(wish, progress))


@neuracrypt.command(short_help="Match codes with images and write a submission.")
def solve(
    challenge: shared.Challenge,
    images: Images,
    out: shared.NewSubmission,
    size: Annotated[
        int | None,
        typer.Option("--size", help="Edge of the images. [default: as the challenge says, or 256]"),
    ] = None,
    preset: options.Preset = "standard",
    encoder_steps: Annotated[
        int | None,
        typer.Option(
            "--encoder-steps",
            help="Training for the second part; 0 leaves it out. [default: 500 on a GPU, 0 on a "
            "CPU]",
        ),
    ] = None,
    public: Annotated[
        Path | None,
        typer.Option(
            "--public",
            help="Folder of images of the same kind: answers the second part alone, without the "
            "plain images of the codes.",
        ),
    ] = None,
    encoded_data_dir: Annotated[
        str | None,
        typer.Option(
            "--encoded-data-dir",
            metavar="DIR",
            help="The challenge's folder as the authors' evaluation is told it. [default: as "
            "--challenge]",
        ),
    ] = None,
    submission_dir: Annotated[
        str | None,
        typer.Option(
            "--submission-dir",
            metavar="DIR",
            help="The submission's folder as that evaluation is told it. [default: as --out]",
        ),
    ] = None,
    set_: options.Settings = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Match codes with images and write a submission in the challenge's format.

    Exits with 4 if hardly any match is expected to be right.
    """
    from ppattack import machine
    from ppattack.attack import Context
    from ppattack.challenge.solve import Task
    from ppattack.errors import ConfigError
    from ppattack_cli.console import make_progress

    if size is not None:
        options.check_size(size)
    if encoder_steps is not None and encoder_steps < 0:
        raise ConfigError(f"--encoder-steps {encoder_steps} is not valid: 0 is the least.")
    parts = options.settings(set_, ("target", "attack"))
    task = Task(
        challenge=challenge,
        images=images,
        out=out,
        size=size,
        target_settings=parts["target"],
        attack_settings=parts["attack"],
        preset=preset,
        encoder_steps=encoder_steps,
        public=public,
        encoded_data_dir=encoded_data_dir,
        submission_dir=submission_dir,
    )
    progress = make_progress(quiet=quiet)
    _solve(task, Context(machine.choose_device(device), seed, progress=progress))


def _solve(task: Task, context: Context) -> None:
    """Solve, show what came of it, and exit with 4 if that is nothing to rely on."""
    from ppattack.challenge.layout import PREDICTIONS
    from ppattack.challenge.solve import solve as answer
    from ppattack.gates.rules import UNDECIDED
    from ppattack_cli.console import warn

    try:
        solved = answer(task, context)
    except KeyboardInterrupt:
        kept = (task.out / PREDICTIONS).is_file()
        first = f"the first part is in {task.out}" if kept else ""
        raise shared.interrupted(task.out, first) from None
    context.progress.log(solved.said)
    for warning in solved.warnings:
        warn(warning)
    if solved.inconclusive:
        raise typer.Exit(UNDECIDED)


@neuracrypt.command(short_help="Rate a submission by the challenge's thresholds.")
def score(
    submission: shared.Submission,
    gold: shared.Gold,
    as_json: options.AsJson = False,
) -> None:
    """Re-identification accuracy of a submission, rated by the challenge's thresholds."""
    from dataclasses import asdict

    from ppattack.challenge.score import score as scored

    found = scored(submission, gold)
    if as_json:
        print_json(json.dumps([asdict(part) for part in found], indent=2))
    else:
        _print(found)


def _print(scores: list[ChallengeScore]) -> None:
    from ppattack_cli.tables import console, table

    made = table("part", "re-identified", "accuracy [95 %]", "chance", "privacy")
    for found in scores:
        low, high = found.wilson95
        made.add_row(
            found.part,
            f"{found.right} of {found.count}, {found.answered} answered",
            f"{found.accuracy:.1%} \\[{low:.1%}, {high:.1%}]",
            f"{found.chance:.1%}",
            found.privacy,
        )
    console().print(made)
