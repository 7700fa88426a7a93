"""``ppattack classify``: what a classifier can still learn from encrypted images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppattack_cli import options
from ppattack_cli.streams import print_json

if TYPE_CHECKING:
    from ppattack.reports.classification import ClassificationReport


def classify(
    target: Annotated[
        list[str],
        typer.Option("--target", help="Name, or path/to/file.py:Class. May be repeated."),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="convmixer-256/8, vit-b/16, resnet-18, shakedrop, … [default: the preset's]",
        ),
    ] = None,
    data: Annotated[
        str, typer.Option("--data", help="Images with classes: digits, cifar10, folder:DIR, …")
    ] = "digits",
    size: Annotated[
        int | None,
        typer.Option("--size", help="Edge of the images, pixels. [default: the source's own]"),
    ] = None,
    window: options.Window = None,
    test: Annotated[
        int | None,
        typer.Option("-n", "--test", help="Images to test on. [default: the preset's]"),
    ] = None,
    train: Annotated[
        int | None, typer.Option("--train", help="Images to train on. [default: the preset's]")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain/--no-plain", help="Also train on plain images.")
    ] = True,
    key_scope: options.KeyScopeOption = None,
    preset: options.Preset = "standard",
    set_: options.Settings = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    out: options.Out = Path("runs"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the reports as a JSON list to stdout.")
    ] = False,
    force: options.Force = False,
    download: options.Download = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Train and test a classifier on images under one key, and on the same images in plain."""
    from ppattack.classification.comparison import compare, draw_comparison
    from ppattack.classification.request import ClassifyRequest
    from ppattack_cli.console import make_progress

    parts = options.settings(set_, ("target", "model", "training", *target))
    request = ClassifyRequest(
        target="plain",
        model=model,
        data=data,
        size=size,
        window=window,
        test=test,
        train=train,
        key_scope=options.key_scope(key_scope),
        preset=preset,
        model_settings=parts["model"],
        training_settings=parts["training"],
        seed=seed,
        device=device,
        out=out,
        force=force,
        download=download,
    )
    schemes = {name: {**parts["target"], **parts[name]} for name in target}
    found = compare(request, schemes, make_progress(quiet=quiet), plain=plain)
    figure = draw_comparison(found)
    if as_json:
        reports = ",\n".join(each.report.to_json().rstrip() for each in found)
        print_json(f"[\n{reports}\n]")
        return
    _print([each.report for each in found])
    for each in found:
        typer.echo(f"{'found' if each.reused else 'written'}: {each.folder}")
    if figure is not None:
        typer.echo(f"patch embeddings: {figure}")


def _print(reports: list[ClassificationReport]) -> None:
    from rich.markup import escape

    from ppattack_cli.tables import console, table

    plain = next((each for each in reports if each.target.name == "plain"), None)
    made = table("target", "model", "parameters", "accuracy", "95 %", "best epoch", "to plain")
    for report in reports:
        accuracy = report.accuracy
        low, high = accuracy.wilson95
        adaptation = report.model.adaptation
        made.add_row(
            escape(report.target.name),
            report.model.name + ("" if adaptation == "none" else f" + {adaptation}"),
            f"{report.model.parameters:,}",
            f"{accuracy.last:.3f}",
            f"{low:.3f} .. {high:.3f}",
            f"{accuracy.best:.3f} ({accuracy.best_epoch})",
            "" if plain in (None, report) else f"{accuracy.last - plain.accuracy.last:+.3f}",
        )
    screen = console()
    screen.print(made)
    data, chance = reports[0].data, reports[0].accuracy.chance
    screen.print(
        f"{data.name}: {data.train} images to train on, {data.test} to test on; the commonest "
        f"class alone: {chance:.3f}. Best epoch: chosen by the test images, as papers do.",
        markup=False,
    )
