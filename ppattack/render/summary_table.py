"""What each scheme costs and withstands: one row per scheme, one column per requirement.

Every cell is computed from the reports that are given. A cell without a report says so, and names
the command that would measure it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ppattack.config import as_dict
from ppattack.plugins import registry
from ppattack.render.matrix import distinguish, strength
from ppattack.render.numbers import headline, plain_text
from ppattack.reports.audit import AUDIT
from ppattack.reports.classification import ClassificationReport
from ppattack.reports.compression import CodecRow, CompressionReport
from ppattack.reports.found import Collection
from ppattack.reports.leaks import verdict_words
from ppattack.reports.run import Report, TargetPart
from ppattack.threat import KeyScope

REQUIREMENTS = (
    "accuracy", "robustness", "compressibility", "large inputs", "no adaptation network",
)  # fmt: skip
NOT_MEASURED = "not measured"
PLAIN = "plain"
NO_NETWORK = "none"
"""How a classification report says that there is no adaptation network."""
_LEFT_OUT = ("--no-plain", "--json", "--force")


@dataclass(frozen=True)
class Requirement:
    """How one scheme meets one requirement.

    Args:
        lines: what was measured; ``not measured`` if nothing was.
        command: what would measure what is missing; empty if nothing is.
    """

    lines: tuple[str, ...]
    command: str = ""

    @property
    def words(self) -> str:
        """What was measured, without the command."""
        return "; ".join(self.lines)


@dataclass(frozen=True)
class Scheme:
    """A row.

    Args:
        label: the scheme's name, and the settings in which it differs from its namesakes.
        cells: one per requirement, in the order of :data:`REQUIREMENTS`.
    """

    label: str
    cells: tuple[Requirement, ...]


@dataclass(frozen=True)
class _Found:
    """The reports of one scheme, as it was configured, under one kind of keys."""

    target: TargetPart
    key_scope: KeyScope
    attacks: list[Report] = field(default_factory=list)
    shown: list[Report] = field(default_factory=list)
    classifications: list[ClassificationReport] = field(default_factory=list)
    compressions: list[CompressionReport] = field(default_factory=list)

    def command(self, name: str) -> str:
        """The command of this name on this scheme."""
        spec, settings = self.target.name, _changed(self.target)
        runs = [report.provenance for report in (*self.attacks, *self.shown)]
        for provenance in (*runs, *(report.provenance for report in self.classifications)):
            request = _request(provenance)
            if isinstance(request.get("target"), str):
                spec, settings = request["target"], request.get("target_settings") or {}
                break
        words = ["ppattack", name, "--target", spec]
        for setting, value in settings.items():
            words += ["--set", f"target.{setting}={plain_text(value)}"]
        words += ["--key-scope", self.key_scope] * (self.key_scope != "dataset")
        return shlex.join(words)

    def missing(self, name: str) -> Requirement:
        """The cell that a command would fill."""
        return Requirement((NOT_MEASURED,), self.command(name))


def schemes(collection: Collection) -> list[Scheme]:
    """The rows: plain images first, then by label."""
    found: dict[str, _Found] = {}

    def of(target: TargetPart, scope: KeyScope) -> _Found:
        scope = "dataset" if target.name == PLAIN else scope
        identity = json.dumps([target.name, target.config, scope], sort_keys=True)
        return found.setdefault(identity, _Found(target, scope))

    for run in collection.runs:
        place = of(run.report.target, run.report.threat.key_scope)
        unattacked = run.report.attack.name == registry.NO_ATTACK
        (place.shown if unattacked else place.attacks).append(run.report)
    for classification in collection.classifications:
        of(classification.target, classification.key_scope).classifications.append(classification)
    for compression in collection.compressions:
        of(compression.target, compression.key_scope).compressions.append(compression)
    facts = [
        {**each.target.config, "name": each.target.name, "key scope": each.key_scope}
        for each in found.values()
    ]
    plain = [each for each in collection.classifications if each.target.name == PLAIN]
    rows = [
        (each.target.name != PLAIN, Scheme(label, _cells(each, plain)))
        for label, each in zip(distinguish(facts), found.values(), strict=True)
    ]
    return [scheme for _, scheme in sorted(rows, key=lambda row: (row[0], row[1].label))]


def _cells(found: _Found, plain: Sequence[ClassificationReport]) -> tuple[Requirement, ...]:
    return (
        _accuracy(found, plain),
        _robustness(found),
        _compressibility(found),
        _large_inputs(found),
        _no_adaptation(found),
    )


def best_by_images(reports: Iterable[ClassificationReport]) -> list[ClassificationReport]:
    """The best classifier of each set of images, by the weights of its last epoch.

    The best epoch does not count: the test images chose it.
    """
    best: dict[str, ClassificationReport] = {}
    for report in reports:
        held = best.get(report.data.hash)
        if held is None or report.accuracy.last > held.accuracy.last:
            best[report.data.hash] = report
    return sorted(best.values(), key=lambda each: (each.data.name, each.data.shape))


def _accuracy(found: _Found, plain: Sequence[ClassificationReport]) -> Requirement:
    if not found.classifications:
        return found.missing("classify")
    lines, command = [], ""
    for report in best_by_images(found.classifications):
        words = f"{_percent(report.accuracy.last)} ({report.model.name}, {_images(report)})"
        if report.target.name != PLAIN:
            counterpart = _counterpart(report, plain)
            if counterpart is None:
                words += f", gap to plain {NOT_MEASURED}"
                command = command or _plain_command(report)
            else:
                words += f", {_gap(report, counterpart)}"
        lines.append(words)
    return Requirement(tuple(lines), command)


def _counterpart(
    report: ClassificationReport, plain: Sequence[ClassificationReport]
) -> ClassificationReport | None:
    """A classifier of the plain images: the most similar one, and among those the best."""

    def fit(each: ClassificationReport) -> tuple[bool, bool, float]:
        same_model = each.model.name == report.model.name
        return same_model, _epochs(each) == _epochs(report), each.accuracy.last

    return max(
        (each for each in plain if each.data.hash == report.data.hash), key=fit, default=None
    )


def _gap(report: ClassificationReport, plain: ClassificationReport) -> str:
    points = 100 * (report.accuracy.last - plain.accuracy.last)
    words = f"{abs(points):.1f} points {'below' if points < 0 else 'above'} plain"
    other = [plain.model.name] * (plain.model.name != report.model.name)
    other += [f"{_epochs(plain)} epochs"] * (_epochs(plain) != _epochs(report))
    return f"{words} ({', '.join(other)})" if other else words


def _epochs(report: ClassificationReport) -> object:
    return report.training.get("epochs")


def _plain_command(report: ClassificationReport) -> str:
    """The command of the report, which trains on plain images too unless told not to."""
    found = report.provenance.get("command")
    if isinstance(found, list) and found[1:2] == ["classify"]:
        words = ["ppattack", *(str(word) for word in found[1:] if word not in _LEFT_OUT)]
    else:
        words = ["ppattack", "classify", "--target", PLAIN]
        words += ["--model", report.model.name, "--data", report.data.name]
    return shlex.join(words)


def _robustness(found: _Found) -> Requirement:
    if not found.attacks:
        return found.missing("audit")
    worst = min(found.attacks, key=_worst_first)
    words = verdict_words(worst.verdict, worst.leak)
    words = f"{words}: {worst.attack.name}, {headline(worst)}"
    count = sum(report.attack.name != AUDIT for report in found.attacks)
    return Requirement((f"{words}, the strongest of {count} runs" if count > 1 else words,))


def _worst_first(report: Report) -> tuple[int, int, bool, float]:
    """Like :func:`strength`; an audit merges attacks, so the attacks themselves come first."""
    verdict, leak, gain = strength(report)
    return verdict, leak, report.attack.name == AUDIT, gain


def _compressibility(found: _Found) -> Requirement:
    lines = []
    for report in sorted(found.compressions, key=lambda each: (each.data.name, each.data.shape)):
        kinds = {"lossy": False, "lossless": True}
        parts = [_ratios(kind, report.codecs, is_so) for kind, is_so in kinds.items()]
        measured = "; ".join(part for part in parts if part)
        if measured:
            lines.append(f"{measured}, of plain files ({_images(report)})")
    return Requirement(tuple(dict.fromkeys(lines))) if lines else found.missing("compress")


def _ratios(kind: str, codecs: Sequence[CodecRow], lossless: bool) -> str:
    """The smallest and the largest ratio of one kind of codec."""
    found = sorted(
        (row.ratio, row.codec)
        for row in codecs
        if row.lossless == lossless and row.ratio is not None
    )
    if not found:
        return ""
    ends = dict.fromkeys((found[0], found[-1]))
    return f"{kind} {' to '.join(f'{ratio:.3f} ({codec})' for ratio, codec in ends)}"


def _large_inputs(found: _Found) -> Requirement:
    sizes: dict[tuple[int, int], dict[str, None]] = {}
    kinds: dict[str, Sequence[Any]] = {
        "classified": found.classifications,
        "compressed": found.compressions,
        "attacked": found.attacks,
        "encrypted": found.shown,
    }
    for kind, reports in kinds.items():
        for report in reports:
            _, height, width = report.data.shape
            sizes.setdefault((width, height), {})[kind] = None
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return Requirement((f"{width}x{height} pixels ({', '.join(sizes[width, height])})",))


def _no_adaptation(found: _Found) -> Requirement:
    if not found.classifications:
        return found.missing("classify")
    lines = [
        "yes" if report.model.adaptation == NO_NETWORK else f"no: {report.model.adaptation}"
        for report in best_by_images(found.classifications)
    ]
    return Requirement(tuple(dict.fromkeys(lines)))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _images(report: ClassificationReport | CompressionReport) -> str:
    return f"{report.data.name} {report.data.shape[2]}x{report.data.shape[1]}"


def _changed(target: TargetPart) -> dict[str, Any]:
    """The settings that are not the defaults; all of them if the defaults are not known here."""
    name, defaults = target.name, {}
    if name in registry.names("target") and not registry.is_third_party("target", name):
        defaults = as_dict(registry.target(name)().config)
    return {k: v for k, v in target.config.items() if k not in defaults or defaults[k] != v}


def _request(provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    request = provenance.get("request")
    return request if isinstance(request, dict) else {}
