"""Ciphertexts alone against one secret matrix: covariances of blocks, aligned with public ones."""

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
    from ppattack.solvers.linear.alignment import Components
    from ppattack.target.base import PublicScheme
    from ppattack.target.linear_form import LinearForm

NOISE_IMAGES = 64
"""Images of photograph-like noise that stand in for public images if there are none."""
FEWEST_COMPONENTS = 8
"""With fewer the images are thumbnails."""


class PrincipalComponents(Attack):
    """Images under one secret orthogonal matrix, from ciphertexts alone.

    The covariances of blocks and of their neighbours are those of natural images, rotated by the
    secret matrix. They are aligned with those of public images in the leading principal
    components, and what covariances leave open (negatives, reflected colours) is decided by third
    moments. The number of components grows with that of ciphertexts: one ciphertext of 14 × 14
    blocks gives three, which is a thumbnail; 40 give sixty.

    Threat model: ciphertexts under one key, or a single one. Public images of the same kind are
    used if there are any; without them, noise with the spectrum of photographs takes their place.

    Deviations: not published for this scheme. That inner products survive orthogonal matrices is
    well known; what follows from it for images is measured here.

    Reference: the ppattack authors: Alignment of covariances of neighbouring blocks. ppattack,
    2026.
    """

    card = AttackCard(
        name="principal-components",
        title="One secret matrix from ciphertexts alone, by covariances of neighbouring blocks",
        reference=Reference(
            "the ppattack authors",
            "Alignment of covariances of neighbouring blocks",
            "ppattack",
            2026,
        ),
        recovers=("images",),
        requires=ThreatModel(key_scope="dataset"),
        ciphers=("tokens",),
        seconds=10.0,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        components: Annotated[
            int,
            Interval(ge=1, le=1000),
            Doc("principal components to align, at most; fewer ciphertexts place fewer"),
        ] = 60
        images: Annotated[
            int, Interval(ge=1), Doc("public images whose covariances are taken, at most")
        ] = 300

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"components": 30, "images": 64},
        "standard": {},
        "paper": {"images": 2000},
    }

    @override
    def welcomes_public_images(self) -> bool:
        """Optional: they say what covariances to expect."""
        return True

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """Blocks as large, with as many ciphertexts: both decide how many components are found."""
        size = 4 if scheme.linear is None else scheme.linear.block_size
        return ControlTarget("rom", {"block_size": size}, same_count=True)

    @override
    def negative_control(self) -> ControlTarget:
        """The same with one key per image: blocks of different images then share no matrix."""
        return ControlTarget("rom", {"block_size": 4}, "image")

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        """Why it cannot attack a scheme: it needs one orthogonal matrix, and blocks in place."""
        reason, form = super().obstacle(scheme, image_shape), scheme.linear
        if reason is not None:
            return reason
        if form is None:
            return "it needs a scheme that multiplies blocks by matrices and says which blocks"
        if not form.orthogonal or not form.shared:
            return "it needs one orthogonal matrix that all blocks share"
        if form.moves_blocks:
            return "blocks change places, so no neighbours are known"
        return None

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        """Align components, decide their signs, and show the images in them."""
        from ppattack.solvers.linear import alignment
        from ppattack.solvers.linear.alignment import Components
        from ppattack.solvers.linear.colour_signs import reflected

        form = observation.scheme.linear
        assert form is not None  # noqa: S101 — obstacle() has made sure
        padded = observation.scheme.representation.shape(observation.image_shape)
        ciphers = observation.ciphertexts.to(context.device)
        grid = (padded[1] // form.block_size, padded[2] // form.block_size)
        blocks = form.cipher_vectors(ciphers)[:, :, 0].unflatten(1, grid)
        count = min(
            self.config.components,
            blocks.shape[3],
            alignment.components_that(blocks[..., 0].numel()),
        )
        with context.progress.task("aligning components", alignment.ROUNDS) as task:
            images = self._natural(observation, context)
            both = (
                form.plain_vectors(form.values(part))[:, :, 0].unflatten(1, grid)
                for part in (images, images.flip(3))
            )
            plain, mirrored = both
            public = Components.of(plain, count, mirrored=mirrored)
            ours = Components.of(blocks, count)
            found = alignment.rotation(ours, public, task.update)
            found = reflected(ours, public, found, padded[0])
        return Recovery(
            images=_images(ours, public, found, form, observation),
            notes=self._notes(ours, observation),
            up_to_state=True,
            limits=_limits(count, blocks[..., 0].numel()),
        )

    def _natural(self, observation: Observation, context: Context) -> Tensor:
        """Public images of whole blocks, or noise like them, on the context's device."""
        from ppattack.target.natural_noise import natural_images

        if observation.threat.public == "none":
            shape = (NOISE_IMAGES, *observation.image_shape)
            images = natural_images(context.torch_stream("noise"), shape)
        else:
            from ppattack.training.public_images import sample_rows

            rows = sample_rows(observation, context, self.config.images)
            images = observation.public_images[rows]
        return observation.scheme.representation.prepare(images.to(context.device))

    def _notes(self, ours: Components, observation: Observation) -> dict[str, Any]:
        public = observation.threat.public != "none"
        return {
            "components": ours.basis.shape[1],
            "numbers in a block": ours.basis.shape[0],
            "public": "public images" if public else "noise with the spectrum of photographs",
        }


def _limits(count: int, blocks: int) -> str:
    """Why a failure says nothing about the scheme."""
    if count < FEWEST_COMPONENTS:
        return (
            f"{blocks} blocks place {count} component{'s' * (count != 1)}, which make "
            "thumbnails: give it more ciphertexts"
        )
    return ""


def _images(
    ours: Components,
    public: Components,
    found: Tensor,
    form: LinearForm,
    observation: Observation,
) -> Tensor:
    """Plain images ``(N, C, H, W)`` uint8 from components."""
    from ppattack.solvers.linear.colour_signs import shift

    representation, shape = observation.scheme.representation, observation.image_shape
    values = ours.values.flatten(0, 2).double() @ found + shift(ours, public, found)
    blocks = (values @ public.basis.T + public.mean).float()
    grouped = blocks.view(len(ours.values), -1, 1, blocks.shape[1])
    plain = form.from_plain_vectors(grouped, representation.shape(shape))
    return representation.restore(form.levels(plain), shape)
