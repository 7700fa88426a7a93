"""``ppattack compress``: file sizes of plain and encrypted images, and what comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppattack.errors import ConfigError
from ppattack_cli import options
from ppattack_cli.streams import print_json

if TYPE_CHECKING:
    from ppattack.reports.compression import CodecRow, CompressionReport, Quality
    from ppattack.runs.store import Finished


def compress(
    target: Annotated[
        list[str],
        typer.Option("--target", help="Name, or path/to/file.py:Class. May be repeated."),
    ],
    data: Annotated[
        str, typer.Option("--data", help="Image source; its victims' side.")
    ] = "photos",
    size: options.Size = None,
    window: options.Window = None,
    images: Annotated[int, typer.Option("-n", "--images", help="Images to compress.")] = 256,
    codec: Annotated[
        list[str] | None,
        typer.Option(
            "--codec",
            help="jpeg-85-420, jpeg-85-444, jpeg-85-420-opt, jpeg-ls, jpeg-2000, jpeg-2000-rct, "
            "png. May be repeated. [default: all but -opt]",
        ),
    ] = None,
    quality: Annotated[
        str | None,
        typer.Option(
            "--quality", metavar="QUALITIES", help="Of JPEG, 1 to 100. [default: 75,80,85,90,95]"
        ),
    ] = None,
    key_scope: options.KeyScopeOption = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PART.NAME=VALUE",
            help="Change a setting of every target (target.block_size=4) or of one "
            "(etc.block_size=8). May be repeated.",
        ),
    ] = None,
    seed: options.Seed = 0,
    out: options.Out = Path("runs"),
    force: options.Force = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON list with the report of each target.")
    ] = False,
    download: options.Download = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Compare file sizes of plain and encrypted images through real codecs."""
    from ppattack.compression.experiment import compress as measure
    from ppattack.compression.request import CompressionRequest
    from ppattack_cli.console import make_progress

    if codec and quality is not None:
        raise ConfigError("--quality belongs to the default codecs: name it in --codec instead.")
    parts = options.settings(set_, ("target", *target))
    qualities = {} if quality is None else {"qualities": _qualities(quality)}
    request = CompressionRequest(
        targets=tuple(target),
        data=data,
        size=size,
        window=window,
        images=images,
        codecs=tuple(codec) if codec else None,
        key_scope=options.key_scope(key_scope),
        target_settings=parts.pop("target"),
        own_settings=parts,
        seed=seed,
        out=out,
        force=force,
        download=download,
        **qualities,
    )
    if size is not None:
        options.check_size(size)
    progress = make_progress(quiet=quiet)
    done = measure(request, progress)
    if any(each.reused for each in done):
        progress.log("measured before; the report is shown (--force measures again)")
    if as_json:
        print_json(json.dumps([each.report.model_dump(mode="json") for each in done], indent=2))
    else:
        for each in done:
            _print(each)


def _qualities(text: str) -> tuple[int, ...]:
    """``"80,85"`` as numbers; their range is checked later."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and len(part) < 4 for part in parts):
        raise ConfigError(
            f"--quality {text} is not valid: use numbers of 1 to 100, for example 80,85,90."
        )
    return tuple(int(part) for part in parts)


def _print(done: Finished[CompressionReport]) -> None:
    """One row per codec."""
    from rich.markup import escape

    from ppattack_cli.tables import console, table

    screen, report = console(), done.report
    channels, height, width = report.ciphertext_shape
    screen.print(
        f"{report.target.name}: {report.data.images} images of {report.data.name}, shape "
        f"{report.data.shape}, ciphertexts ({channels}, {height}, {width})",
        markup=False,
    )
    rows = table(
        "codec", "plain, bytes", "encrypted", "ratio [95 %]", "plain dB", "SSIM",
        "decrypted dB", "SSIM",
    )  # fmt: skip
    for row in report.codecs:
        rows.add_row(
            row.codec, *_sizes(row), *_quality(row.plain_quality), *_quality(row.round_trip)
        )
    screen.print(rows)
    for row in report.codecs:
        if row.absent is not None:
            screen.print(f"{row.codec}: {row.absent}", markup=False, soft_wrap=True)
    if report.round_trip_absent is not None:
        screen.print(f"no decryption: {report.round_trip_absent}", markup=False, soft_wrap=True)
    screen.print(f"report: {escape(str(done.folder / 'compression.json'))}", soft_wrap=True)


def _sizes(row: CodecRow) -> tuple[str, str, str]:
    if row.plain_bytes is None or row.encrypted_bytes is None or row.ratio_ci95 is None:
        return "", "", ""
    low, high = row.ratio_ci95
    return (
        f"{row.plain_bytes.mean:.0f}",
        f"{row.encrypted_bytes.mean:.0f}",
        f"{row.ratio:.4f} \\[{low:.4f}, {high:.4f}]",
    )


def _quality(quality: Quality | None) -> tuple[str, str]:
    if quality is None:
        return "", ""
    decibels = "exact" if quality.exact == 1 else f"{quality.psnr.mean:.2f}"
    return decibels, "" if quality.ssim is None else f"{quality.ssim.mean:.4f}"
