"""Class inference: what kind of thing a ciphertext shows, whatever its key.

A key per image hides the picture, and a candidate list names only pictures that somebody has. What
kind of thing is shown is left to whoever can encrypt labelled pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.target.base import PublicScheme

FEWEST = 100
"""Public images below which nothing can be learned."""


class ClassInference(Attack):
    """The class of each image, by classifiers trained on own ciphertexts of public images.

    The adversary encrypts labelled public images, each under a fresh key, and learns classes from
    what every key leaves alone. Two classifiers are tried: kernel ridge regression on the
    invariants of ``candidate-matching``, which follow from the scheme's public structure; and,
    where pixels stay in place or nothing is known, a residual network that sees values folded at
    mid-grey, with the colours of a pixel in order of size. A fifth of the public images decides
    which is used; if neither is clearly better there than the commonest class, that class is named
    for all.

    Threat model: public images of the same kind with their classes; the public algorithm under own
    keys; one key for all images or one each, which it never learns. No class of a ciphertext is
    known.

    Deviations: not published for these schemes.

    Reference: the ppattack authors: Class inference by key-independent invariants. ppattack, 2026.
    """

    card = AttackCard(
        name="class-inference",
        title="Class inference: what kind of thing a ciphertext shows, whatever its key",
        reference=Reference(
            "the ppattack authors",
            "Class inference by key-independent invariants",
            "ppattack",
            2026,
        ),
        recovers=("classes",),
        requires=ThreatModel(public="unpaired", own_keys=True, public_labels=True),
        seconds=60.0,
        level="candidates",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        images: Annotated[
            int, Interval(ge=FEWEST), Doc("labelled public images to learn from, at most")
        ] = 10_000
        epochs: Annotated[
            int, Interval(ge=0, le=10_000), Doc("of the network; 0 for the closed form alone")
        ] = 20

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"images": 1000, "epochs": 0},
        "standard": {},
        "paper": {"images": 50_000, "epochs": 60},
    }

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """A scheme that leaves no more alone than the one under attack, each image its key."""
        structure = scheme.structure
        if structure.unit == "nibble":
            moved = structure.kind in ("any", "blocks")
            return ControlTarget("ele" if moved else "le", {}, "image", same_count=True)
        if structure.kind in ("none", "pixels"):
            return ControlTarget("pe", {"color_shuffle": True}, "image", same_count=True)
        return ControlTarget("etc", {"block_size": 4}, "image", same_count=True)

    @override
    def at_control_budget(self) -> Attack:
        return type(self)(self.config, epochs=0)

    @override
    def for_control(self, scheme: PublicScheme) -> Attack:
        """As hard as the case: as many public images, as many epochs."""
        del scheme
        return self

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        from ppattack.solvers.class_inference.infer import Own, infer
        from ppattack.training.public_images import sample_rows

        public, labels = observation.public_images, observation.public_labels
        rows = sample_rows(observation, context, self.config.images)
        rows = rows[_shuffled(len(rows), context)]
        public, labels = public[rows], labels[rows]
        if len(public) < FEWEST or len(labels.unique()) < 2:
            return _too_few(observation, len(public), labels)
        scheme = observation.scheme
        own = scheme.encrypt_with_fresh_keys(public, context.numpy_stream("own keys"))
        if observation.jpeg is not None:
            own = observation.jpeg.transport(own)
        device, classes = context.device, len(observation.class_names)
        known = Own(own.to(device), labels.to(device), classes, scheme.structure)
        found = infer(known, context, self.config.epochs)
        return Recovery(
            classes=found.predict(observation.ciphertexts.to(device)),
            notes={
                "classes": classes,
                "public images": len(public),
                "named by": found.by,
                **{f"right under own keys, {k}": round(v, 3) for k, v in found.accuracy.items()},
                "commonest class": round(found.commonest, 3),
            },
        )


def _shuffled(count: int, context: Context) -> Tensor:
    import torch

    return torch.randperm(count, generator=context.torch_stream("order"))


def _too_few(observation: Observation, count: int, labels: Tensor) -> Recovery:
    """The commonest class for every ciphertext, and why that says nothing."""
    import torch

    number = int(labels.mode().values) if len(labels) else 0
    kinds = len(labels.unique())
    return Recovery(
        classes=torch.full((len(observation.ciphertexts),), number, dtype=torch.int64),
        limits=f"{count} public images of {kinds} classes are too few to learn from: give "
        f"{FEWEST} or more, of two classes or more",
        refuted=True,
    )
