"""The result of a classification: its schema, and JSON in and out.

Other tools read ``classification.json``; a change that breaks them raises ``SCHEMA_VERSION``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ppattack.errors import ReportError
from ppattack.report import TargetPart
from ppattack.threat import KeyScope

SCHEMA_VERSION = "1.0"
FILE = "classification.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelPart(_Part):
    """The classifier.

    ``adaptation`` is the network that the scheme's authors put before it (``none``, ``le`` or
    ``ele``); ``parameters`` counts the trainable numbers of both.
    """

    name: str
    config: dict[str, Any]
    adaptation: str
    parameters: int


class ImagesPart(_Part):
    """The images: ``shape`` is ``(C, H, W)`` of the plain ones; ``hash`` covers the pixels."""

    name: str
    hash: str
    shape: tuple[int, int, int]
    train: int
    test: int
    classes: list[str]
    notes: list[str]


class Accuracy(_Part):
    """Shares of the test images that were named rightly, 0 to 1.

    ``last`` is that of the weights of the last epoch, with its Wilson interval, and ``best`` that
    of the epoch which is best on the test images, as papers report it: it is too high, since the
    test images chose it. ``chance`` is the share of the commonest class, ``by_class`` that of
    each class with the last weights.
    """

    last: float
    wilson95: tuple[float, float]
    best: float
    best_epoch: int
    chance: float
    by_class: dict[str, float]


class ClassificationReport(_Part):
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

    def to_json(self) -> str:
        """The report as indented JSON text."""
        return self.model_dump_json(indent=2) + "\n"


def read_classification(path: Path) -> ClassificationReport:
    """Read ``classification.json``, or the run folder that holds it.

    Raises:
        ReportError: where it is missing, damaged or of another schema version.
    """
    if path.is_dir():
        path = path / FILE
    try:
        report = ClassificationReport.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"cannot read the report {path}: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        raise ReportError(
            f"{path} is not a report of a classification: {place}: {first['msg']}."
        ) from None
    if report.schema_version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise ReportError(
            f"{path} has schema version {report.schema_version}; this ppattack reads "
            f"{SCHEMA_VERSION}."
        )
    return report
