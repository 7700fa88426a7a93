"""The attack contract: what a plug-in receives, and what it must give back.

An attack never scores itself: it returns a :class:`Recovery`, and the evaluation measures it
against a truth that the attack never sees.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from ppattack.card import Reference
from ppattack.config import as_dict, resolve
from ppattack.context import Context as Context
from ppattack.context import Progress as Progress
from ppattack.context import ProgressTask as ProgressTask
from ppattack.context import SilentProgress as SilentProgress
from ppattack.errors import (
    ConfigError,
    ImageError,
    PluginError,
    ThreatModelError,
    kept_running,
    nearest,
)
from ppattack.threat import KeyScope, Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.maps import CipherMap
    from ppattack.permxor import PermXor
    from ppattack.target.base import PublicScheme

Recovers = Literal["images", "matching", "key", "classes"]
Preset = Literal["smoke", "standard", "paper"]
Level = Literal["candidates", "search", "pairs", "statistics", "jigsaw", "trained"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""Kinds of attacks, the cheapest first."""
PRESETS: tuple[Preset, ...] = ("smoke", "standard", "paper")


@dataclass(frozen=True)
class AttackCard:
    """What an attack is.

    Args:
        name: the registered name, lower case.
        title: one line for people.
        reference: where it was published.
        recovers: what a recovery may hold; empty if no attack is made, and then the verdict is
            INCONCLUSIVE whatever the scores.
        requires: the least threat model it works under, in its default configuration.
        ciphers: the kinds of ciphertext it reads.
        seconds: roughly how long its standard preset takes on 64 photographs of 32 pixels and one
            core; an audit runs cheap attacks first.
        level: what it does, by which an audit orders attacks before it looks at their seconds;
            None follows from ``requires``: pairs, candidates, or statistics of ciphertexts.
    """

    name: str
    title: str
    reference: Reference
    recovers: tuple[Recovers, ...]
    requires: ThreatModel
    ciphers: tuple[Literal["image", "tokens"], ...] = ("image",)
    seconds: float = 60.0
    level: Level | None = None

    @property
    def audit_level(self) -> Level:
        """The level at which an audit runs it."""
        if self.level is not None:
            return self.level
        if self.requires.pairs or self.requires.chosen:
            return "pairs"
        return "candidates" if self.requires.public == "candidates" else "statistics"


@dataclass(frozen=True)
class ControlTarget:
    """A target that an attack must break, so that a failure elsewhere means something.

    Args:
        target: registered name.
        settings: its settings.
        key_scope: the scope of its keys.
        same_count: whether the control takes as many ciphertexts as the run, not a few: for
            attacks whose success depends on their number.
    """

    target: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    key_scope: KeyScope = "dataset"
    same_count: bool = False


@dataclass(frozen=True)
class Recovery:
    """What an attack recovered; at least one of images, matching, key, map and classes.

    Args:
        images: ``(N, C, H, W)`` uint8 reconstructions, in the order of the ciphertexts. If
            they have the shape of the ciphertexts and not that of the plain images, they are
            taken for what the scheme transforms and turned back into plain images.
        matching: ``(N,)`` int64, for each ciphertext the index of its candidate plain image.
        key: the recovered transformation; one table for all images, or one each.
        notes: JSON-ready facts for the report (training loss, steps, decisions taken).
        failures: why the attack failed, by index of the ciphertext. Any failure makes the run
            INCONCLUSIVE.
        ranking: ``(N, K)`` int64, for each ciphertext its likeliest candidates, the best first.
        p_values: ``(N,)`` float, for each ciphertext how likely a match as good is if its image is
            not among the candidates.
        exact: ``(N,)`` bool, for each ciphertext whether its candidate is an exact copy of the
            image: all that no key changes is the same to the last bit.
        stages: the matching after each stage of the attack, ``(N,)`` int64 by name.
        up_to_state: whether the ciphertexts determine the images only up to a global state
            (orientation, negative, colour order); the best state is then reported beside the raw
            scores.
        limits: why a failure says nothing about the scheme, in words that follow "but": the
            attack's model does not fit it, or there are too few data. It is then never RESISTED.
        refuted: whether the model does not fit at all, so that a gain would be luck: it is then
            not BROKEN either, unless the key is exact.
        map: what the scheme does under the victims' one key, as a map that decrypts; it is saved
            in the run's folder, where ``ppattack decrypt`` takes it for a key.
        classes: ``(N,)`` int64, for each ciphertext the index of its image's class.
    """

    images: Tensor | None = None
    matching: Tensor | None = None
    key: PermXor | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    failures: Mapping[int, str] = field(default_factory=dict)
    ranking: Tensor | None = None
    p_values: Tensor | None = None
    exact: Tensor | None = None
    stages: Mapping[str, Tensor] = field(default_factory=dict)
    up_to_state: bool = False
    limits: str = ""
    refuted: bool = False
    map: CipherMap | None = None
    classes: Tensor | None = None


class Attack(ABC):
    """An attack.

    Args:
        config: a configuration; None for the defaults.
        preset: ``smoke`` (seconds, CPU), ``standard`` (minutes, CPU) or ``paper`` (GPU).
        settings: single settings by name, over the preset.

    Raises:
        ConfigError: for an unknown setting or preset, or a value out of range.
    """

    card: ClassVar[AttackCard]
    Config: ClassVar[type[Any]]
    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]]
    """The settings that each preset changes."""

    def __init__(self, config: Any = None, *, preset: str | None = None, **settings: Any) -> None:
        values = as_dict(config) if config is not None else {}
        if preset is not None:
            if preset not in self.presets:
                raise ConfigError(
                    f"attack '{self.card.name}' has no preset '{preset}'; "
                    f"the nearest are: {nearest(preset, self.presets)}."
                )
            values |= self.presets[preset]  # type: ignore[index]
        self.config: Any = resolve(self.Config, {**values, **settings}, f"attack.{self.card.name}")

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in as_dict(self.config).items())
        return f"{type(self).__name__}({settings})"

    def requires(self) -> ThreatModel:
        """The least threat model that this configuration works under."""
        return self.card.requires

    def welcomes_public_images(self) -> bool:
        """Whether unpaired public images help this configuration though it does not need them.

        If there are any, they are then granted, and the threat model says so.
        """
        return False

    def welcomes_own_keys(self) -> bool:
        """Whether keys of its own help this configuration though it does not need them.

        If the scheme draws keys they are then granted, and the threat model says so.
        """
        return False

    def files(self) -> tuple[Path, ...]:
        """Files named in its settings; runs with other contents are others."""
        return ()

    def positive_control(self, scheme: PublicScheme) -> ControlTarget | None:
        """A target that this attack must break if it works, or None if there is none yet.

        Without one a failed attack proves nothing, and the verdict is INCONCLUSIVE.
        """
        return None

    def negative_control(self) -> ControlTarget:
        """A target that gives this attack nothing: a one-time pad, unless it names another."""
        return ControlTarget("one-time-pad", key_scope="image")

    def at_control_budget(self) -> Attack:
        """The same attack at the fraction of its budget at which controls run."""
        return self

    def for_control(self, scheme: PublicScheme) -> Attack:
        """The same attack for its positive control, which must be as hard as this scheme."""
        del scheme
        return self.at_control_budget()

    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        """Why this attack cannot be tried on a scheme, in one sentence; None if it can."""
        if scheme.card.cipher not in self.card.ciphers:
            kinds = " or ".join(self.card.ciphers)
            return f"it reads ciphertexts that are {kinds}, not {scheme.card.cipher}"
        return None

    def choose_plaintexts(self, scheme: PublicScheme, image_shape: ImageShape) -> Tensor | None:
        """Plaintexts ``(K, C, H, W)`` uint8 to have encrypted under the victims' key.

        Asked once, before the attack starts; the answers are in ``observation.chosen_pairs``.
        """
        return None

    @abstractmethod
    def run(self, observation: Observation, context: Context) -> Recovery:
        """Attack; see the class of the plug-in for what it assumes."""

    def __call__(self, observation: Observation, context: Context) -> Recovery:
        """Run under the threat model and check what comes back.

        Returns:
            the recovery, with its tensors moved to the CPU.

        Raises:
            ThreatModelError: if the threat model does not cover the requirement.
            PluginError: if the recovery breaks the contract.
            RunFailed: if the attack tries to end the program.
        """
        missing = observation.threat.shortfall(self.requires())
        if missing:
            raise ThreatModelError(
                f"attack '{self.card.name}' needs {', '.join(missing)}, which this threat model "
                f"({observation.threat.in_words()}) does not grant."
            )
        reason = self.obstacle(observation.scheme, observation.image_shape)
        if reason:
            raise ConfigError(
                f"attack '{self.card.name}' cannot be run on '{observation.scheme.name}': {reason}."
            )
        who = f"attack '{self.card.name}' (class {type(self).__qualname__})"
        with kept_running(who):
            recovery = self.run(observation.for_attack(), context)
        return _checked(recovery, observation, self.card.name)


def _checked(recovery: object, observation: Observation, name: str) -> Recovery:
    """The recovery if it keeps the contract, with plain images and all tensors on the CPU."""
    from ppattack import images as image_ops

    if not isinstance(recovery, Recovery):
        raise PluginError(f"attack '{name}' returned a {type(recovery).__name__}, not a Recovery.")
    found = (recovery.images, recovery.matching, recovery.key, recovery.map, recovery.classes)
    if all(each is None for each in found):
        raise PluginError(f"attack '{name}' returned an empty Recovery.")
    count = len(observation.ciphertexts)
    images = recovery.images
    if images is not None:
        try:
            image_ops.check(images, "reconstructions")
        except ImageError as error:
            raise PluginError(f"attack '{name}': {error}") from None
        shape, given = observation.image_shape, tuple(images.shape[1:])
        if given != shape and given == tuple(observation.ciphertexts.shape[1:]):
            images = observation.scheme.representation.restore(images, shape)
        if tuple(images.shape) != (count, *shape):
            raise PluginError(
                f"attack '{name}' returned images of shape {tuple(images.shape)}, "
                f"not {(count, *shape)}."
            )
        images = images.contiguous().cpu()
    if recovery.matching is not None and tuple(recovery.matching.shape) != (count,):
        raise PluginError(
            f"attack '{name}' returned a matching of shape {tuple(recovery.matching.shape)}, "
            f"not {(count,)}."
        )
    for stage, matching in recovery.stages.items():
        if tuple(matching.shape) != (count,):
            raise PluginError(
                f"attack '{name}' returned a matching of shape {tuple(matching.shape)} for its "
                f"stage '{stage}', not {(count,)}."
            )
    if recovery.classes is not None:
        _check_classes(recovery.classes, count, name)
    if recovery.p_values is not None and tuple(recovery.p_values.shape) != (count,):
        raise PluginError(
            f"attack '{name}' returned p-values of shape {tuple(recovery.p_values.shape)}, "
            f"not {(count,)}."
        )
    if recovery.exact is not None and tuple(recovery.exact.shape) != (count,):
        raise PluginError(
            f"attack '{name}' returned exact copies of shape {tuple(recovery.exact.shape)}, "
            f"not {(count,)}."
        )
    if recovery.ranking is not None and tuple(recovery.ranking.shape[:1]) != (count,):
        raise PluginError(
            f"attack '{name}' ranked candidates in the shape {tuple(recovery.ranking.shape)}, "
            f"not {(count, 'K')}."
        )
    if recovery.key is not None and recovery.key.count not in (None, count):
        raise PluginError(
            f"attack '{name}' returned keys for {recovery.key.count} images, not {count}."
        )
    if recovery.map is not None:
        _check_map(recovery.map, observation, name)
    _check_facts(recovery, count, name)
    return replace(
        recovery,
        images=images,
        matching=None if recovery.matching is None else recovery.matching.cpu(),
        ranking=None if recovery.ranking is None else recovery.ranking.cpu(),
        classes=None if recovery.classes is None else recovery.classes.cpu(),
        p_values=None if recovery.p_values is None else recovery.p_values.cpu(),
        exact=None if recovery.exact is None else recovery.exact.cpu(),
        stages={stage: matching.cpu() for stage, matching in recovery.stages.items()},
    )


def _check_classes(found: Tensor, count: int, name: str) -> None:
    """Refuse classes that are not one whole number for each ciphertext."""
    import torch

    if tuple(found.shape) != (count,) or found.dtype != torch.int64:
        raise PluginError(
            f"attack '{name}' returned classes of shape {tuple(found.shape)} and type "
            f"{found.dtype}, not {(count,)} and torch.int64."
        )


def _check_map(found: CipherMap, observation: Observation, name: str) -> None:
    """Refuse a map between other images than these."""
    plain = observation.scheme.representation.shape(observation.image_shape)
    cipher = tuple(observation.ciphertexts.shape[1:])
    if (found.plain_shape, found.cipher_shape) != (plain, cipher):
        raise PluginError(
            f"attack '{name}' returned a map from {found.plain_shape} to {found.cipher_shape}, "
            f"not from {plain} to {cipher}."
        )


def _check_facts(recovery: Recovery, count: int, name: str) -> None:
    """Refuse notes that no report can hold, and failures of ciphertexts that are not there."""
    from numbers import Integral

    from pydantic_core import PydanticSerializationError, to_json

    try:
        to_json(dict(recovery.notes))
    except (PydanticSerializationError, TypeError, ValueError) as error:
        raise PluginError(
            f"attack '{name}' returned notes that are no JSON ({error}): use plain numbers and "
            "text, for example loss.item()."
        ) from None
    for place, why in recovery.failures.items():
        if not isinstance(place, Integral) or not 0 <= place < count or not isinstance(why, str):
            raise PluginError(
                f"attack '{name}' returned the failure {place!r}: {why!r}: a failure is the index "
                f"of a ciphertext, 0 to {count - 1}, and why."
            )
