"""Attacks on perceptual image encryption under enforced threat models, with honest verdicts.

The public API, loaded on first use::

    import ppattack

    finished = ppattack.run(ppattack.RunRequest(attack="fr", target="pe", preset="smoke"))
    print(finished.report.verdict, finished.report.scores.ssim)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Recovery
    from ppattack.card import Reference, TargetCard
    from ppattack.config import Doc
    from ppattack.errors import PpattackError
    from ppattack.permxor import PermXor
    from ppattack.reports.run import Report, read_report
    from ppattack.request import RunRequest
    from ppattack.runs.run import Finished, run
    from ppattack.target.base import Target
    from ppattack.target.key import Key
    from ppattack.target.pixel import PermXorTarget
    from ppattack.threat import Observation, ThreatModel

__version__ = "0.1.0"

_PLACES = {
    "Attack": "attack",
    "AttackCard": "attack",
    "Context": "attack",
    "ControlTarget": "attack",
    "Doc": "config",
    "Finished": "runs.run",
    "Key": "target",
    "Observation": "threat",
    "PermXor": "permxor",
    "PermXorTarget": "target",
    "PpattackError": "errors",
    "Recovery": "attack",
    "Reference": "card",
    "Report": "reports.run",
    "RunRequest": "request",
    "Target": "target",
    "TargetCard": "target",
    "ThreatModel": "threat",
    "read_report": "reports.run",
    "run": "runs.run",
}

__all__ = [
    "Attack",
    "AttackCard",
    "Context",
    "ControlTarget",
    "Doc",
    "Finished",
    "Key",
    "Observation",
    "PermXor",
    "PermXorTarget",
    "PpattackError",
    "Recovery",
    "Reference",
    "Report",
    "RunRequest",
    "Target",
    "TargetCard",
    "ThreatModel",
    "read_report",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f"ppattack.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'ppattack' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
