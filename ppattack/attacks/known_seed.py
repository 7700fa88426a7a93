"""Known seeds: data whose keys were drawn by published code from small integers.

It breaks published data, not schemes: a key drawn at random is not among those it tries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import ConfigError
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.permxor import PermXor
    from ppattack.target.base import PublicScheme
    from ppattack.target.pixel import PermXorTarget

SEEDS = Interval(ge=0, lt=2**32)
SAMPLE_BYTES = 200_000
"""Bytes of ciphertexts that are decrypted under each seed, but one image at least: enough to tell a
photograph from noise."""


class KnownSeed(Attack):
    """Try the seeds that published code is run with; the smoothest decryption wins.

    It breaks data that was published with such a key, not the scheme: against a key that was
    drawn at random it finds nothing. For every seed it derives the key as the published code
    does, decrypts some ciphertexts, and sums the squared differences of neighbouring pixels.

    A scheme whose published code can give few keys only lists them (``likely_seeds``), with how
    likely each is; then the likeliest are tried, whatever the seed was.

    Threat model: ciphertexts only; the adversary runs the published code under its own seeds.
    One key for the whole data set.

    Deviations: if published code loses symbols (colours, or levels by truncation), what is scored
    and returned is decrypted as far as possible.

    Reference: the ppattack authors: Keys of published code from small seeds. ppattack, 2026.
    """

    card = AttackCard(
        name="known-seed",
        title="Known seeds: keys of published data, not of schemes, from small integers",
        reference=Reference(
            "the ppattack authors", "Keys of published code from small seeds", "ppattack", 2026
        ),
        recovers=("key", "images"),
        requires=ThreatModel(own_keys=True, key_scope="dataset"),
        seconds=10.0,
        level="search",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        first: Annotated[int, SEEDS, Doc("first seed tried")] = 0
        last: Annotated[int, SEEDS, Doc("last seed tried")] = 1000
        images: Annotated[
            int, Interval(ge=1, le=1000), Doc("ciphertexts decrypted under each seed")
        ] = 16
        likely: Annotated[
            int,
            Interval(ge=0, le=100_000),
            Doc(
                "keys tried, the likeliest first, if code gives few: a list. 0: seeds all the same"
            ),
        ] = 1200

        def __post_init__(self) -> None:
            if self.last < self.first:
                raise ConfigError(f"last {self.last} is below first {self.first}")

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"last": 20, "likely": 100},
        "standard": {},
        "paper": {},
    }

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        seed = (self.config.first + self.config.last) // 2
        return ControlTarget("le", {"variant": "ito", "legacy_seed": seed})

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        reason = super().obstacle(scheme, image_shape)
        if reason is not None:
            return reason
        if not hasattr(scheme.config, "legacy_seed"):
            return "no published code draws its keys from a seed"
        if scheme.config.variant == "paper":
            return "its keys come from no seed; choose a published code's variant"
        if not self._decides(scheme.target, image_shape):
            return "the seed alone does not give the key of this variant"
        return None

    def _decides(self, target: Any, image_shape: ImageShape) -> bool:
        """Whether a seed alone gives the key, whatever else is drawn."""
        import numpy as np

        first, second = (
            self._key(target, 0, image_shape, np.random.default_rng(i)) for i in range(2)
        )
        same = np.array_equal(first.index, second.index) and np.array_equal(first.mask, second.mask)
        return bool(same)

    def _key(
        self, target: PermXorTarget, seed: int, shape: ImageShape, rng: np.random.Generator
    ) -> PermXor:
        seeded = type(target)(target.config, legacy_seed=seed)
        return seeded.permxor(seeded.generate_key(rng, shape))

    def _listed(self, target: Any, shape: ImageShape) -> list[tuple[int, float]]:
        """The likeliest keys, each as a seed and its share of all, if the scheme lists them."""
        if not self.config.likely or not hasattr(target, "likely_seeds"):
            return []
        found: list[tuple[int, float]] = target.likely_seeds(shape)
        return found[: self.config.likely]

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        from ppattack.solvers.known_pairs.symbols import partial_inverse
        from ppattack.solvers.known_pairs.tie_breaking import roughness

        target: Any = observation.scheme.target
        shape = observation.image_shape
        ciphertexts = observation.ciphertexts.to(context.device)
        channels, height, width = ciphertexts.shape[1:]
        rng = context.numpy_stream("unused by seeded keys")

        def decrypted(key: PermXor, images: Tensor) -> Tensor:
            plain = partial_inverse(key, (channels, height, width))(images)
            return observation.scheme.representation.restore(plain, shape)

        listed = self._listed(target, shape)
        seeds = [seed for seed, _ in listed]
        seeds = seeds or list(range(self.config.first, self.config.last + 1))
        fitting = max(1, SAMPLE_BYTES // ciphertexts[0].numel())
        sample = ciphertexts[: min(self.config.images, fitting)]
        scores = []
        with context.progress.task("seeds", len(seeds)) as bar:
            for done, seed in enumerate(seeds):
                key = self._key(target, seed, shape, rng)
                scores.append(roughness(decrypted(key, sample)))
                bar.update(done + 1)
        ranked = sorted(range(len(seeds)), key=scores.__getitem__)
        key = self._key(target, seeds[ranked[0]], shape, rng)
        known = {"share of all keys tried": sum(share for _, share in listed)} if listed else {}
        return Recovery(
            images=decrypted(key, ciphertexts),
            key=key,
            notes={
                "breaks": "published data, not the scheme",
                **known,
                "seed": seeds[ranked[0]],
                "seeds tried": len(seeds),
                "roughness": scores[ranked[0]],
                "roughness of the second": scores[ranked[1]] if len(seeds) > 1 else None,
            },
        )
