"""One classification: a request, resolved and trained into its folder.

``runs/classify-<target>-<model>-<id>/`` holds the report and the weights of the best and of the
last epoch; the id works like that of a run: a finished one is reused, an interrupted one continued.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack import machine, seeding
from ppattack.attack import Context, Progress, SilentProgress
from ppattack.classification.plan import Choice, Plan, choose, make_plan
from ppattack.classification.settings import COUNTS
from ppattack.config import as_dict
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.errors import ConfigError, DataError
from ppattack.plugins import registry
from ppattack.reports.classification import FILE, ClassificationReport, read_classification
from ppattack.request import as_paths, check_common
from ppattack.runs import provenance
from ppattack.runs.identity import image_facts
from ppattack.runs.stopwatch import Stopwatch
from ppattack.runs.store import Fill, Finished, Store
from ppattack.threat import KeyScope

if TYPE_CHECKING:
    from ppattack.classification.training import Trained

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


CLASSIFICATIONS = Store(FILE, read_classification)


@dataclass(frozen=True)
class Classification:
    """A request, resolved and named; its images are loaded once they are needed.

    Args:
        request: as it was.
        choice: scheme, classifier and training.
        images: with classes.
        id: 12 hexadecimal digits.
    """

    request: ClassifyRequest
    choice: Choice
    images: LabelledImages
    id: str

    @property
    def folder(self) -> Path:
        """Where its result lies, or will lie."""
        return self.request.out / self.choice.folder_name(self.id)

    def find(self) -> Finished[ClassificationReport] | None:
        """The result if it is there and need not be made again."""
        return None if self.request.force else CLASSIFICATIONS.find(self.folder)

    @cached_property
    def plan(self) -> Plan:
        """What it comes to with its images.

        Raises:
            PpattackError: for images that cannot be loaded, or that scheme or classifier do not
                take.
        """
        import torch

        from ppattack.classification.models import build

        plan = make_plan(self.id, self.choice, self.images.sets)
        with torch.random.fork_rng(devices=[]):
            build(plan.model, plan.model_config, plan.form, download=self.request.download)
        return plan

    def train(self, progress: Progress | None = None) -> Finished[ClassificationReport]:
        """Train and test; see :func:`classify`."""
        from ppattack.classification.run_folder import fill
        from ppattack.classification.training import train

        request, plan, watch = self.request, self.plan, Stopwatch()

        def work(partial: Path) -> tuple[ClassificationReport, Fill]:
            context = Context(
                device=machine.choose_device(request.device),
                seed=seeding.derive(request.seed, "classification"),
                checkpoints=partial,
                progress=progress or SilentProgress(),
            )
            with watch.stage("training"):
                trained = train(plan, self.images.sets, context, request.download)
            report = _report(self, trained, watch.seconds, context)
            return report, lambda new: fill(new, trained)

        return CLASSIFICATIONS.make(self.folder, work)


def classify(
    request: ClassifyRequest, progress: Progress | None = None
) -> Finished[ClassificationReport]:
    """Train and test a classifier, or find it finished.

    Args:
        request: what to train and test.
        progress: where progress is shown; None shows nothing.

    Raises:
        PpattackError: if anything in the request is wrong; nothing half-written stays behind.
        RunFailed: if the training diverges.
        KeyboardInterrupt: checkpoints stay in ``<folder>.partial`` and the same request
            continues from them.
    """
    resolved = resolve(request, LabelledImages(request))
    return resolved.find() or resolved.train(progress)


def resolve(request: ClassifyRequest, images: LabelledImages) -> Classification:
    """Resolve the names and settings of a request.

    Args:
        request: what to train and test.
        images: of this request, or of one that asks for the same.

    Raises:
        PpattackError: for an unknown name or setting, a value out of range, or a device that is
            not there.
    """
    machine.choose_device(request.device)
    choice = choose(
        registry.target(request.target)(**request.target_settings),
        preset=request.preset,
        key_scope=request.key_scope,
        model=request.model,
        model_settings=request.model_settings,
        training_settings=request.training_settings,
        seed=request.seed,
    )
    name = choice.identity(images.wanted.adversary, images.facts)
    return Classification(request, choice, images, name)


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
        )
        self._source = registry.dataset(request.data)

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


def _report(
    done: Classification, trained: Trained, seconds: dict[str, float], context: Context
) -> ClassificationReport:
    from ppattack.reports.classification import ImagesPart, ModelPart
    from ppattack.reports.run import TargetPart

    request, plan, sets = done.request, done.plan, done.images.sets
    facts = {
        **provenance.collect(context.device, request.seed),
        "versions": plan.versions,
        "key_fingerprint": None if plan.key is None else plan.key.fingerprint,
        "request": json.loads(json.dumps(as_dict(request), default=str)),
    }
    return ClassificationReport(
        id=plan.id,
        target=TargetPart(
            name=plan.target.card.name,
            config=as_dict(plan.target.config),
            key_space_bits=plan.target.key_space_bits(plan.image_shape),
        ),
        key_scope=plan.key_scope,
        model=ModelPart(
            name=plan.model,
            config=as_dict(plan.model_config),
            adaptation=plan.model_config.adaptation,
            parameters=trained.parameters,
        ),
        data=ImagesPart(
            name=sets.name,
            hash=sets.hash,
            shape=plan.image_shape,
            train=len(sets.adversary),
            test=len(sets.victims),
            classes=list(sets.classes),
            notes=list(sets.notes),
        ),
        training=as_dict(plan.training_config),
        accuracy=trained.accuracy,
        curve={"loss": list(trained.losses), "accuracy": list(trained.accuracies)},
        ended=trained.ended,
        timing=seconds,
        provenance=facts,
    )
