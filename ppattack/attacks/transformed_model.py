"""Transformed models: the key that a model on an untrusted server gives away.

Schemes for vision transformers and ConvMixers keep a classifier's accuracy by transforming its
weights with the key that encrypts the images. If it was made from a public checkpoint, the two are
the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import ConfigError, NotGranted
from ppattack.threat import Observation, ThreatModel, Weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.solvers.known_pairs.transformed_model import Matched
    from ppattack.target.base import PublicScheme

PATCH = 16
"""Edge of the patches of vision transformers, pixels: the control's, if a scheme has no blocks."""
MOST_INPUTS = 3072
"""Inputs of an embedding, at most: all pairs of them are compared (32 x 32 colour pixels)."""
MATCHED = 0.5
"""Share of the inputs that must be nearer to theirs than by chance: models of one origin have 1,
others 0."""
SMOOTHER = 0.95
"""Roughness of what was decrypted over that of ciphertexts, above which nothing was decrypted."""


class TransformedModel(Attack):
    """Read permutation, complements and order of blocks off a transformed model.

    The transformed patch embedding has the weights of the public one in another order: every input
    is matched with the public input whose weights have the largest cosine, and a negative cosine is
    a complement. The table of positions, if there is one, has the public rows in the order of the
    blocks, and is matched by distances. Both by linear assignment if the nearest ones collide, as
    after fine-tuning. No image is needed; ciphertexts are then decrypted with the key.

    Without files the run makes up a model, transforms it with the victims' key, and adds
    ``fine_tuning`` to its weights: that measures the scheme under this threat model, with untrained
    weights. With both files it reads the models that there are.

    Threat model: a public model, and its copy transformed with the one key of the data set.

    Deviations: published work names the threat at most; the attack is ours. It needs an embedding
    that is one convolution as large as its stride, with patches as large as the scheme's blocks.

    Reference: the ppattack authors: The key of a transformed model. ppattack, 2026. Models are
    transformed as in H. Kiya, R. Iijima, A. MaungMaung, Y. Kinoshita, IEICE Transactions on
    Information and Systems E106-D(1):2-11, 2023, arXiv:2207.05366.
    """

    card = AttackCard(
        name="transformed-model",
        title="Transformed models: the key from a public checkpoint and its transformed copy",
        reference=Reference(
            "the ppattack authors", "The key of a transformed model", "ppattack", 2026
        ),
        recovers=("key", "images"),
        requires=ThreatModel(model=True, key_scope="dataset"),
        seconds=1.0,
        level="pairs",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        public_model: Annotated[
            str, Doc("file of the public model: safetensors or a state dict; none: made up")
        ] = ""
        transformed_model: Annotated[
            str, Doc("file of its copy that was transformed with the key; give both or none")
        ] = ""
        embedding: Annotated[
            str, Doc("name of the patch embedding's weights; none: the only tensor of that shape")
        ] = ""
        positions: Annotated[
            str, Doc("name of the table of positions; none: the only tensor of that shape")
        ] = ""
        fine_tuning: Annotated[
            float,
            Interval(ge=0.0, le=10.0),
            Doc("noise on a made-up model after transformation, in standard deviations of weights"),
        ] = 0.0

        def __post_init__(self) -> None:
            if bool(self.public_model) != bool(self.transformed_model):
                raise ConfigError(
                    "one file is no pair: give both attack.public_model and "
                    "attack.transformed_model, or neither"
                )

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {},
        "standard": {},
        "paper": {},
    }

    @override
    def requires(self) -> ThreatModel:
        tuned = 0.0 if self.config.public_model else self.config.fine_tuning
        return replace(self.card.requires, tuned=tuned)

    @override
    def files(self) -> tuple[Path, ...]:
        named = (self.config.public_model, self.config.transformed_model)
        return tuple(Path(each) for each in named if each)

    @override
    def at_control_budget(self) -> Attack:
        nameless = dict.fromkeys(
            ("public_model", "transformed_model", "embedding", "positions"), ""
        )
        return type(self)(self.config, **nameless)

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        structure = scheme.structure
        settings: dict[str, Any] = {"block_size": PATCH}
        if self.obstacle(scheme, (scheme.card.channels[0], 1, 1)) is None:
            settings = {
                "block_size": structure.block_size,
                "scramble": structure.moves_blocks,
                "flips": structure.negatives,
            }
        return ControlTarget("vit-blocks", settings)

    @override
    def negative_control(self) -> ControlTarget:
        """Images under keys of their own, of which the model's key says nothing."""
        return ControlTarget("vit-blocks", {"block_size": PATCH}, key_scope="image")

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        reason = super().obstacle(scheme, image_shape)
        if reason is not None:
            return reason
        structure = scheme.structure
        changed = structure.turns or structure.flips or structure.negatives or structure.colours
        whole = structure.kind == "blocks-dihedral" and not changed
        if structure.unit != "byte" or not (structure.kind == "shared-block" or whole):
            return "no model can follow it: it does not treat the bytes of all blocks alike"
        inputs = image_shape[0] * structure.block_size**2
        if inputs > MOST_INPUTS:
            return f"its blocks have {inputs} bytes, and at most {MOST_INPUTS} are matched"
        return None

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        from ppattack.solvers.known_pairs.tie_breaking import roughness
        from ppattack.solvers.known_pairs.transformed_model import key_of

        observation.refuse_other_shapes(self.card.name)
        public, copy = self._models(observation)
        ciphertexts = observation.ciphertexts.to(context.device)
        channels, height, width = ciphertexts.shape[1:]
        shape, edge = (channels, height, width), observation.scheme.structure.block_size
        found, order, limits = self._matched(public, copy, observation, shape)
        key = key_of(found, order, shape, edge)
        images = key.inverse()(ciphertexts)
        before, after = roughness(ciphertexts), roughness(images)
        refuted = found.certain < MATCHED
        if refuted:
            limits = (
                f"the two models are not of one origin: {found.certain:.0%} of the inputs of the "
                "embedding have a public one that is nearer than by chance"
            )
        elif not limits and after > SMOOTHER * before:
            limits = (
                "the key of the model does not decrypt these ciphertexts, which stay as rough as "
                "they were: they are under another key, or padded or coded otherwise"
            )
        return Recovery(
            images=images,
            key=key,
            notes={
                "models": "files" if self.config.public_model else "made up, untrained",
                "certain inputs": found.certain,
                "roughness of ciphertexts": before,
                "roughness": after,
            },
            limits=limits,
            refuted=refuted,
        )

    def _models(self, observation: Observation) -> tuple[Weights, Weights]:
        from ppattack.data.weight_files import read_weights

        if self.config.public_model:
            first, second = self.files()
            return read_weights(first), read_weights(second)
        try:
            return observation.models
        except PermissionError:
            raise NotGranted(
                f"attack '{self.card.name}' needs the two models of these ciphertexts: name their "
                "files with --set attack.public_model=FILE and --set attack.transformed_model=FILE."
            ) from None

    def _matched(
        self, public: Weights, copy: Weights, observation: Observation, shape: ImageShape
    ) -> tuple[Matched, NDArray[np.int64], str]:
        """The inputs of a block, the order of blocks, and what is missing for it."""
        import numpy as np

        from ppattack.solvers.known_pairs import transformed_model as solver

        structure = observation.scheme.structure
        patch = (shape[0], structure.block_size, structure.block_size)
        first, second = self._called()
        ours = solver.find_embedding(public, self.config.embedding, patch, first)
        theirs = solver.find_embedding(copy, self.config.embedding, patch, second)
        _check_alike(ours, theirs)
        found = solver.match_inputs(ours.flatten(1), theirs.flatten(1), signs=structure.negatives)
        count = shape[1] * shape[2] // structure.block_size**2
        order = np.arange(count)
        if not structure.moves_blocks:
            return found, order, ""
        tables = [
            solver.find_positions(each, self.config.positions, count, len(ours), called)
            for each, called in ((public, first), (copy, second))
        ]
        _check_both(tables, (first, second), count)
        if tables[0] is None or tables[1] is None:
            return (
                found,
                order,
                (
                    "the models have no table of positions for these blocks, which stay where "
                    "they are: put what came back together with 'jigsaw'"
                ),
            )
        places = solver.match_positions(tables[0], tables[1])
        if places.certain < MATCHED:
            return (
                found,
                places.source,
                (
                    f"{places.certain:.0%} of the positions are nearer to a public one than by "
                    "chance, so the order of blocks is not known"
                ),
            )
        return found, places.source, ""

    def _called(self) -> tuple[str, str]:
        """What the two models are called in errors."""
        if self.config.public_model:
            return self.config.public_model, self.config.transformed_model
        return "the public model", "the transformed model"


def _check_both(tables: Sequence[Tensor | None], files: Sequence[str], count: int) -> None:
    """Refuse a table of positions that only one model has: the other is another model."""
    if (tables[0] is None) != (tables[1] is None):
        from ppattack.errors import DataError

        has, lacks = files if tables[1] is None else files[::-1]
        raise DataError(
            f"{has} has a table of {count} positions, and {lacks} has none: give a public model "
            "and its own transformed copy, or name both tables with --set attack.positions=NAME."
        )


def _check_alike(ours: Tensor, theirs: Tensor) -> None:
    if ours.shape != theirs.shape:
        from ppattack.errors import DataError

        raise DataError(
            f"the patch embeddings of the two models have the shapes {tuple(ours.shape)} and "
            f"{tuple(theirs.shape)}: give a public model and its own transformed copy."
        )
