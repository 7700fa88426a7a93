"""What the calls for notebooks return: results that show themselves."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ppattack.errors import DataError, MissingPackage
from ppattack.files import write_text
from ppattack.plugins.registry import NO_ATTACK
from ppattack.reports.audit import Audit
from ppattack.reports.found import SavedRun, read_image_scores
from ppattack.reports.identification import Identification
from ppattack.reports.leaks import LeakName, verdict_words
from ppattack.reports.probe import ProbeReport
from ppattack.reports.run import Report, VerdictName
from ppattack.runs.store import Finished

if TYPE_CHECKING:
    import pandas

FORMS = (".html", ".json")
"""What a result is saved as; a name without a suffix is a folder."""


@dataclass(frozen=True, repr=False)
class RunResult(Finished[Report]):
    """What one attack gave back. A notebook shows it as samples, a leak bar and a table.

    Args:
        report: all numbers.
        folder: pictures, scores and report; temporary unless ``out`` named a place.
        reused: whether it was there already.
        rows: place among the images that were given of each image that was attacked; None if the
            images came from a source.
        probe: what the cipher turned out to be, if it was probed.
        kept: keeps a temporary folder.
    """

    rows: tuple[int, ...] | None = None
    probe: ProbeReport | None = None
    kept: Any = field(default=None, compare=False)

    @property
    def verdict(self) -> VerdictName:
        """``BROKEN``, ``RESISTED``, ``INCONCLUSIVE`` or ``NOTHING APPLIED``."""
        return self.report.verdict

    @property
    def reason(self) -> str:
        """Why the verdict is what it is."""
        if self.probe is not None and self.report.attack.name == NO_ATTACK:
            return f"no attack follows from the probes: {self.probe.words}"
        return self.report.reason

    @property
    def leak(self) -> LeakName | None:
        """The strongest level that was shown."""
        return self.report.leak

    def __repr__(self) -> str:
        said = verdict_words(self.verdict, self.leak, self.report.attack.name)
        return f"<ppattack {self.report.attack.name}: {said}. {self.reason}>"

    def _repr_html_(self) -> str:
        from ppattack.render.notebook import run_html

        return run_html(SavedRun(self.folder, self.report), self.reason, self.probe)

    def to_frame(self) -> pandas.DataFrame:
        """One row per image that was attacked, one column per score.

        The index is the place among the images that were given, or the name of the image.

        Raises:
            MissingPackage: if pandas is not installed.
        """
        scores = read_image_scores(self.folder)
        columns: Mapping[str, Sequence[float]] = {} if scores is None else scores.columns
        index: Sequence[Any] = () if scores is None else scores.names
        if self.rows is not None and scores is not None:
            index = self.rows
        return _frame({"image": list(index), **columns}).set_index("image")

    def save(self, path: str | Path) -> Path:
        """Write the page (``.html``), the report (``.json``) or a copy of the folder.

        Raises:
            DataError: for another suffix, or a place that cannot be written.
        """
        from ppattack.render.html import report_html

        return _save(
            Path(path),
            self.folder,
            {
                ".html": lambda: report_html([SavedRun(self.folder, self.report)]),
                ".json": self.report.to_json,
            },
        )


@dataclass(frozen=True, repr=False)
class AuditResult(Finished[Audit]):
    """The verdict over all attacks. A notebook shows it as samples, a leak bar and a table.

    Args:
        report: the verdict and one row per attack.
        folder: of the audit; runs lie beside it. Temporary unless ``out`` named a place.
        reused: whether it was there already.
        kept: keeps a temporary folder.
    """

    kept: Any = field(default=None, compare=False)

    @property
    def verdict(self) -> VerdictName:
        """``BROKEN``, ``RESISTED``, ``INCONCLUSIVE`` or ``NOTHING APPLIED``."""
        return self.report.verdict

    @property
    def reason(self) -> str:
        """Why the verdict is what it is."""
        return self.report.reason

    @property
    def leak(self) -> LeakName | None:
        """The strongest level that any attack showed."""
        return self.report.leak

    @property
    def probe(self) -> ProbeReport | None:
        """What the cipher turned out to be."""
        return self.report.probe

    def __repr__(self) -> str:
        said = verdict_words(self.verdict, self.leak, "any attack that applies")
        return f"<ppattack audit: {said}. {self.reason}>"

    def _repr_html_(self) -> str:
        from ppattack.render.notebook import audit_html

        return audit_html(self.report, self.folder)

    def to_frame(self) -> pandas.DataFrame:
        """One row per attack: what it was granted, its verdict, gain and reason.

        Raises:
            MissingPackage: if pandas is not installed.
        """
        parts = [part for part in (self.report, self.report.per_image) if part is not None]
        rows = [
            {"keys": part.key_scope, **one.model_dump()} for part in parts for one in part.attacks
        ]
        names = ["keys", *type(self.report.attacks[0]).model_fields] if rows else ["attack"]
        columns = {name: [row[name] for row in rows] for name in names}
        return _frame(columns).set_index("attack")

    def save(self, path: str | Path) -> Path:
        """Write the page (``.html``), the verdict (``.json``) or a copy of all folders.

        Raises:
            DataError: for another suffix, or a place that cannot be written.
        """
        from ppattack.render.html import report_html
        from ppattack.reports.found import read_runs

        return _save(
            Path(path),
            self.folder.parent,
            {
                ".html": lambda: report_html(read_runs([self.folder.parent])),
                ".json": self.report.to_json,
            },
        )


@dataclass(frozen=True, repr=False)
class IdentifyResult:
    """What ciphertexts are. A notebook shows them, the schemes that fit and a table.

    Args:
        report: scheme, block size, key scope and every property.
        images: ``(N, C, H, W)`` uint8, or codes, that were looked at.
    """

    report: Identification
    images: NDArray[np.generic] = field(compare=False)

    @property
    def scheme(self) -> str | None:
        """The likeliest target; None if none is known."""
        return self.report.scheme

    @property
    def words(self) -> str:
        """What they are, in one line."""
        return self.report.words

    @property
    def attacks(self) -> tuple[str, ...]:
        """To try, in order."""
        return self.report.attacks

    def __repr__(self) -> str:
        return f"<ppattack identify: {self.words}>"

    def _repr_html_(self) -> str:
        from ppattack.render.notebook import identification_html

        return identification_html(self.report, self.images)

    def to_frame(self) -> pandas.DataFrame:
        """One row per property: answer, statistic, value, bar and p.

        Raises:
            MissingPackage: if pandas is not installed.
        """
        rows = [each.model_dump(exclude={"facts"}) for each in self.report.properties]
        return _frame({name: [row[name] for row in rows] for name in rows[0]}).set_index("name")

    def save(self, path: str | Path) -> Path:
        """Write the page with the evidence (``.html``), or the answers (``.json``).

        Raises:
            DataError: for another suffix, or a place that cannot be written.
        """
        from ppattack.render.identification import identification_html

        return _save(
            Path(path),
            None,
            {
                ".html": lambda: identification_html(self.report, self.images),
                ".json": self.report.to_json,
            },
        )


def _save(path: Path, folder: Path | None, texts: Mapping[str, Any]) -> Path:
    """Write a result in the form that the name of the file asks for."""
    if path.suffix in texts:
        write_text(path, texts[path.suffix]())
        return path
    if path.suffix or folder is None:
        forms = ", ".join(FORMS) + (" or a folder's name without a suffix" if folder else "")
        raise DataError(f"cannot save as {path.name}: end the name in one of {forms}.")
    try:
        shutil.copytree(folder, path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}.") from None
    return path


def _frame(columns: Mapping[str, Any]) -> pandas.DataFrame:
    try:
        import pandas
    except ImportError:
        raise MissingPackage(
            "to_frame() needs pandas, which is not installed: pip install pandas."
        ) from None
    return pandas.DataFrame(dict(columns))
