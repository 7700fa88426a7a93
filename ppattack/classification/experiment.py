"""One classification: a request, resolved and trained into its folder.

``runs/classify-<target>-<model>-<id>/`` holds the report and the weights of the best and of the
last epoch; the id works like that of a run: a finished one is reused, an interrupted one continued.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack import machine, seeding
from ppattack.attack import Context, Progress, SilentProgress
from ppattack.classification.plan import Choice, Plan, choose, make_plan
from ppattack.classification.request import ClassifyRequest, LabelledImages
from ppattack.config import as_dict
from ppattack.plugins import registry
from ppattack.reports.classification import FILE, ClassificationReport, read_classification
from ppattack.runs import provenance
from ppattack.runs.stopwatch import Stopwatch
from ppattack.runs.store import Fill, Finished, Store

if TYPE_CHECKING:
    from ppattack.classification.training import Trained

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
