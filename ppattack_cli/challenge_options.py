"""Options that the challenges share."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from ppattack.errors import Interrupted
from ppattack.folders import partial_place

Gold = Annotated[
    Path, typer.Option("--gold", help="Folder of the answers and the key, apart from the rest.")
]
NewChallenge = Annotated[Path, typer.Option("--out", help="New folder for the challenge.")]
Challenge = Annotated[
    Path, typer.Option("--challenge", help="Folder of the challenge, made here or downloaded.")
]
NewSubmission = Annotated[Path, typer.Option("--out", help="New folder for the submission.")]
Submission = Annotated[Path, typer.Option("--submission", help="Folder of the submission.")]
Size = Annotated[int, typer.Option("--size", help="Edge of the images, pixels.")]
Seed = Annotated[
    int | None, typer.Option("--seed", help="A repeatable challenge. [default: a random one]")
]


def seed_of(seed: int | None) -> int:
    """The seed that was given, or a random one that nobody can guess."""
    return secrets.randbits(128) if seed is None else seed


def interrupted(out: Path, done: str = "") -> Interrupted:
    """What to say of an interrupted solution, and from where the same command goes on.

    Args:
        out: folder of the submission.
        done: what was finished, in words.
    """
    if done:
        return Interrupted(f"interrupted: {done}, and the same command goes on from there.")
    if partial_place(out).exists():
        return Interrupted("interrupted: the same command goes on after the last finished stage.")
    return Interrupted("interrupted: nothing was finished, so nothing is kept.")
