"""Private images from InstaHide's encodings: statistics alone, no network, no training.

Signs are gone in absolute values, and every private image is in many encodings. Whitened absolute
values name the encodings that share an image, and expectation-maximisation over all signs gives
the images back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.solvers.instahide.solution import Solution
    from ppattack.target.base import PublicScheme
    from ppattack.target.mixing import MixingLaw, Scale

SCHEME = "instahide"
FEWEST_PUBLIC = 50
"""Public images from which a covariance can be learnt."""
CONTROL_ROUNDS = 20
NOT_REAL = (
    "groups of encodings found in half of the features share nothing in the other half: there are "
    "too few rounds, or the encodings are not mixtures by this law"
)


class InstaHideStatistics(Attack):
    """Private images by whitened statistics and expectation-maximisation over signs.

    From public images it learns what absolute mixtures look like, and how one image changes them.
    Encodings that share an image are grouped by a likelihood ratio, groups are settled by
    expectation-maximisation, and what squares of mixtures say of products of images gives signed
    images to start from. A second expectation-maximisation finds the signs of all mixtures and the
    images; then each mixture's signs are settled so that it looks like a sum of natural images,
    which names members of small weight too.

    Threat model: encodings, the law of mixing and public images. Soft labels are used where they
    are given (``ppattack challenge instahide solve``).

    Images come back in no order: a run scores each where it fits best, and all blind baselines
    likewise.

    Reference: the ppattack authors: InstaHide by statistics alone. ppattack, 2026. The idea of
    absolute values, groups and a joint solution: N. Carlini, S. Deng, S. Garg, S. Jha,
    S. Mahloujifar, M. Mahmoody, A. Thakurta, F. Tramèr: Is Private Learning Possible with Instance
    Encoding? IEEE Symposium on Security and Privacy, 410-427 (2021). arXiv:2011.05315.
    """

    card = AttackCard(
        name="instahide-statistics",
        title="InstaHide by statistics: groups of encodings, then signs, without a network",
        reference=Reference(
            "the ppattack authors", "InstaHide by statistics alone", "ppattack", 2026
        ),
        recovers=("images",),
        requires=ThreatModel(public="unpaired", own_keys=True),
        ciphers=("tokens",),
        seconds=60.0,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        iterations: Annotated[
            int,
            Interval(ge=1, le=1000),
            Doc("iterations over signs and images, in each of five turns"),
        ] = 12
        refinements: Annotated[
            int,
            Interval(ge=0, le=20),
            Doc("times that mixtures are signed and their members named again"),
        ] = 3
        samples: Annotated[
            int, Interval(ge=500), Doc("own mixtures from which statistics are learnt")
        ] = 20_000

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"iterations": 3, "refinements": 0, "samples": 500},
        "standard": {},
        "paper": {"refinements": 5},
    }

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        if scheme.name != SCHEME:
            return f"it reads the mixtures of '{SCHEME}', not '{scheme.name}'"
        return super().obstacle(scheme, image_shape)

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget | None:
        """Mixtures of two images of which one is private: as many encodings of each."""
        cropped = getattr(scheme.config, "augment", False)
        settings = {"members": 2, "private": 1, "least_private": 0.3, "augment": cropped}
        rounds = max(CONTROL_ROUNDS, getattr(scheme.config, "rounds", CONTROL_ROUNDS))
        return ControlTarget(SCHEME, {**settings, "rounds": rounds}, same_count=True)

    @override
    def negative_control(self) -> ControlTarget:
        """Mixtures that share nothing: every image is the first member of one."""
        return ControlTarget(SCHEME, {"rounds": 1}, same_count=True)

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        import torch

        target: Any = observation.scheme.target
        law, scale = target.law, target.scale
        encodings = observation.ciphertexts.flatten(0, 1).float().to(context.device)
        count = len(observation.ciphertexts)
        pool = observation.public_images.to(context.device)
        public = target.public_images(observation.image_shape).to(context.device)
        found = self.reconstruct(encodings, None, law, scale, count, pool, public, context)
        mean = pool.float().mean(0).round().to(torch.uint8)
        images = mean.expand(count, -1, -1, -1).clone()
        if found is None:
            return Recovery(images=images, unordered=True, limits="no group of encodings was found")
        if found.real:  # what is not is fitted to noise, and would be placed by luck
            levels = scale.levels(found.images)[:count]
            images[: len(levels)] = levels
        return Recovery(
            images=images,
            unordered=True,
            notes=found.notes,
            limits="" if found.real else NOT_REAL,
            refuted=not found.real,
        )

    def reconstruct(
        self,
        encodings: Tensor,
        labels: Tensor | None,
        law: MixingLaw,
        scale: Scale,
        images: int,
        pool: Tensor,
        public: Tensor,
        context: Context,
    ) -> Solution | None:
        """The private images of a release; None if no encodings share one.

        Args:
            encodings: ``(E, C, H, W)`` float32.
            labels: ``(E, classes)`` private weights at their classes, or None.
            law: of the mixtures.
            scale: of the numbers.
            images: private images.
            pool: ``(M, C, H, W)`` uint8 images of the kind of the private ones.
            public: ``(P, C, H, W)`` uint8 images of the kind of the public members.
            context: device, seed and progress.

        Raises:
            NotApplicable: for too few public images.
        """
        from ppattack.errors import NotApplicable
        from ppattack.solvers.instahide import stages
        from ppattack.solvers.instahide.release import make_release
        from ppattack.training.kept import Kept

        if len(pool) < FEWEST_PUBLIC:
            raise NotApplicable(
                f"attack '{self.card.name}' learns from public images, and {len(pool)} are too few:"
                f" give {FEWEST_PUBLIC} or more."
            )
        seed, progress = context.seed, context.progress
        learnt = stages.learn_once(
            pool,
            public if len(public) else pool[:1],
            law,
            scale,
            seed,
            self.config.samples,
            progress,
        )
        release = make_release(encodings, law, images, labels)
        facts = {"settings": asdict(self.config), "law": asdict(law), "images": images}
        facts["seed"] = seed
        slots = {"classes": release.slots.classes, "weights": release.slots.weight}
        seen = {"values": release.values, "pool": pool, "public": public, **slots}
        kept = Kept.of(context.checkpoints, progress, seen, facts, stages.CODE)
        return stages.solve(
            release,
            learnt,
            progress,
            iterations=self.config.iterations,
            refinements=self.config.refinements,
            kept=kept,
        )
