"""Options that the challenges share."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

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
