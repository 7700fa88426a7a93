"""Settings and budgets that trained attacks share."""

from __future__ import annotations

import math
from typing import Annotated

from ppattack.config import Doc, Interval

PublicImages = Annotated[int, Interval(ge=8), Doc("public images to train on, at most")]
Patience = Annotated[
    int | None,
    Interval(ge=1, le=10_000),
    Doc("epochs without nearer moments after which training stops; none: all epochs"),
]
PictureEvery = Annotated[
    int | None, Interval(ge=1), Doc("steps between pictures in training/; none: no picture")
]

CONTROL_SHARE = 0.2
CONTROL_EPOCHS_AT_LEAST = 3


def control_epochs(epochs: int) -> int:
    """Epochs of a control: a fifth of the attack's, but three at least if it has as many."""
    return max(math.ceil(epochs * CONTROL_SHARE), min(epochs, CONTROL_EPOCHS_AT_LEAST))
