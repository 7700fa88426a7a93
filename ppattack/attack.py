"""The attack contract: what a plug-in receives, and what it must give back.

An attack never scores itself: it returns a :class:`Recovery`, and the evaluation measures it
against a truth that the attack never sees.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from ppattack.card import Reference
from ppattack.config import as_dict, resolve
from ppattack.context import Context as Context
from ppattack.context import Progress as Progress
from ppattack.context import ProgressTask as ProgressTask
from ppattack.context import SilentProgress as SilentProgress
from ppattack.errors import ConfigError, ThreatModelError, kept_running, nearest
from ppattack.recovery import Recovery as Recovery
from ppattack.recovery import checked
from ppattack.threat import KeyScope, Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
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

    def sources(self) -> tuple[str, ...]:
        """Sources of images named in its settings; runs with other images are others."""
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
        return checked(recovery, observation, self.card.name)
