"""``ppattack bench``: attacks × targets × key scopes × seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ppattack_cli import options


def bench(
    matrix: Annotated[
        str | None,
        typer.Argument(
            help="quick, standard, paper, or a TOML file. [default: quick, or the options alone]"
        ),
    ] = None,
    attack: Annotated[
        list[str] | None,
        typer.Option("--attack", help="Name, path/to/file.py:Class or all. May be repeated."),
    ] = None,
    target: Annotated[list[str] | None, typer.Option("--target", help="Likewise.")] = None,
    key_scope: Annotated[
        list[str] | None, typer.Option("--key-scope", help="dataset or image. May be repeated.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option("--seed", help="May be repeated.")] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="Of every attack.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="Image source.")] = None,
    size: options.Size = None,
    victims: options.VictimsOrFile = None,
    adversary: options.AdversaryOrFile = None,
    jobs: options.Jobs = 1,
    executor: options.ExecutorOption = None,
    isolate: options.Isolate = None,
    time_limit: options.TimeLimit = None,
    memory_limit: options.MemoryLimit = None,
    retry_failed: options.RetryFailed = False,
    device: options.Device = "auto",
    out: options.Out = Path("runs"),
    save_images: options.SaveImages = "64",
    force: options.Force = False,
    as_json: options.AsJson = False,
    download: options.Download = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run every attack on every target; if stopped, the same command goes on."""
    del verbose
    from dataclasses import replace

    from ppattack.isolation.proxy import isolated_by_default
    from ppattack.request import RunRequest
    from ppattack.sweeps.matrix import read_matrix, requests
    from ppattack.sweeps.sweep import run_sweep
    from ppattack_cli.watch import fail_if_any_failed, print_sweep, watcher

    given: dict[str, Any] = {
        "attacks": attack,
        "targets": target,
        "key_scopes": key_scope,
        "seeds": seed,
        "preset": preset,
        "data": data,
        "size": size,
        "victims": victims,
        "adversary": adversary,
    }
    if matrix is None and not (attack and target):
        matrix = "quick"
    base = RunRequest(
        attack="",
        target="",
        device=device,
        out=out,
        force=force,
        save_images=options.save_images(save_images),
        download=download,
        time_limit=time_limit,
        memory_limit=memory_limit,
    )
    wanted = read_matrix(matrix, {k: v for k, v in given.items() if v not in (None, [])})
    cells = [
        replace(each, isolate=isolated_by_default(each.attack) if isolate is None else isolate)
        for each in requests(wanted, base)
    ]
    place = options.executor(executor, jobs, device)
    with watcher(quiet=quiet) as watch:
        sweep, record = run_sweep(cells, place, watch, retry_failed=retry_failed)
    if as_json:
        typer.echo(sweep.model_dump_json(indent=2))
    else:
        print_sweep(sweep, record)
    fail_if_any_failed(sweep, record)
