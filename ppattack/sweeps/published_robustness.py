"""The published robustness evaluation of four schemes, repeated and corrected.

``published``: FR, GAN and ITN as they were evaluated, on the published code's variants of the
schemes, with the defects of the attacks and with the adversary of the GAN holding the victims'
images. ``corrected``: the schemes as their papers describe them, the attacks without those
defects, disjoint images, and for comparison what an attack from the ciphertexts' statistics
recovers. Every cell is an ordinary run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ppattack.errors import ConfigError, ReportError
from ppattack.files import mark_results, write_text
from ppattack.reports.command import command
from ppattack.reports.found import read_image_scores
from ppattack.reports.robustness import BOXES, EXAMPLE, TARGETS, Protocol, RobustnessTable, Row
from ppattack.reports.run import read_report
from ppattack.reports.sweep import Outcome
from ppattack.request import RunRequest, check
from ppattack.runs.inputs import check_images
from ppattack.sweeps.executors import Executor
from ppattack.sweeps.sweep import Watcher, run_sweep

BLOCK = 4
"""Edge of a block, pixels, as in the published evaluation."""
PAIRS = 10
"""Known pairs of the corrected evaluation's network under the victims' key."""
WHISKERS = 1.5


@dataclass(frozen=True)
class Variant:
    """One attack of a protocol.

    Args:
        name: in the table.
        attack: registered name.
        settings: of the attack.
        overlap: whether the adversary holds the victims' images.
        epochs: whether the number of epochs that was asked for applies to it.
    """

    name: str
    attack: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    overlap: bool = False
    epochs: bool = False


VARIANTS: Mapping[Protocol, tuple[Variant, ...]] = {
    "published": (
        Variant("fr", "fr"),
        Variant("gan", "gan", {"variant": "paper"}, overlap=True, epochs=True),
        Variant("itn", "itn", {"variant": "published-evaluation"}),
    ),
    "corrected": (
        Variant("fr", "fold"),
        Variant("gan", "gan", {"variant": "fixed"}, epochs=True),
        Variant("gan global", "gan", {"variant": "global"}, epochs=True),
        Variant("itn", "itn", {"variant": "fixed"}),
        Variant(f"itn, {PAIRS} pairs", "itn", {"variant": "fixed", "pairs": PAIRS}),
        Variant("covariance", "covariance-matching"),
    ),
}


def requests(
    base: RunRequest, protocols: Sequence[Protocol], gan_epochs: int | None
) -> list[tuple[Protocol, Variant, RunRequest]]:
    """Every run of the table.

    Args:
        base: data, numbers of images, preset, seed, device and output folder.
        protocols: those wanted.
        gan_epochs: epochs of the GAN attacks; None keeps the preset's.
    """
    made: list[tuple[Protocol, Variant, RunRequest]] = []
    for protocol in protocols:
        for variant in VARIANTS[protocol]:
            settings = dict(variant.settings)
            if variant.epochs and gan_epochs is not None:
                settings["epochs"] = gan_epochs
            for target in TARGETS:
                request = replace(
                    base,
                    attack=variant.attack,
                    target=target,
                    target_settings=_target_settings(target, protocol),
                    attack_settings=settings,
                    overlap=variant.overlap,
                )
                made.append((protocol, variant, request))
    return made


def reproduce(
    base: RunRequest,
    protocols: Sequence[Protocol],
    gan_epochs: int | None,
    executor: Executor,
    watcher: Watcher,
    *,
    retry_failed: bool = False,
) -> tuple[RobustnessTable, Path]:
    """Run the evaluation, or the part of it that is left.

    Returns:
        the table, and the folder with ``isotropic-robustness.json``, ``.md`` and ``.png``.

    Raises:
        ConfigError: if no protocol is named, or the adversary has no images to learn from.
        PpattackError: for images that no run could use; nothing is written then.
    """
    from ppattack.render.robustness import draw, markdown

    if not protocols:
        raise ConfigError("no protocol: use published, corrected or both.")
    if base.adversary < 2:
        raise ConfigError(
            f"--adversary {base.adversary} is not valid: GAN and ITN learn from 2 or more images."
        )
    cells = requests(base, protocols, gan_epochs)
    check(base)
    if "corrected" in protocols:
        check_images(base, PAIRS)
    new = not base.out.exists()
    sweep, _ = run_sweep(
        [request for _, _, request in cells], executor, watcher, retry_failed=retry_failed
    )
    rows = tuple(
        _row(protocol, variant, request, cell.outcome or Outcome(state="failed"))
        for (protocol, variant, request), cell in zip(cells, sweep.cells, strict=True)
    )
    table = _table(rows, base)
    out = base.out
    mark_results(out, ours=new)
    name = "isotropic-robustness"
    write_text(out / f"{name}.json", json.dumps(asdict(table), indent=2) + "\n")
    write_text(out / f"{name}.md", markdown(table))
    draw(out / f"{name}.png", table)
    return table, out


def _target_settings(target: str, protocol: Protocol) -> dict[str, Any]:
    settings: dict[str, Any] = {} if target == "pe" else {"block_size": BLOCK}
    if protocol == "published":
        settings |= {"variant": "ito", "legacy_seed": 0}
    return settings


def _row(protocol: Protocol, variant: Variant, request: RunRequest, outcome: Outcome) -> Row:
    published = BOXES.get((variant.name, request.target))
    example = EXAMPLE.get(variant.name, {}).get(request.target)
    row = Row(
        protocol=protocol,
        attack=variant.name,
        target=request.target,
        absolute=None,
        mean=None,
        gain=None,
        verdict=outcome.verdict or outcome.state,
        collapsed=False,
        example=None,
        published=asdict(published) if published else None,
        published_example=example,
        run=outcome.run,
        command=command(asdict(request)),
    )
    if outcome.run is None:
        return row
    folder = request.out / outcome.run
    report, scores = read_report(folder), read_image_scores(folder)
    threads = report.provenance.get("threads")
    again = command({**asdict(request), "threads": threads})
    row = replace(row, threads=threads, command=again)
    if scores is None or report.scores.ssim is None:
        return row
    values = np.abs(np.array(scores.columns["ssim.reconstruction"]))
    seen = scores.columns.get("ssim.ciphertext", (float("nan"),))[0]
    gain = report.scores.ssim.gain
    return replace(
        row,
        absolute=box(values),
        mean=report.scores.ssim.reconstruction.mean,
        gain=gain.mean if gain else None,
        collapsed=report.collapse is not None,
        example=(float(values[0]), abs(seen)),
    )


def box(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    """Quartiles of values, the end of the upper whisker and the largest, as in the publication."""
    q1, median, q3 = (float(value) for value in np.quantile(values, [0.25, 0.5, 0.75]))
    whisker = float(values[values <= q3 + WHISKERS * (q3 - q1)].max())
    highest = float(values.max())
    return {"q1": q1, "median": median, "q3": q3, "whisker": whisker, "highest": highest}


def _table(rows: tuple[Row, ...], base: RunRequest) -> RobustnessTable:
    """The rows, with what the runs say about their images."""
    done = [base.out / row.run for row in rows if row.run is not None]
    if not done:
        raise ReportError("no run of the evaluation has a result: see the reasons above.")
    report = read_report(done[0])
    baselines = {
        name: value
        for name, value in report.controls.baselines.items()
        if name in {"const128", "black", "mean", "random-public"}
    }
    return RobustnessTable(report.data.name, report.data.victims, baselines, rows)
