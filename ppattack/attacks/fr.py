"""FR, the feature reconstruction attack: complements and colour shuffles undone pixel by pixel.

It works on schemes that leave every byte near its place: pixel-wise encryption, above all. It
does nothing about blocks that moved. No key, no training, and in its default mode nothing but
the ciphertexts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc
from ppattack.errors import ConfigError
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.target.base import PublicScheme

GONE_MODES = {
    "learned": "'learned' is now the attack 'fold'",
    "mrf": "'mrf' is now the attack 'fold' with attack.mode=mrf",
}
"""Former modes, and where they went."""


class FeatureReconstruction(Attack):
    """Feature reconstruction in its three published modes.

    ``basic`` takes the darker of each byte and its complement. ``advanced`` picks, pixel by
    pixel, the complements and the channel order nearest to the neighbour already decoded.
    ``same-key`` reads the key from the ciphertext of one chosen image, and is exact.

    Threat model: ``basic``, and ``advanced`` from an encrypted seed pixel, ciphertexts only;
    ``advanced`` from a mean seed pixel, public images too; ``same-key``, one chosen plaintext
    under the key of the whole data set.

    Deviations: the published ``advanced`` mode starts from the victim's true first pixel, which
    no threat model grants, so here it starts from the mean colour of public images or from the
    encrypted pixel; :func:`ppattack.solvers.folding.feature_reconstruction.advanced` takes any.

    Reference: A. H. Chang, B. M. Case: Attacks on Image Encryption Schemes for
    Privacy-Preserving Deep Neural Networks. arXiv:2004.13263, 2020.
    """

    card = AttackCard(
        name="fr",
        title="Feature reconstruction: undo complements and colour shuffles pixel by pixel",
        reference=Reference(
            authors="A. H. Chang, B. M. Case",
            title="Attacks on Image Encryption Schemes for Privacy-Preserving Deep Neural Networks",
            venue="arXiv",
            year=2020,
            arxiv="2004.13263",
        ),
        recovers=("images", "key"),
        requires=ThreatModel(),
        seconds=0.01,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        mode: Annotated[
            Literal["basic", "advanced", "same-key"],
            Doc("what is tried, and so what must be known: see the description"),
        ] = "basic"
        bright: Annotated[
            bool, Doc("basic: take the brighter of each byte and its complement, not the darker")
        ] = False
        seed_pixel: Annotated[
            Literal["mean", "encrypted"],
            Doc(
                "advanced: what the first pixel is compared with, the mean colour of the public "
                "images or the encrypted pixel itself"
            ),
        ] = "mean"
        reference: Annotated[
            Literal["up", "4nbr"],
            Doc("advanced: compare with the pixel above, or with the four already decoded"),
        ] = "up"
        tie: Annotated[
            Literal["last", "first"],
            Doc("advanced: which of several nearest channel orders wins; published: last"),
        ] = "last"
        color_shuffle: Annotated[
            Literal["auto", "on", "off"],
            Doc(
                "advanced: whether the channels of a pixel may have changed places; auto: if the "
                "scheme's settings say so"
            ),
        ] = "auto"

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {},
        "standard": {},
        "paper": {},
    }

    def __init__(self, config: Any = None, *, preset: str | None = None, **settings: Any) -> None:
        mode = str(settings.get("mode"))
        if mode in GONE_MODES:
            raise ConfigError(f"attack.fr.mode: {GONE_MODES[mode]}.")
        super().__init__(config, preset=preset, **settings)

    def requires(self) -> ThreatModel:
        """See :meth:`Attack.requires`."""
        if self.config.mode == "same-key":
            return ThreatModel(chosen=1, key_scope="dataset")
        if self.config.mode == "advanced" and self.config.seed_pixel == "mean":
            return ThreatModel(public="unpaired")
        return ThreatModel()

    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """See :meth:`Attack.positive_control`."""
        del scheme
        shuffle = {"color_shuffle": True} if self.config.mode == "same-key" else {}
        return ControlTarget("pe", shuffle)

    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        """See :meth:`Attack.obstacle`."""
        if self.config.mode == "same-key" and hasattr(scheme.config, "block_size"):
            return "mode 'same-key' undoes pixel-wise schemes, and this one works on blocks"
        return super().obstacle(scheme, image_shape)

    def choose_plaintexts(self, scheme: PublicScheme, image_shape: ImageShape) -> Tensor | None:
        """See :meth:`Attack.choose_plaintexts`."""
        del scheme
        if self.config.mode != "same-key":
            return None
        from ppattack.solvers.folding import feature_reconstruction as solver

        return solver.helper_image(image_shape)

    def run(self, observation: Observation, context: Context) -> Recovery:
        """See :meth:`Attack.run`."""
        from ppattack.solvers.folding import feature_reconstruction as solver

        observation.refuse_other_shapes(self.card.name, larger=True)
        ciphertexts = observation.ciphertexts.to(context.device)
        if self.config.mode == "basic":
            return Recovery(images=solver.fold(ciphertexts, bright=self.config.bright))
        if self.config.mode == "same-key":
            key = solver.same_key(observation.chosen_pairs[1][0])
            return Recovery(images=key.inverse()(ciphertexts), key=key)
        shuffled = self._tries_orders(observation.scheme)
        images = solver.advanced(
            ciphertexts,
            self._seed_pixels(observation).to(context.device),
            color_shuffle=shuffled,
            reference=self.config.reference,
            tie=self.config.tie,
        )
        return Recovery(images=images, notes={"color_shuffle": shuffled})

    def _tries_orders(self, scheme: PublicScheme) -> bool:
        if self.config.color_shuffle == "auto":
            return bool(getattr(scheme.config, "color_shuffle", False))
        return bool(self.config.color_shuffle == "on")

    def _seed_pixels(self, observation: Observation) -> Tensor:
        """``(N, C)`` uint8: what the first pixel of each ciphertext is compared with."""
        if self.config.seed_pixel == "encrypted":
            return observation.ciphertexts[:, :, 0, 0]
        import torch

        public = observation.scheme.representation.prepare(observation.public_images)
        mean = public.double().mean((0, 2, 3)).round().to(torch.uint8)
        return mean.expand(len(observation.ciphertexts), -1)
