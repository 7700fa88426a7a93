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
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Recovery
from ppattack.errors import PluginError
from ppattack.isolation import messages
from ppattack.isolation.parent import Child
from ppattack.plugins import registry
from ppattack.plugins.names import check_names
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.request import RunRequest
    from ppattack.target.base import PublicScheme, Target

Described = TypeVar("Described")


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
            yield _proxy(child, child.open(), request)
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
    def files(self) -> tuple[Path, ...]:
        return tuple(Path(str(file)) for file in self._facts["files"])

    @override
    def sources(self) -> tuple[str, ...]:
        return tuple(str(source) for source in self._facts["sources"])

    @override
    def requires(self) -> ThreatModel:
        return _read(ThreatModel, self._facts["requires"], self._child.request)

    @override
    def welcomes_public_images(self) -> bool:
        return bool(self._facts["welcomes_public_images"])

    @override
    def welcomes_own_keys(self) -> bool:
        return bool(self._facts["welcomes_own_keys"])

    @override
    def negative_control(self) -> ControlTarget:
        return _control(self._facts["negative_control"], self._child.request)

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget | None:
        found = self._ask("positive_control", scheme)[0]["control"]
        return _control(found, self._child.request) if found else None

    @override
    def at_control_budget(self) -> Attack:
        return _proxy(self._child, self._ask("at_control_budget")[0], self._child.request)

    @override
    def for_control(self, scheme: PublicScheme) -> Attack:
        return _proxy(self._child, self._ask("for_control", scheme)[0], self._child.request)

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


def _proxy(child: Child, facts: messages.Facts, request: RunRequest) -> IsolatedAttack:
    """A stand-in for the attack that is described.

    Raises:
        PluginError: if the description is none, or a name in it is not valid.
    """
    card = _read(AttackCard, facts["card"], request)
    check_names("attack", request.attack, card.name, facts["config"])
    parts: dict[str, Any] = {
        "__module__": __name__,
        "card": card,
        "Config": make_dataclass("Config", list(facts["config"]), frozen=True),
        "presets": {},
    }
    made: IsolatedAttack = type("IsolatedAttack", (IsolatedAttack,), parts)(child, facts)
    made.requires()
    made.negative_control()
    return made


def _read(cls: type[Described], said: object, request: RunRequest) -> Described:
    """What a process says of its attack, if it has the right form."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(cls).validate_python(said)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PluginError(
            f"attack '{request.attack}': its {cls.__name__} is not valid, {place}: {first['msg']}."
        ) from None


def _control(said: object, request: RunRequest) -> ControlTarget:
    """A control target whose code does not come from the attack's side."""
    control = _read(ControlTarget, said, request)
    name = control.target
    ours = name in registry.names("target") and not registry.is_third_party("target", name)
    if ours or name == request.target:
        return control
    raise PluginError(
        f"attack '{request.attack}' names {name!r} as its control: the evaluation loads "
        "no code for an isolated attack. Name a target of ppattack there, or leave out --isolate "
        "if you trust the attack."
    )
