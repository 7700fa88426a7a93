"""Known or chosen pairs against secret matrices: images by the inverse that the pairs determine."""

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

    from ppattack.images import ImageShape
    from ppattack.solvers.linear.regression import Inverse
    from ppattack.target.base import PublicScheme
    from ppattack.target.linear_form import LinearForm

POOR = 0.5
"""Share of the variance left out that a useful model leaves unexplained, at most."""
ENOUGH = 0.99
"""Share of directions from which on more pairs would not help."""
IMAGES_AT_ONCE = 64


class LinearRegression(Attack):
    """Images under secret matrices, by the inverse matrices that pairs determine.

    If the ciphertexts have as many numbers as images, an orthogonal matrix is fitted (Procrustes)
    and a ridge regression of plain vectors on ciphertext vectors, and the one with the smaller
    error on pairs left out is kept; if they have fewer, ridge regression alone. All blocks share a
    matrix or each place has its own, as the scheme says in public. Directions of plain vectors that
    no pair shows are predicted from the others by second moments of the known images, at
    windows of any place, and of public images if there are any. If blocks move, their order is
    found first: orthogonal matrices keep the inner products of the known vectors at a place.

    Threat model: ``pairs`` known pairs under the one key of the data set, or ``chosen`` chosen
    plaintexts, which are random black and white. With neither, the adversary encrypts public images
    itself, under keys of its own: enough for a scheme without a key.

    Deviations: not published for these schemes. Kernels and networks are not used: the schemes are
    linear.

    Reference: the ppattack authors: Procrustes and ridge regression on known pairs. ppattack, 2026.
    """

    card = AttackCard(
        name="linear-regression",
        title="Secret matrices from known or chosen pairs, by Procrustes or ridge regression",
        reference=Reference(
            "the ppattack authors",
            "Procrustes and ridge regression on known pairs",
            "ppattack",
            2026,
        ),
        recovers=("images",),
        requires=ThreatModel(pairs=4, key_scope="dataset"),
        ciphers=("tokens",),
        seconds=1.0,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        pairs: Annotated[
            int,
            Interval(ge=0, le=10_000),
            Doc("known pairs; 0, without chosen ones: own pairs of a scheme without a key"),
        ] = 4
        chosen: Annotated[
            int,
            Interval(ge=0, le=10_000),
            Doc("chosen plaintexts, in place of known pairs; 0: none"),
        ] = 0

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {},
        "standard": {},
        "paper": {},
    }

    @override
    def requires(self) -> ThreatModel:
        if self.config.chosen:
            return ThreatModel(chosen=self.config.chosen, key_scope="dataset")
        if self.config.pairs:
            return ThreatModel(pairs=self.config.pairs, key_scope="dataset")
        return ThreatModel(public="unpaired", own_keys=True)

    @override
    def welcomes_public_images(self) -> bool:
        """Optional: they say what is likely in directions that no pair shows."""
        return True

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """As many unknown numbers as in the case: blocks as large, shared or moved alike."""
        if not (self.config.pairs or self.config.chosen):
            return ControlTarget("patch-mix", {"quarter": 2})
        form = scheme.linear
        if form is None:
            return ControlTarget("rom", {"block_size": 4})
        settings = {"block_size": form.block_size, "scramble": form.moves_blocks}
        return ControlTarget("rom" if form.shared else "rmt", settings)

    @override
    def negative_control(self) -> ControlTarget:
        """The same with one key per image, for pairs too: they then tell nothing of others.

        So do own pairs, under whatever keys.
        """
        return ControlTarget("rom", {"block_size": 4}, "image")

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        """Why it cannot attack a scheme: it needs to know which blocks are multiplied."""
        reason, form = super().obstacle(scheme, image_shape), scheme.linear
        if reason is not None:
            return reason
        if form is None:
            return "it needs a scheme that multiplies blocks by matrices and says which blocks"
        if form.moves_blocks and not form.orthogonal:
            return "blocks change places, which only orthogonal matrices let it undo"
        return None

    @override
    def choose_plaintexts(self, scheme: PublicScheme, image_shape: ImageShape) -> Tensor | None:
        """Random black and white numbers, of which nearly any D vectors are independent."""
        import numpy as np
        import torch

        from ppattack.seeding import numpy_stream

        drawn = numpy_stream(0, self.card.name).integers(
            0, 2, (self.config.chosen, *image_shape), dtype=np.uint8
        )
        return torch.from_numpy(255 * drawn)

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        """Fit the inverse to the pairs, then apply it to the victims' ciphertexts."""
        from ppattack.solvers.linear.block_order import block_order
        from ppattack.solvers.linear.moments import window_moments
        from ppattack.solvers.linear.regression import learn, solve

        form = observation.scheme.linear
        assert form is not None  # noqa: S101 — obstacle() has made sure
        prepare = observation.scheme.representation.prepare
        with context.progress.task("fitting matrices", 3) as task:
            images, ciphertexts = self._pairs(observation, context)
            plain = form.plain_vectors(form.values(prepare(images))).double()
            ciphers = form.cipher_vectors(ciphertexts).double()
            order = None
            if form.moves_blocks:
                order = block_order(plain, ciphers).argsort()
                ciphers = ciphers[:, order]
            task.update(1)
            natural = images if not self.config.chosen else images[:0]
            if observation.threat.public != "none":
                import torch

                public = observation.public_images.to(context.device)
                natural = torch.cat([natural, public]) if len(natural) else public
            moments = window_moments(natural if len(natural) else images, form)
            fit = solve if self.config.chosen else learn
            inverse = fit(plain, ciphers, moments, shared=form.shared)
            task.update(2)
            found = _images(inverse, order, form, observation, context)
            task.update(3)
        return Recovery(images=found, notes=_notes(inverse), limits=self._limits(inverse))

    def _pairs(self, observation: Observation, context: Context) -> tuple[Tensor, Tensor]:
        """Known, chosen or own pairs, on the context's device."""
        if self.config.chosen:
            images, ciphertexts = observation.chosen_pairs
        elif self.config.pairs:
            images, ciphertexts = observation.known_pairs
        else:
            images = observation.public_images
            stream = context.numpy_stream("own pairs")
            ciphertexts = observation.scheme.encrypt_with_fresh_keys(images, stream)
        return images.to(context.device), ciphertexts.to(context.device)

    def _limits(self, inverse: Inverse) -> str:
        """Why a failure says nothing about the scheme."""
        if inverse.unexplained > POOR:
            cure = "more pairs are needed, or the scheme is not linear"
            if not self.config.pairs:
                cure = "own pairs say nothing of the victims' key, set attack.pairs"
            words = (
                f"the matrices leave {inverse.unexplained:.0%} of the pairs left out unexplained"
            )
            return f"{words}: {cure}"
        if inverse.map.known < ENOUGH and inverse.model.kind == "orthogonal":
            share = f"{inverse.map.known:.0%} of the directions of a block"
            return f"the pairs determine {share}: more would give more"
        return ""


def _images(
    inverse: Inverse,
    order: Tensor | None,
    form: LinearForm,
    observation: Observation,
    context: Context,
) -> Tensor:
    """Plain images ``(N, C, H, W)`` uint8, computed a few at a time."""
    import torch

    representation, shape = observation.scheme.representation, observation.image_shape
    padded, done = representation.shape(shape), []
    for part in observation.ciphertexts.split(IMAGES_AT_ONCE):
        vectors = form.cipher_vectors(part.to(context.device))
        if order is not None:
            vectors = vectors[:, order]
        values = form.from_plain_vectors(inverse.map(vectors), padded)
        done.append(representation.restore(form.levels(values), shape))
    return torch.cat(done)


def _notes(inverse: Inverse) -> dict[str, Any]:
    """Facts for the report."""
    return {
        "matrices": "orthogonal" if inverse.model.kind == "orthogonal" else "least squares",
        "directions known": round(inverse.map.known, 4),
        "unexplained of what was left out": float(f"{inverse.unexplained:.3g}"),
    }
