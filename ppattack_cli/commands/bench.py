"""``ppattack bench``: attacks × targets × key scopes × seeds."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ppattack.errors import ConfigError
from ppattack.request import RunRequest
from ppattack_cli import options
from ppattack_cli.option_table import from_table
from ppattack_cli.streams import print_json


@from_table(
    RunRequest,
    after={
        "matrix": ("attack", "target", "key_scope", "seed", "preset", "data", "size", "victims"),
        "victims": ("adversary", "jobs", "executor", "isolate", "time_limit", "memory_limit"),
        "memory_limit": ("retry_failed", "device", "out", "save_images", "force", "as_json"),
        "as_json": ("download",),
    },
    leave_out=(
        "overlap",
        "ciphertexts",
        "truth",
        "candidates",
        "jpeg",
        "lpips_net",
        "lpips_weights",
        "entropy_from",
    ),
)
def bench(
    base: RunRequest,
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
    size: int | None = None,
    victims: int | None = None,
    adversary: int | None = None,
    jobs: options.Jobs = 1,
    executor: options.ExecutorOption = None,
    isolate: options.Isolate = None,
    retry_failed: options.RetryFailed = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run every attack on every target; if stopped, the same command goes on."""
    from dataclasses import replace

    from ppattack.isolation.proxy import isolated_by_default
    from ppattack.sweeps.matrix import read_matrix, requests
    from ppattack.sweeps.sweep import run_sweep
    from ppattack_cli.watch import fail_if_any_failed, print_sweep, watcher

    if base.oracle is not None and target:
        raise ConfigError("--oracle stands in place of --target: leave one of them out.")
    target = target or ([base.target] if base.oracle is not None else None)
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
    wanted = read_matrix(matrix, {k: v for k, v in given.items() if v not in (None, [])})
    cells = [
        replace(each, isolate=isolated_by_default(each.attack) if isolate is None else isolate)
        for each in requests(wanted, base)
    ]
    place = options.executor(executor, jobs, base.device)
    with watcher(quiet=quiet) as watch:
        sweep, record = run_sweep(cells, place, watch, retry_failed=retry_failed)
    if as_json:
        print_json(sweep.model_dump_json(indent=2))
    else:
        print_sweep(sweep, record)
    fail_if_any_failed(sweep, record)
