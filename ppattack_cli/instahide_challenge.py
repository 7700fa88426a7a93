"""``ppattack challenge instahide``: make the challenge, solve it, score a solution."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppattack_cli import challenge_options as shared
from ppattack_cli import options
from ppattack_cli.streams import print_json

if TYPE_CHECKING:
    from ppattack.challenge.instahide.score import ChallengeScore

app = typer.Typer(
    help="The InstaHide challenge: which images were mixed?",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(short_help="Mix images under a new key, in the challenge's files.")
def generate(
    images: Annotated[
        Path, typer.Option("--images", help="Folder of private images; subfolders are classes.")
    ],
    out: shared.NewChallenge,
    gold: shared.Gold,
    public: Annotated[
        Path | None, typer.Option("--public", help="Folder of public images, at any depth.")
    ] = None,
    size: shared.Size = 32,
    count: Annotated[int, typer.Option("-n", help="Private images.")] = 100,
    set_: options.Settings = None,
    seed: shared.Seed = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Mix images under a new key, in the challenge's files; answers go elsewhere."""
    from ppattack.challenge.instahide.generate import Wish
    from ppattack.challenge.instahide.generate import generate as make
    from ppattack_cli.console import make_progress

    options.check_size(size)
    wish = Wish(
        images=images,
        public=public,
        out=out,
        gold=gold,
        size=size,
        count=count,
        seed=shared.seed_of(seed),
        target_settings=options.settings(set_, ("target",))["target"],
    )
    progress = make_progress(quiet=quiet)
    progress.log(make(wish, progress))


@app.command(short_help="Reconstruct the private images and write a submission.")
def solve(
    challenge: shared.Challenge,
    public: Annotated[
        Path, typer.Option("--public", help="Folder of images of the same kind, at any depth.")
    ],
    out: shared.NewSubmission,
    images: Annotated[
        int | None,
        typer.Option(
            "--private-images",
            help="Private images. [default: as the challenge says, or one for 50 encodings]",
        ),
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Use the soft labels.")
    ] = True,
    preset: options.Preset = "standard",
    set_: options.Settings = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Reconstruct the private images and write a decryption of every encoding.

    Exits with 4 if the encodings share nothing that could be relied on.
    """
    from ppattack import machine
    from ppattack.attack import Context
    from ppattack.challenge.instahide.solve import Task
    from ppattack.challenge.instahide.solve import solve as answer
    from ppattack.gates.rules import UNDECIDED
    from ppattack_cli.console import make_progress

    parts = options.settings(set_, ("target", "attack"))
    task = Task(
        challenge=challenge,
        public=public,
        out=out,
        images=images,
        labels=labels,
        target_settings=parts["target"],
        attack_settings=parts["attack"],
        preset=preset,
    )
    progress = make_progress(quiet=quiet)
    try:
        solved = answer(task, Context(machine.choose_device(device), seed, progress=progress))
    except KeyboardInterrupt:
        raise shared.interrupted(out) from None
    progress.log(solved.said)
    if solved.inconclusive:
        raise typer.Exit(UNDECIDED)


@app.command(short_help="Score decryptions by the challenge's measures.")
def score(
    submission: shared.Submission,
    gold: shared.Gold,
    as_json: options.AsJson = False,
) -> None:
    """Max_SSIM and Mean_SSIM over encodings, and what is seen of each private image."""
    from dataclasses import asdict

    from ppattack.challenge.instahide.score import score as scored

    found = scored(submission, gold)
    if as_json:
        print_json(json.dumps(asdict(found), indent=2))
    else:
        _print(found)


def _print(found: ChallengeScore) -> None:
    from ppattack_cli.tables import console, table

    made = table("measure", "value")
    made.add_row("Max_SSIM", f"{found.max_ssim:.3f}")
    made.add_row("  of the mean image", f"{found.blind_ssim:.3f}")
    made.add_row("Mean_SSIM", f"{found.mean_ssim:.3f}")
    made.add_row("Min_L2", f"{found.min_l2:.3f}")
    made.add_row("Mean_L2", f"{found.mean_l2:.3f}")
    made.add_row("private images found (SSIM .5)", f"{found.found} of {found.images}")
    made.add_row("  clear (SSIM .8)", f"{found.clear} of {found.images}")
    made.add_row("  best SSIM, mean", f"{found.best_ssim:.3f}")
    made.add_row("  re-identified", f"{found.reidentified} of {found.images}")
    console().print(made)
