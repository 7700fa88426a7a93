"""One attack at several values of one setting, and how much it recovers at each.

Every point is an ordinary run in its own folder, so that a finished one is reused and an
interrupted curve continues where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.attack import Progress, SilentProgress
from ppattack.context import Workers
from ppattack.errors import ConfigError
from ppattack.files import write_text
from ppattack.reports.curve import Curve, CurvePoint
from ppattack.reports.run import Report
from ppattack.request import RunRequest, check
from ppattack.runs.run import Finished, run

if TYPE_CHECKING:
    from ppattack.reports.scores import MetricScores

PARTS = ("attack", "target")
JPEG = "jpeg"
"""The setting that sends ciphertexts through JPEG; its value ``none`` leaves them as they are."""


def run_curve(
    request: RunRequest,
    setting: str,
    values: Sequence[str],
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> tuple[Curve, Path]:
    """Run the request once for each value and write ``curve.json``, ``curve.csv``, ``curve.png``.

    Args:
        request: what to run, except for the setting.
        setting: ``attack.NAME``, ``target.NAME``, or ``jpeg``, over the request's own.
        values: at least one, all different. For ``jpeg``: as in a request, or ``none``.
        progress: where progress is shown; None shows nothing.
        workers: for every run.

    Returns:
        the curve and its folder, ``<out>/<attack>-<target>-curve-<id>``.

    Raises:
        ConfigError: for a setting of another form, or values that are missing or repeated.
        PpattackError: if anything in a run is wrong; the runs before it stay.
    """
    from ppattack.render.curve import draw_curve

    part, _, name = setting.partition(".")
    if setting != JPEG and (part not in PARTS or not name):
        raise ConfigError(
            f"a curve needs a setting attack.NAME or target.NAME, or jpeg, not '{setting}'."
        )
    if not values or len(set(values)) < len(values):
        raise ConfigError(f"the curve over {setting} needs values, and each of them once.")
    progress = progress or SilentProgress()
    requests = [_with(request, setting, value) for value in values]
    for each in requests:
        check(each)
    done = []
    for value, each in zip(values, requests, strict=True):
        progress.log(f"{setting} = {value}")
        done.append(run(each, progress, workers))
    report = done[0].report
    points = tuple(_point(*pair) for pair in zip(values, done, strict=True))
    curve = Curve(report.attack.name, report.target.name, setting, report.data.name, points)
    identity = hashlib.sha256("".join(each.report.id for each in done).encode()).hexdigest()[:12]
    folder = request.out / f"{curve.attack}-{curve.target}-curve-{identity}"
    draw_curve(folder / "curve.png", curve)
    write_text(folder / "curve.csv", curve.to_csv())
    write_text(folder / "curve.json", curve.to_json())
    return curve, folder


def _with(request: RunRequest, setting: str, value: str) -> RunRequest:
    if setting == JPEG:
        return replace(request, jpeg=None if value == "none" else value)
    part, _, name = setting.partition(".")
    if part == "attack":
        return replace(request, attack_settings={**request.attack_settings, name: value})
    return replace(request, target_settings={**request.target_settings, name: value})


def _point(value: str, done: Finished[Report]) -> CurvePoint:
    scores = done.report.scores
    ssim: MetricScores | None = scores.ssim
    low, high = ssim.reconstruction.ci95 if ssim else (None, None)
    best = done.report.best_state_ssim
    return CurvePoint(
        value=value,
        ssim=ssim.reconstruction.mean if ssim else None,
        ssim_low=low,
        ssim_high=high,
        baseline=ssim.baseline.mean if ssim and ssim.baseline else None,
        key=scores.key.reconstruction.mean if scores.key else None,
        verdict=done.report.verdict,
        seconds=done.report.timing["attack"],
        run=done.folder.name,
        best_state=best.mean if best else None,
    )
