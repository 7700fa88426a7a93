"""``ppattack new``: the first files of your own plug-in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    help="Start a plug-in of your own: a file that works, and its tests.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens: my-cipher.")]
Folder = Annotated[Path, typer.Option("--out", help="Folder for the files.")]


@app.command("target")
def target(name: Name, out: Folder = Path()) -> None:
    """Start an encryption scheme."""
    _write("target", name, out)


@app.command("attack")
def attack(name: Name, out: Folder = Path()) -> None:
    """Start an attack."""
    _write("attack", name, out)


def _write(kind: Literal["target", "attack"], name: str, out: Path) -> None:
    from ppattack.plugins.scaffold import new_plugin

    plugin, test = new_plugin(kind, name, out)
    typer.echo(f"{kind}: {plugin}")
    typer.echo(f"tests: {test}")
    typer.echo(f"next: pytest {test}")
