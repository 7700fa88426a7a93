"""``ppattack decrypt``: ciphertext files and their key back to plain images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ppattack_cli import options


def decrypt(
    target: options.Target,
    ciphertexts: Annotated[
        Path,
        typer.Option(
            "--ciphertexts", help="Folder of ciphertexts, or FILE.npy, .npz, .tar of many."
        ),
    ],
    key_file: Annotated[
        Path,
        typer.Option(
            "--key-file", help="The key file that 'encrypt' wrote, or recovered.key of a run."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", help="Folder for the plain images (PNG), or FILE.npy for one array."),
    ],
    set_: options.Settings = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "--workers", help="Processes that decrypt into one array.")
    ] = 1,
    executor: Annotated[
        str | None,
        typer.Option("--executor", metavar="ray[:ADDRESS]", help="Do so on a Ray cluster."),
    ] = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Decrypt files with their key."""
    from ppattack.data.stack_files import is_stack, open_stack
    from ppattack.plugins import registry
    from ppattack_cli.console import make_progress, warn

    settings = options.settings(set_, ("target",))["target"]
    if is_stack(ciphertexts):
        from ppattack.runs.stack_decryption import decrypt_stack

        stack, workers = open_stack(ciphertexts, 0).stack, options.executor(executor, jobs)
        written = decrypt_stack(target, settings, stack, key_file, out, workers)
    else:
        from ppattack.runs.file_encryption import decrypt_files

        options.refuse(
            {"--jobs": jobs if jobs != 1 else None, "--executor": executor},
            "only files of many ciphertexts (--ciphertexts FILE.npy) are shared among processes",
        )
        scheme = registry.target(target)(**settings)
        written = decrypt_files(scheme, ciphertexts, key_file, out, warn)
    make_progress(quiet=quiet).log(written)
