"""Settings that the adversarial attacks share."""

from __future__ import annotations

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
