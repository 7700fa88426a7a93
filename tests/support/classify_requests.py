"""Classifiers that are trained in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ppattack.classification.request import ClassifyRequest

SMALL: dict[str, Any] = {
    "model": "convmixer-16/2",
    "model_settings": {"patch_size": 4, "kernel_size": 3},
    "size": 16,
    "test": 300,
    "train": 1200,
}
STILL: dict[str, Any] = {"epochs": 4, "batch_size": 32, "crop": "none", "flip": False}
ONE: dict[str, Any] = {**STILL, "epochs": 1}


def request(out: Path, target: str = "plain", **changes: Any) -> ClassifyRequest:
    settings: dict[str, Any] = {**SMALL, "training_settings": STILL, **changes}
    return ClassifyRequest(target=target, out=out, **settings)
