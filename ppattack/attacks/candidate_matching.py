"""Candidate matching: which of many known images a ciphertext is of, whatever its key.

A key per image hides the picture. It does not hide which picture it is: what every key leaves
alone, such as the histogram of folded values, names the right one of thousands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.data.alterations import Alteration, degraded, noisy, stand_ins
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    import torch
    from torch import Generator, Tensor

    from ppattack.images import ImageShape
    from ppattack.solvers.candidates.gallery import Images, Ranking
    from ppattack.target.base import PublicScheme

VAIN = 0.1
"""Share of own altered ciphertexts below which nothing was found that keys leave alone."""
OUTSIDE = (
    "it names hardly any of its own ciphertexts under own keys: nothing that it looks at is left "
    "alone by this scheme"
)
LIKELY = 0.01
"""A match is counted as sure below this p-value."""


class CandidateMatching(Attack):
    """Matching of single ciphertexts with candidate plain images, or altered copies of them.

    Invariants follow from what the scheme makes public: values folded at mid-grey, pixels or
    blocks that stay in place, distances between blocks that share a key, blocks that turn. Exact
    copies share them to the last bit. For others the candidates, degraded and encrypted under own
    keys, are pairs whose answer is known: canonical correlations between the two sides give a
    likelihood ratio. Copies that were moved by a pixel or brightened are tried as such. Blocks
    that moved are compared one by one for the likeliest candidates. A p-value tells images that
    are not among the candidates. With ``link`` the candidates are ciphertexts under other keys; if
    the scheme separates nibbles and moves blocks, what an alteration does to them is learned from
    noise that looks like photographs, under own keys.

    The alterations that it covers: JPEG from quality 50, resizing to three quarters, noise of
    three grey levels, brightness from .8 to 1.2, shifts by a pixel; exact copies always.

    Threat model: the victims' plain images among the candidates (exact or altered copies), with
    distractors; the public algorithm under own keys; one key for all images or one each.

    Reference: the ppattack authors: Candidate matching by key-independent invariants.
    ppattack, 2026.
    """

    card = AttackCard(
        name="candidate-matching",
        title="Candidate matching: which known image a ciphertext is of, whatever its key",
        reference=Reference(
            "the ppattack authors",
            "Candidate matching by key-independent invariants",
            "ppattack",
            2026,
        ),
        recovers=("matching",),
        requires=ThreatModel(public="candidates", own_keys=True, distractors=1000),
        seconds=10.0,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        distractors: Annotated[
            int, Interval(ge=0), Doc("candidates that nobody encrypted, at most")
        ] = 1000
        altered: Annotated[
            Alteration, Doc("how the candidates differ from the encrypted images")
        ] = "none"
        absent: Annotated[
            float,
            Interval(ge=0, le=0.9),
            Doc("share of the ciphertexts whose images are not among the candidates"),
        ] = 0.0
        link: Annotated[
            bool, Doc("the candidates are ciphertexts under other keys, not plain images")
        ] = False
        views: Annotated[
            bool, Doc("try each candidate moved by a pixel and at other gains too")
        ] = True

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"distractors": 300, "views": False},
        "standard": {},
        "paper": {"distractors": 10_000},
    }

    @override
    def requires(self) -> ThreatModel:
        return ThreatModel(
            public="candidates",
            own_keys=not self.config.link,
            distractors=self.config.distractors,
            altered=self.config.altered,
            absent=self.config.absent,
            linked=self.config.link,
        )

    @override
    def welcomes_own_keys(self) -> bool:
        """Optional where ciphertexts are linked: own pairs show what an alteration does."""
        link: bool = self.config.link
        return link

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """A scheme that leaves no more alone than the one under attack, each image its key."""
        structure = scheme.structure
        if structure.unit == "nibble":
            moved = structure.kind in ("any", "blocks")
            return ControlTarget("ele" if moved else "le", {}, "image")
        if structure.kind in ("none", "pixels"):
            return ControlTarget("pe", {"color_shuffle": True}, "image")
        return ControlTarget("etc", {"block_size": 4}, "image")

    @override
    def at_control_budget(self) -> Attack:
        few = min(self.config.distractors, 300)
        return type(self)(self.config, distractors=few, views=False, absent=0.0)

    @override
    def for_control(self, scheme: PublicScheme) -> Attack:
        """As hard as the case: as many candidates, altered alike; every image is among them."""
        del scheme
        return type(self)(self.config, absent=0.0)

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        from ppattack.solvers.candidates.gallery import Gallery
        from ppattack.solvers.candidates.match import STEPS, match
        from ppattack.solvers.candidates.views import VIEWS

        candidates = observation.public_images.to(context.device)
        ciphertexts, scheme = observation.ciphertexts.to(context.device), observation.scheme
        rng = context.numpy_stream("own keys")

        def encrypt(images: Tensor) -> Tensor:
            made = scheme.encrypt_with_fresh_keys(images, rng)
            return made if observation.jpeg is None else observation.jpeg.transport(made)

        stack = observation.public_stack if candidates.is_cpu else None
        prepare = scheme.representation.prepare
        gallery = Gallery(candidates, prepare, stand_ins, degraded, encrypt, stack)
        if observation.threat.linked:
            # Noise on bytes is noise on the image, whatever their places and complements.
            whole = scheme.structure.unit == "byte"
            hard = scheme.structure.moves_blocks and not whole
            alike = partial(_own, observation.image_shape, candidates.device, encrypt)
            own = alike if hard and scheme.own_keys else None
            alter = noisy if whole else None
            gallery = Gallery(candidates, _as_it_is, None, alter, _as_it_is, stack, own)
        steps = iter(range(1, 1000))
        views = VIEWS if self.config.views and not observation.threat.linked else VIEWS[:1]
        with context.progress.task("candidates", STEPS + len(views)) as task:
            found = match(
                scheme.structure,
                gallery,
                ciphertexts,
                views,
                context.torch_stream("candidates"),
                lambda: task.update(next(steps)),
                context.workers if candidates.is_cpu else None,
            )
        limits = _limits(found, scheme.structure.kind, len(candidates))
        return Recovery(
            matching=found.candidates[:, 0],
            ranking=found.candidates,
            p_values=found.p_values,
            exact=found.exact,
            notes={
                "candidates": len(candidates),
                "exact copies": int(found.exact.sum()),
                "canonical correlations": found.correlations,
                "matched under a view": int((found.views > 0).sum()),
                "sure matches": int((found.p_values < LIKELY).sum()),
                "right under own keys": found.rehearsed and round(found.rehearsed, 3),
            },
            limits=limits,
            refuted=found.rehearsed is None and not bool(found.exact.any()),
        )


def _limits(found: Ranking, kind: str, candidates: int) -> str:
    """Why a failure says nothing about the scheme, in words that follow "but"."""
    from ppattack.solvers.candidates.match import FEWEST

    if candidates < FEWEST and not bool(found.exact.all()):
        return f"{candidates} candidates are too few to learn from: give {FEWEST} or more"
    vain = found.rehearsed is not None and found.rehearsed < VAIN
    return OUTSIDE if vain and kind == "any" else ""


def _own(
    shape: ImageShape, device: torch.device, encrypt: Images, count: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Ciphertexts of images like photographs, and of altered copies of them, under own keys."""
    from ppattack.target.natural_noise import natural_images

    images = natural_images(generator, (count, *shape)).to(device)
    return encrypt(images), encrypt(degraded(images, generator))


def _as_it_is(images: Tensor) -> Tensor:
    """Ciphertexts need neither preparation nor another key."""
    return images
