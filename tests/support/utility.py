"""Reports of classifications and compressions made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ppattack.files import write_text
from ppattack.reports.classification import Accuracy, ClassificationReport, ImagesPart, ModelPart
from ppattack.reports.compression import CodecRow, CompressionData, CompressionReport
from ppattack.reports.run import TargetPart
from ppattack.threat import KeyScope


def classification(
    target: str = "etc",
    last: float = 0.9,
    *,
    model: str = "convmixer-256/8",
    data: str = "digits",
    edge: int = 32,
    adaptation: str = "none",
    config: dict[str, Any] | None = None,
    epochs: int = 10,
    key_scope: KeyScope = "dataset",
    provenance: dict[str, Any] | None = None,
) -> ClassificationReport:
    """A classification with this accuracy after its last epoch; its best epoch is near 1."""
    return ClassificationReport(
        id="0123456789ab",
        target=TargetPart(name=target, config=config or {}, key_space_bits=None),
        key_scope=key_scope,
        model=ModelPart(name=model, config={}, adaptation=adaptation, parameters=10),
        data=ImagesPart(
            name=data, hash=f"{data}{edge}", shape=(3, edge, edge), train=100, test=50,
            classes=["a", "b"], notes=[],
        ),
        training={"epochs": epochs},
        accuracy=Accuracy(
            last=last, wilson95=(last, last), best=0.999, best_epoch=1, chance=0.5, by_class={}
        ),
        curve={},
        ended="all epochs",
        timing={},
        provenance=provenance or {},
    )  # fmt: skip


def compression(
    target: str = "etc",
    *rows: tuple[str, float | None],
    data: str = "photos",
    edge: int = 64,
    config: dict[str, Any] | None = None,
    key_scope: KeyScope = "dataset",
) -> CompressionReport:
    """A compression with these ratios by codec; None is a codec that is not installed."""
    return CompressionReport(
        id="0123456789ab",
        target=TargetPart(name=target, config=config or {}, key_space_bits=None),
        data=CompressionData(name=data, hash="ab", shape=(3, edge, edge), images=9, notes=[]),
        key_scope=key_scope,
        ciphertext_shape=(3, edge, edge),
        codecs=[
            CodecRow(
                codec=codec,
                lossless=not codec.startswith("jpeg-8"),
                ratio=ratio,
                absent=None if ratio else "not installed",
            )
            for codec, ratio in rows
        ],
        provenance={},
    )


def keep(folder: Path, *reports: ClassificationReport | CompressionReport) -> None:
    """Write each into a run folder of its own."""
    for place, report in enumerate(reports):
        kind = "classification" if isinstance(report, ClassificationReport) else "compression"
        write_text(folder / f"{kind}-{place}" / f"{kind}.json", report.to_json())
