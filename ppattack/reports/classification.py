"""The result of a classification: its schema, and JSON in and out.

Other tools read ``classification.json``; a change that breaks them raises ``SCHEMA_VERSION``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ppattack.reports.parts import Part, VersionedReport, read_versioned
from ppattack.reports.run import TargetPart
from ppattack.threat import KeyScope

SCHEMA_VERSION = "1.0"
FILE = "classification.json"


class ModelPart(Part):
    """The classifier.

    ``adaptation`` is the network that the scheme's authors put before it (``none``, ``le`` or
    ``ele``); ``parameters`` counts the trainable numbers of both.
    """

    name: str
    config: dict[str, Any]
    adaptation: str
    parameters: int


class ImagesPart(Part):
    """The images: ``shape`` is ``(C, H, W)`` of the plain ones; ``hash`` covers the pixels."""

    name: str
    hash: str
    shape: tuple[int, int, int]
    train: int
    test: int
    classes: list[str]
    notes: list[str]


class Accuracy(Part):
    """Shares of the test images that were classified correctly, 0 to 1.

    ``last`` belongs to the weights of the last epoch and has a Wilson interval. ``best`` belongs to
    the epoch that is best on the test images, as papers report it: it is too high, since the test
    images chose it. ``chance`` is the share of the commonest class, ``by_class`` the share of each
    class with the last weights.
    """

    last: float
    wilson95: tuple[float, float]
    best: float
    best_epoch: int
    chance: float
    by_class: dict[str, float]


class ClassificationReport(VersionedReport):
    """One classifier, trained and tested on images under one key, or on plain ones.

    With the key scope ``image`` every image is encrypted under a fresh key each time it is seen.
    ``curve`` holds the mean training loss and the test accuracy of every epoch; ``ended`` says why
    training stopped.
    """

    schema_version: str = SCHEMA_VERSION
    id: str
    target: TargetPart
    key_scope: KeyScope
    model: ModelPart
    data: ImagesPart
    training: dict[str, Any]
    accuracy: Accuracy
    curve: dict[str, list[float]]
    ended: str
    timing: dict[str, float]
    provenance: dict[str, Any]


def read_classification(path: Path) -> ClassificationReport:
    """Read ``classification.json``, or the run folder that holds it.

    Raises:
        ReportError: if it is missing, damaged or of another schema version.
    """
    return read_versioned(path, FILE, ClassificationReport, "a report of a classification")
