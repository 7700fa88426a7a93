"""What a classification is asked for, and the images that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ppattack.classification.settings import COUNTS
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.data.windows import Window
from ppattack.errors import ConfigError, DataError
from ppattack.request import as_paths, check_common
from ppattack.runs.identity import image_facts
from ppattack.runs.loaded import source_for
from ppattack.threat import KeyScope

DIGITS = "digits"
DIGIT_COUNTS = (397, 1400)
"""Test and training images of the source that needs no download."""


@dataclass(frozen=True)
class ClassifyRequest:
    """What to train and test.

    Args:
        target: registered name or ``path/to/file.py:Class``; ``plain`` for no encryption.
        model: name of the classifier; None for the preset's.
        data: image source with classes, ``name`` or ``name:argument``.
        size: edge of the images in pixels; None for the source's own.
        window: ``CENTRE,WIDTH`` or ``full``: which levels of images of more than 8 bits become
            black and white; None for what their files say.
        test: images to test on, the victims' of the source; None for the preset's number.
        train: images to train on, the adversary's of the source; None for the preset's number.
        key_scope: ``dataset``, ``image`` or None for the target's default.
        preset: ``smoke``, ``standard`` or ``paper``.
        target_settings: over the target's defaults.
        model_settings: over the model's defaults.
        training_settings: over the preset.
        seed: one number for everything random.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, …
        out: folder of run folders.
        force: train again even if a finished run is there.
        download: whether data or weights may be fetched.
    """

    target: str
    model: str | None = None
    data: str = DIGITS
    size: int | None = None
    window: str | None = None
    test: int | None = None
    train: int | None = None
    key_scope: KeyScope | None = None
    preset: str = "standard"
    target_settings: Mapping[str, Any] = field(default_factory=dict)
    model_settings: Mapping[str, Any] = field(default_factory=dict)
    training_settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"
    out: Path = Path("runs")
    force: bool = False
    download: bool = False

    def __post_init__(self) -> None:
        as_paths(self, "out")


def check(request: ClassifyRequest) -> None:
    """Refuse what is wrong whatever the plug-ins are.

    Raises:
        ConfigError: for a number out of range.
        DataError: if the output folder is a file.
    """
    for name, value in (("-n", request.test), ("--train", request.train)):
        if value is not None and value < 2:
            raise ConfigError(f"{name} {value} is not valid: it must be at least 2.")
    check_common(request.preset, request.size, request.out)


class LabelledImages:
    """The images of a request, loaded once they are needed.

    Args:
        request: what to train and test.

    Raises:
        ConfigError: for a number out of range.
        DataError: if the output folder is a file.
    """

    def __init__(self, request: ClassifyRequest) -> None:
        check(request)
        test, train = DIGIT_COUNTS if request.data == DIGITS else COUNTS[request.preset]
        self.wanted = ImageRequest(
            victims=test if request.test is None else request.test,
            adversary=train if request.train is None else request.train,
            size=request.size,
            seed=request.seed,
            download=request.download,
            window=Window.given(request.window),
        )
        self._source = source_for(request.data, self.wanted)

    @cached_property
    def sets(self) -> ImageSets:
        """Images with classes.

        Raises:
            DataError: if there are none, or a class is tested that none was trained on.
        """
        sets = self._source.load(self.wanted)
        _check_classes(sets)
        return sets

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What decides which images these are."""
        return {
            "source": image_facts(self._source, lambda: self.sets, labels=True),
            "wanted": [self.wanted.victims, self.wanted.adversary, self.wanted.size],
            **({} if self.wanted.window is None else {"window": str(self.wanted.window)}),
        }


def _check_classes(sets: ImageSets) -> None:
    if sets.victim_labels is None or sets.adversary_labels is None:
        raise DataError(
            f"{sets.name} has no class for every image: use digits, cifar10, folder:DIR with a "
            "folder for each class, or npz:FILE with labels."
        )
    if len(sets.adversary) < 2:
        raise DataError(f"{sets.name} has {len(sets.adversary)} images to train on, too few.")
    untrained = set(sets.victim_labels.tolist()) - set(sets.adversary_labels.tolist())
    if untrained:
        raise DataError(
            f"{sets.name}: none of the {len(sets.adversary)} training images shows "
            f"'{sets.classes[min(untrained)]}', which is tested: use more with --train."
        )
    if len(sets.classes) < 2:
        raise DataError(f"{sets.name} has only one class: there is nothing to tell apart.")
