"""``ppattack.attack``, ``ppattack.audit`` and ``ppattack.identify``, for notebooks and scripts."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ppattack.data import arrays
from ppattack.errors import ConfigError, NotApplicable, nearest
from ppattack.files import mark_results
from ppattack.notebook.given import cipher_of, folder_of, read_images, split
from ppattack.notebook.progress import AttackLines, make_progress
from ppattack.notebook.results import AuditResult, IdentifyResult, RunResult
from ppattack.notebook.words import words_of_python
from ppattack.plugins import registry
from ppattack.reports.probe import ProbeReport
from ppattack.request import RunRequest
from ppattack.target import function

OWN = ("attack", "target", "data", "oracle", "oracle_shell", "out", "force")
"""Fields of a request that the calls set, or name differently."""
PAIRS_SHARE = 2
"""One of so many images of an audit becomes a known pair, at most."""


def attack(
    images: Any,
    encrypt: Any,
    *,
    attack: str | None = None,
    labels: Any = None,
    public: Any = None,
    public_labels: Any = None,
    batch: bool = True,
    out: str | Path | None = None,
    quiet: bool = False,
    **options: Any,
) -> RunResult:
    """Attack a cipher on images, and say how much of them came back.

    Args:
        images: ``(N, H, W, C)``, ``(N, C, H, W)`` or ``(N, H, W)`` uint8, array or tensor; or a
            folder, an ``ImageFolder`` of torchvision, or an image source such as ``"photos"``.
            Half of them are the adversary's, unless ``public`` gives others.
        encrypt: a function that takes a batch of such images and returns as many ciphertexts, an
            object with such a method ``encrypt``, or the name of a target.
        attack: registered name or ``path/to/file.py:Class``; None for what the probes find.
        labels: the class of each image, for attacks that need it.
        public: images of the same kind that the adversary has; the victims have all ``images``
            then.
        public_labels: the class of each of these.
        batch: whether ``encrypt`` takes a batch, not single images.
        out: a folder for the run; None for one that lasts as long as the result.
        quiet: whether no progress is shown.
        options: further fields of :class:`ppattack.RunRequest`: ``preset="smoke"``, ``seed=1``,
            ``attack_settings={...}``, ``target_settings={...}``.

    Returns:
        verdict, scores and pictures; a notebook shows them.

    Raises:
        PpattackError: for whatever was wrong with the input: what, where, and how to mend it.
        RunFailed: if an attack breaks down.
    """
    from ppattack.runs.run import run

    with words_of_python(), ExitStack() as held:
        given = _Given(images, encrypt, labels, public, public_labels, batch, out, options)
        asked = given.request(held, attack)
        progress = make_progress(quiet=quiet)
        probed = None
        if attack is None:
            asked, probed = _chosen(given, asked)
        done = run(asked, progress)
        rows = None if given.rows is None else given.rows[: done.report.data.victims]
        return RunResult(done.report, done.folder, done.reused, rows, probed, given.kept)


def audit(
    images: Any,
    encrypt: Any = None,
    *,
    labels: Any = None,
    public: Any = None,
    public_labels: Any = None,
    batch: bool = True,
    out: str | Path | None = None,
    quiet: bool = False,
    isolate: bool | None = None,
    retry_failed: bool = False,
    every: bool = False,
    **options: Any,
) -> AuditResult:
    """Probe a cipher, run every attack that applies, and give one verdict.

    Args:
        images: as in :func:`attack`; or a :class:`ppattack.RunRequest`, whose attack is ignored,
            and nothing else but the last arguments.
        encrypt: as in :func:`attack`.
        labels: likewise.
        public: likewise.
        public_labels: likewise.
        batch: likewise.
        out: likewise.
        quiet: likewise.
        isolate: whether attacks get processes of their own; None for those from outside.
        retry_failed: whether attacks that failed before are tried again.
        every: whether attacks run that are not needed any more for a verdict.
        options: likewise.

    Returns:
        the verdict over all attacks; a notebook shows it.

    Raises:
        PpattackError: if anything that was given is wrong.
    """
    from ppattack.sweeps.audit import run_audit
    from ppattack.sweeps.executors import InThisProcess

    watcher = AttackLines(make_progress(quiet=quiet))
    settings = {"isolate": isolate, "retry_failed": retry_failed, "every": every}
    if isinstance(images, RunRequest):
        if encrypt is not None or options:
            raise ConfigError("a request names everything: leave encrypt and other options out.")
        done = run_audit(images, InThisProcess(), watcher, **settings)  # type: ignore[arg-type]
        return AuditResult(done.report, done.folder, done.reused)
    with words_of_python(), ExitStack() as held:
        given = _Given(images, encrypt, labels, public, public_labels, batch, out, options)
        asked = given.request(held, None)
        done = run_audit(asked, InThisProcess(), watcher, **settings)  # type: ignore[arg-type]
        return AuditResult(done.report, done.folder, done.reused, given.kept)


def identify(ciphertexts: Any, *, public: str | Path | None = None) -> IdentifyResult:
    """Say what encrypted a folder of files, or an array of ciphertexts.

    Args:
        ciphertexts: a folder of images or NPY files; or ``(N, H, W, C)``, ``(N, C, H, W)`` or
            ``(N, H, W)`` uint8, array or tensor.
        public: a folder of public images: files that are among them unchanged are named.

    Raises:
        PpattackError: if there is nothing that could be ciphertexts.
    """
    from ppattack.files import user_path
    from ppattack.identify.reading import of_arrays
    from ppattack.runs.identifying import examined, look_at

    with words_of_python():
        if isinstance(ciphertexts, str | Path):
            others = None if public is None else user_path(str(public))
            looked = look_at(user_path(str(ciphertexts)), others)
            return IdentifyResult(looked.report, looked.read.arrays)
        if public is not None:
            raise ConfigError("public belongs to a folder of ciphertexts: leave it out for arrays.")
        found = read_images(ciphertexts, "ciphertexts").images
        files, report = examined(of_arrays(np.moveaxis(found, 3, 1)), "an array")
        return IdentifyResult(report, files.arrays)


@dataclass
class _Given:
    """What a call was given, and the request that it makes."""

    images: Any
    encrypt: Any
    labels: Any
    public: Any
    public_labels: Any
    batch: bool
    out: str | Path | None
    options: Mapping[str, Any]
    sides: arrays.Given | None = None
    rows: tuple[int, ...] | None = None
    kept: tempfile.TemporaryDirectory[str] | None = None

    def request(self, held: ExitStack, attack: str | None) -> RunRequest:
        """The request, with what it names held until the stack is closed."""
        _check_options(self.options)
        source = folder_of(self.images)
        base = RunRequest(attack or "", **{"preset": "standard", **self.options})
        layout = function.Layout()
        pictures: Any = None
        if source is not None:
            if self.labels is not None or self.public is not None:
                raise ConfigError(
                    f"labels and public belong to arrays: '{source}' has its own, leave them out."
                )
            base = replace(base, data=source)
        else:
            if base.size is not None:
                raise ConfigError("size belongs to a folder or a source: resize arrays yourself.")
            parts = split(self.images, self.labels, self.public, self.public_labels, base.seed)
            layout, self.rows = parts.layout, tuple(parts.rows.tolist())
            base = replace(base, data=held.enter_context(arrays.holding(parts.given)))
            self.sides = parts.given
            base = self.counted(base)
            pictures = np.moveaxis(parts.given.victims.images[:2], 3, 1)
        base = self._with_cipher(base, held, layout, pictures)
        return replace(base, out=self._folder(), force=True)

    def counted(self, base: RunRequest) -> RunRequest:
        """With all images that there are, less those that become known pairs."""
        if self.sides is None:
            return base
        held = len(self.sides.victims.images)
        pairs = _pairs(base) if base.attack else _most_pairs(base, held // PAIRS_SHARE)
        if "victims" not in self.options:
            base = replace(base, victims=max(1, held - pairs))
        if "adversary" not in self.options:
            base = replace(base, adversary=len(self.sides.adversary.images))
        return base

    def _with_cipher(
        self, base: RunRequest, held: ExitStack, layout: function.Layout, pictures: Any
    ) -> RunRequest:
        import torch

        cipher = cipher_of(self.encrypt, layout, batch=self.batch)
        if isinstance(cipher, str):
            return replace(base, target=cipher)
        if pictures is None:
            from ppattack.runs.inputs import load_images

            pictures = load_images(replace(base, adversary=0), base.size, 1).victims
        else:
            pictures = torch.from_numpy(np.ascontiguousarray(pictures))
        settings = {
            "function": held.enter_context(function.holding(cipher)),
            "multiple": cipher.multiple(pictures),
        }
        return replace(
            base, target=registry.FUNCTION, target_settings={**settings, **base.target_settings}
        )

    def _folder(self) -> Path:
        if self.out is not None:
            return Path(self.out)
        self.kept = tempfile.TemporaryDirectory(prefix="ppattack-")
        folder = Path(self.kept.name) / "runs"
        mark_results(folder)
        return folder


def _chosen(given: _Given, asked: RunRequest) -> tuple[RunRequest, ProbeReport]:
    """The first attack that follows from the probes and can be tried; none if there is none."""
    from ppattack.runs.inputs import check_target
    from ppattack.runs.probing import probe_target

    target, shape = check_target(asked)
    probed = probe_target(asked, target, shape)
    for advised in probed.attacks:
        settings = {**advised.settings, **asked.attack_settings}
        tried = replace(asked, attack=advised.attack, attack_settings=settings)
        if given.rows is None or _pairs(tried) < len(given.rows):
            return given.counted(tried), probed
    if asked.attack_settings:
        raise NotApplicable(
            f"no attack follows from the probes ({probed.words}): name one with attack=, or leave "
            "attack_settings out."
        )
    return replace(asked, attack=registry.NO_ATTACK), probed


def _pairs(request: RunRequest) -> int:
    """Known pairs that the attack of a request needs."""
    made = registry.attack(request.attack)(preset=request.preset, **request.attack_settings)
    return made.requires().pairs


def _most_pairs(request: RunRequest, most: int) -> int:
    """Known pairs that an attack of an audit needs, of those that need no more than ``most``."""
    found = (
        _pairs(replace(request, attack=name))
        for name in registry.attacks()
        if not registry.is_third_party("attack", name)
    )
    return max((pairs for pairs in found if pairs <= most), default=0)


def _check_options(given: Mapping[str, Any]) -> None:
    """Refuse what is no field of a request, or one that the call sets itself."""
    known = [each.name for each in dataclasses.fields(RunRequest) if each.name not in OWN]
    for name in given:
        if name not in known:
            raise ConfigError(
                f"there is no option '{name}'; the nearest are: {nearest(name, known)}."
            )
