"""Known pairs against encoders: learn the inverse, patch by patch, and read images from codes.

Whoever has a few images together with their codes need not guess the secret network: it is the
same for all images, so its inverse is a regression problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.solvers.neuracrypt.encoder_regression import Inverse
    from ppattack.target.base import PublicScheme
    from ppattack.target.neural import NeuralTarget

LINEAR_DEPTH = 1
CONTROL = {"variant": "small", "depth": LINEAR_DEPTH, "shuffle": False}
ORDER_IMAGES = 256
"""Public images that help to find the order of patches, at most."""
IMAGES_AT_ONCE = 64


class EncoderRegression(Attack):
    """Images from codes, by a regression on known pairs.

    Every patch of a known image is an example, because one network encodes them all. The mean code
    of each place is subtracted from its codes, which are then whitened; kernel ridge regression
    gives patches, and a second one corrects it place by place if that lowers the error on images
    left out. The ridge is the strongest that is not clearly worse on images left out than the best
    one. Without evidence the answer is the mean image, or, without public images, the mean known
    patch.

    If patches are shuffled, the codes of every image are first brought into one order, as
    ``neuracrypt-matching`` does; which place shows which patch follows from the pairs.

    Threat model: ``pairs`` known pairs under the one key of the data set; the public algorithm
    under own keys. Public images of the same kind are used if there are any.

    Deviations: not published for these schemes.

    Reference: the ppattack authors: Regression on known pairs of encoded patches. ppattack, 2026.
    """

    card = AttackCard(
        name="encoder-regression",
        title="Regression on known pairs: images from the codes of a random network",
        reference=Reference(
            "the ppattack authors",
            "Regression on known pairs of encoded patches",
            "ppattack",
            2026,
        ),
        recovers=("images",),
        requires=ThreatModel(pairs=30, own_keys=True, key_scope="dataset"),
        ciphers=("tokens",),
        seconds=20.0,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        pairs: Annotated[int, Interval(ge=1, le=10_000), Doc("known pairs")] = 30
        centres: Annotated[
            int,
            Interval(ge=1, le=20_000),
            Doc("known patches that span the regression; with at least all of them it is exact"),
        ] = 2000
        own_encoders: Annotated[
            int,
            Interval(ge=1, le=1000),
            Doc("the adversary's own encoders, to find the order of shuffled patches"),
        ] = 8

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"pairs": 8, "centres": 500, "own_encoders": 4},
        "standard": {},
        "paper": {"pairs": 300, "centres": 8000},
    }

    @override
    def requires(self) -> ThreatModel:
        return ThreatModel(pairs=self.config.pairs, own_keys=True, key_scope="dataset")

    @override
    def welcomes_public_images(self) -> bool:
        """Optional: their mean is the answer without evidence."""
        return True

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget | None:
        """The linear encoder without a shuffle."""
        return ControlTarget("neuracrypt", CONTROL)

    @override
    def negative_control(self) -> ControlTarget:
        """The same with one key per image, for pairs too: they then tell nothing of others."""
        return ControlTarget("neuracrypt", CONTROL, "image")

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        """Why it cannot attack a scheme: it needs a network whose order of patches can be found."""
        from ppattack.target.neural import NeuralTarget  # here: it loads NumPy

        reason = super().obstacle(scheme, image_shape)
        if reason is not None:
            return reason
        if not isinstance(scheme.target, NeuralTarget):
            return "it inverts a random network, and this scheme has none"
        if scheme.target.shuffles and scheme.target.config.depth == LINEAR_DEPTH:
            return (
                "the linear encoder adds no positions from which its shuffle could be undone "
                "(shuffle=false can be attacked)"
            )
        return None

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        """Put patches in order, fit, and predict."""
        from ppattack.solvers.neuracrypt.encoder_regression import Inverse, Whitening
        from ppattack.solvers.neuracrypt.features import patches

        target = cast("NeuralTarget", observation.scheme.target)  # as obstacle() has made sure
        case = _case(observation, target, context, self.config.own_encoders)
        prepare = observation.scheme.representation.prepare
        known = patches(prepare(case.plain), target.patch_size).double()
        if len(case.public):
            public = patches(prepare(case.public), target.patch_size)
            mean = public.sum(dim=0).double() + known.sum(dim=0)
            mean /= len(public) + len(known)
        else:
            mean = known.mean(dim=(0, 1))[None]
        codes, count = case.codes, len(known)
        inverse = Inverse.learnt(
            Whitening.of(codes),
            codes[:count],
            known,
            mean,
            self.config.centres,
            context.torch_stream("centres"),
        )
        unexplained = inverse.residuals.square().mean() / (known - mean).square().mean()
        return Recovery(
            images=_images(inverse, codes[count:], observation, target),
            notes={
                "ridge": inverse.shared.ridge if isfinite(inverse.shared.ridge) else None,
                "centres": len(inverse.shared.centres),
                "corrected place by place": bool(inverse.places),
                "unexplained of known patches left out": round(float(unexplained), 4),
            },
        )


@dataclass(frozen=True)
class _Case:
    """What the regression starts from.

    Args:
        plain: ``(K, C, H, W)`` uint8 known images.
        public: ``(M, C, H, W)`` uint8, possibly none.
        codes: ``(K + N, P, D)`` of the known images, then of the victims', in plain order.
    """

    plain: Tensor
    public: Tensor
    codes: Tensor


def _case(observation: Observation, target: NeuralTarget, context: Context, keys: int) -> _Case:
    import torch

    from ppattack.solvers.neuracrypt.known_places import known_places
    from ppattack.solvers.neuracrypt.own_keys import OwnEncoders
    from ppattack.solvers.neuracrypt.unshuffle import in_order, patch_orders

    device = context.device
    plain, known = (stack.to(device) for stack in observation.known_pairs)
    granted = observation.threat.public != "none"
    public = observation.public_images.to(device) if granted else plain[:0]
    codes = target.tokens(torch.cat([known, observation.ciphertexts.to(device)]))
    if target.shuffles:
        codes = in_order(codes, patch_orders(codes))
        own = OwnEncoders(target, observation.image_shape, context)
        images = target.normalised(torch.cat([plain, public[:ORDER_IMAGES]]))
        places = known_places(own, len(plain), images, codes, keys)
        codes = codes[:, places.argsort()]
    return _Case(plain, public, codes)


def _images(
    inverse: Inverse, codes: Tensor, observation: Observation, target: NeuralTarget
) -> Tensor:
    """Plain images ``(N, C, H, W)`` uint8, computed a few at a time."""
    import torch

    from ppattack.solvers.neuracrypt.encoder_regression import from_patches

    shape = target.padded_shape(observation.image_shape)
    parts = [
        from_patches(inverse(part).clamp_(0, 255).round_().to(torch.uint8), shape)
        for part in codes.split(IMAGES_AT_ONCE)
    ]
    return observation.scheme.representation.restore(torch.cat(parts), observation.image_shape)
