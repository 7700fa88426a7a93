"""``ppattack decrypt``: ciphertext files and their key back to plain images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ppattack_cli import options


def decrypt(
    target: options.Target,
    ciphertexts: Annotated[Path, typer.Option("--ciphertexts", help="Folder of ciphertexts.")],
    key_file: Annotated[
        Path,
        typer.Option(
            "--key-file", help="The key file that 'encrypt' wrote, or recovered.key of a run."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the plain images (PNG).")],
    set_: options.Settings = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Decrypt files with their key."""
    from ppattack.plugins import registry
    from ppattack.runs.file_encryption import decrypt_files
    from ppattack_cli.console import make_progress, warn

    scheme = registry.target(target)(**options.settings(set_, ("target",))["target"])
    written = decrypt_files(scheme, ciphertexts, key_file, out, warn)
    make_progress(quiet=quiet).log(written)
