"""``curve.json``: one attack at several values of one setting."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from ppattack.reports.text import csv_text


@dataclass(frozen=True)
class CurvePoint:
    """One run of the curve.

    Args:
        value: of the setting, as it was given.
        ssim: mean over the images, with its 95 % interval, or None if nothing was scored.
        ssim_low: lower end of that interval.
        ssim_high: upper end.
        baseline: mean SSIM of the best blind baseline.
        key: fraction of the key that was recovered, or None if the attack recovers none.
        verdict: of the run.
        seconds: how long the attack took.
        run: name of the run's folder.
        best_state: mean SSIM under the best global state of each image, if the attack leaves
            that state open (``best_state_ssim`` in the report); else None.
    """

    value: str
    ssim: float | None
    ssim_low: float | None
    ssim_high: float | None
    baseline: float | None
    key: float | None
    verdict: str
    seconds: float
    run: str
    best_state: float | None = None


@dataclass(frozen=True)
class Curve:
    """A finished curve.

    Args:
        attack: its registered name.
        target: its registered name.
        setting: the setting that changes, ``attack.pairs`` or ``jpeg`` for instance.
        data: name of the images.
        points: in the order in which the values were given.
    """

    attack: str
    target: str
    setting: str
    data: str
    points: tuple[CurvePoint, ...]

    def to_json(self) -> str:
        """The curve as indented JSON text."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def to_csv(self) -> str:
        """The points as CSV text; what was not scored is empty."""
        names = [field.name for field in fields(CurvePoint)]
        rows = ([getattr(point, name) for name in names] for point in self.points)
        return csv_text([names, *rows])
