"""The designers' own attack on NeuraCrypt: an encoder whose codes are distributed like real ones.

It breaks only shallow encoders. A scheme that resists it may well fall to ``neuracrypt-matching``,
which needs no more knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import DataError
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from ppattack.images import ImageShape
    from ppattack.target.base import PublicScheme
    from ppattack.target.neural import NeuralTarget
    from ppattack.training.recipe import Recipe

CONTROL = {"variant": "small", "depth": 1, "shuffle": False}
CONTROL_EPOCHS = 60
RANKED = 10
"""Candidates reported for each ciphertext, the likeliest first."""


class MaximumMeanDiscrepancy(Attack):
    """Maximum mean discrepancy: train an encoder, then match codes to the nearest of its own.

    An encoder of the public architecture is trained on the candidates until its codes and the
    victims' have the same distribution, as far as a sum of 19 Gaussian kernels can tell. Each
    ciphertext is then matched with the candidate whose generated code is nearest; two may get the
    same one. If patches are shuffled, the mean of its codes represents an image, else all of them
    do.

    Threat model: the victims' plain images, unmatched; the public algorithm under own keys.

    Deviations: training images are the candidates (the authors' sets of real and generated codes
    overlap by half, at random). The rate is not lowered if the loss does not change for ten epochs,
    which hardly happens in 25. Presets for the CPU train at a higher rate in smaller
    batches.

    Reference: A. Yala, H. Esfahanizadeh, R. G. L. D' Oliveira, K. R. Duffy, M. Ghobadi,
    T. S. Jaakkola, V. Vaikuntanathan, R. Barzilay, M. Médard: NeuraCrypt: Hiding Private Health
    Data via Random Neural Networks for Public Training. arXiv:2106.02484 (2021).
    """

    card = AttackCard(
        name="mmd",
        title="Maximum mean discrepancy: an encoder whose codes are distributed like the victims'",
        reference=Reference(
            "A. Yala, H. Esfahanizadeh, R. G. L. D' Oliveira, K. R. Duffy, M. Ghobadi, "
            "T. S. Jaakkola, V. Vaikuntanathan, R. Barzilay, M. Médard",
            "NeuraCrypt: Hiding Private Health Data via Random Neural Networks for Public Training",
            "arXiv preprint",
            2021,
            arxiv="2106.02484",
        ),
        recovers=("matching",),
        requires=ThreatModel(public="candidates", own_keys=True),
        ciphers=("tokens",),
        level="trained",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        epochs: Annotated[int, Interval(ge=1, le=10_000), Doc("passes over the candidates")] = 100
        batch_size: Annotated[int, Interval(ge=2, le=4096), Doc("images per step, at most")] = 32
        learning_rate: Annotated[
            float, Interval(gt=0, le=1), Doc("learning rate of Adam, constant")
        ] = 3e-3
        weight_decay: Annotated[float, Interval(ge=0, le=1), Doc("of Adam")] = 1e-3

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"epochs": CONTROL_EPOCHS},
        "standard": {},
        "paper": {"epochs": 25, "batch_size": 64, "learning_rate": 1e-4},
    }

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget | None:
        """The linear encoder without a shuffle."""
        return ControlTarget("neuracrypt", CONTROL)

    @override
    def negative_control(self) -> ControlTarget:
        """The same with one key per image: one encoder then explains one code at most."""
        return ControlTarget("neuracrypt", CONTROL, "image")

    @override
    def at_control_budget(self) -> Attack:
        """Trained for as long as few images need, at the rate of the CPU presets."""
        return type(self)(epochs=CONTROL_EPOCHS)

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        """Why it cannot attack a scheme: only those that encode with a network can be attacked."""
        from ppattack.target.neural import NeuralTarget  # here: it loads NumPy

        reason = super().obstacle(scheme, image_shape)
        if reason is None and not isinstance(scheme.target, NeuralTarget):
            reason = "it trains an encoder of the scheme's kind, and this scheme has none"
        return reason

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        """Train, encode the candidates, and match to the nearest."""
        import torch

        from ppattack.solvers.trained.mmd import AT_ONCE, generated, learn, represented

        target = cast("NeuralTarget", observation.scheme.target)  # as obstacle() has made sure
        images = observation.public_images.to(context.device)
        codes = target.tokens(observation.ciphertexts.to(context.device))
        if len(codes) != len(images):
            raise DataError(
                f"'mmd' trains on as many candidates as ciphertexts, not on {len(images)} with "
                f"{len(codes)}: give as many of both."
            )
        real = represented(codes, shuffled=target.shuffles)
        encoder = target.surrogate(context.torch_stream("encoder"), observation.image_shape)
        result = learn(target, encoder, images, real, self.recipe(), context)
        batch = target.config.batch_norm == "batch"
        at_once = target.config.batch_size if batch else AT_ONCE
        made = generated(target, encoder, images, at_once)
        nearest = torch.cdist(real, made).topk(min(RANKED, len(made)), dim=1, largest=False).indices
        matching = nearest[:, 0]
        return Recovery(
            matching=matching,
            ranking=nearest,
            notes={
                "epochs": len(result.train_losses),
                "ended": result.ended,
                "first_loss": round(result.train_losses[0], 4),
                "last_loss": round(result.train_losses[-1], 4),
                "candidates_taken": len(matching.unique()),
            },
        )

    def recipe(self) -> Recipe:
        """How the encoder is trained."""
        from ppattack.training.recipe import Recipe

        return Recipe(
            epochs=self.config.epochs,
            batch_size=self.config.batch_size,
            optimizer="adam",
            learning_rate=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            validation_share=0.0,
        )
