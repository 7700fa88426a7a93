"""An attack in a process of its own, which is sent the observation and nothing else.

The plug-in's file is loaded there and nowhere else; the attack here only asks it. Keys,
plain images and seeds of the victims are never in that process. This guards against attacks that
look where they must not, by mistake or to look good. Against one that reads the files or other
processes of its user, only the operating system guards.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import make_dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Recovery
from ppattack.card import Reference
from ppattack.isolation import messages
from ppattack.isolation.parent import Child
from ppattack.plugins import registry
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.request import RunRequest
    from ppattack.target.base import PublicScheme, Target


def isolated_by_default(attack: str) -> bool:
    """Whether an attack comes from outside this package."""
    return registry.is_third_party("attack", attack)


@contextmanager
def isolated(request: RunRequest, target: Target) -> Iterator[IsolatedAttack]:
    """The attack of a request, in its own process until the end of the block.

    Args:
        request: attack, preset, settings and limits.
        target: the scheme; only its public part is passed on.

    Raises:
        PpattackError: if the attack's settings are wrong.
        RunFailed: if the process cannot be started.
    """
    with tempfile.TemporaryFile() as output:
        child = Child(request, target, output)
        try:
            yield _proxy(child, child.open())
        finally:
            child.close()


class IsolatedAttack(Attack):
    """An attack that is asked in its own process; see :func:`isolated`."""

    def __init__(self, child: Child, facts: messages.Facts) -> None:
        self._child, self._facts = child, facts
        self._number = facts["number"]
        self.config = type(self).Config(**facts["config"])

    @property
    def source_hash(self) -> str:
        """The hash of the plug-in's files."""
        return str(self._facts["source_hash"])

    @override
    def requires(self) -> ThreatModel:
        return ThreatModel(**self._facts["requires"])

    @override
    def welcomes_public_images(self) -> bool:
        return bool(self._facts["welcomes_public_images"])

    @override
    def negative_control(self) -> ControlTarget:
        return ControlTarget(**self._facts["negative_control"])

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget | None:
        found = self._ask("positive_control", scheme)[0]["control"]
        return ControlTarget(**found) if found else None

    @override
    def at_control_budget(self) -> Attack:
        return _proxy(self._child, self._ask("at_control_budget")[0])

    @override
    def for_control(self, scheme: PublicScheme) -> Attack:
        return _proxy(self._child, self._ask("for_control", scheme)[0])

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        found: str | None = self._ask("obstacle", scheme, shape=image_shape)[0]["reason"]
        return found

    @override
    def choose_plaintexts(self, scheme: PublicScheme, image_shape: ImageShape) -> Tensor | None:
        return self._ask("choose_plaintexts", scheme, shape=image_shape)[1].get("chosen")

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        facts, tensors = messages.observation_parts(observation)
        question = {
            **facts,
            "call": "run",
            "number": self._number,
            "scheme": self._child.scheme(observation.scheme),
            "device": str(context.device),
            "seed": context.seed,
            "checkpoints": str(context.checkpoints) if context.checkpoints else None,
            "pictures": str(context.pictures) if context.pictures else None,
        }
        return messages.recovery_of(*self._child.ask(question, tensors, context.progress))

    def _ask(
        self, call: str, scheme: PublicScheme | None = None, **facts: Any
    ) -> tuple[messages.Facts, messages.Tensors]:
        public = self._child.scheme(scheme) if scheme is not None else None
        return self._child.ask({"call": call, "number": self._number, "scheme": public, **facts})


def _proxy(child: Child, facts: messages.Facts) -> IsolatedAttack:
    """A stand-in for the attack that is described."""
    said = facts["card"]
    parts: dict[str, Any] = {
        "__module__": __name__,
        "card": AttackCard(
            name=said["name"],
            title=said["title"],
            reference=Reference(**said["reference"]),
            recovers=tuple(said["recovers"]),
            requires=ThreatModel(**said["requires"]),
            ciphers=tuple(said["ciphers"]),
        ),
        "Config": make_dataclass("Config", list(facts["config"]), frozen=True),
        "presets": {},
    }
    made: IsolatedAttack = type("IsolatedAttack", (IsolatedAttack,), parts)(child, facts)
    return made
