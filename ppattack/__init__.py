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
    from ppattack.card import Reference
    from ppattack.config import Doc
    from ppattack.errors import PpattackError
    from ppattack.experiment import Finished, RunRequest, run
    from ppattack.permxor import PermXor
    from ppattack.report import Report, read_report
    from ppattack.target import Key, PermXorTarget, Target, TargetCard
    from ppattack.threat import Observation, ThreatModel

__version__ = "0.1.0"

_PLACES = {
    "Attack": "attack",
    "AttackCard": "attack",
    "Context": "attack",
    "ControlTarget": "attack",
    "Doc": "config",
    "Finished": "experiment",
    "Key": "target",
    "Observation": "threat",
    "PermXor": "permxor",
    "PermXorTarget": "target",
    "PpattackError": "errors",
    "Recovery": "attack",
    "Reference": "card",
    "Report": "report",
    "RunRequest": "experiment",
    "Target": "target",
    "TargetCard": "target",
    "ThreatModel": "threat",
    "read_report": "report",
    "run": "experiment",
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
