"""The process that an attack is confined to: it answers what :mod:`parent` asks."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack.attack import Attack, Context, ControlTarget, ProgressTask
from ppattack.config import as_dict
from ppattack.isolation import messages
from ppattack.machine import die_with_parent
from ppattack.plugins import registry

if TYPE_CHECKING:
    from torch import Tensor

Answer = tuple[messages.Facts, "dict[str, Tensor | None]"]


def main() -> None:
    """Answer at a connection; the argument is its file descriptor."""
    serve(int(sys.argv[1]))


def serve(handle: int) -> None:
    """Answer until the other side closes the connection.

    Args:
        handle: file descriptor of this end.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks decides
    die_with_parent()
    os.set_inheritable(handle, False)
    connection = Connection(handle)
    answers = _Answers(connection)
    while True:
        try:
            question = connection.recv_bytes()
        except EOFError:
            return
        try:
            reply = messages.pack(*answers.to(question))
        except Exception as error:
            reply = messages.pack(
                {
                    "error": type(error).__name__,
                    "message": str(error),
                    "traceback": traceback.format_exc(),
                }
            )
        connection.send_bytes(reply)


class _Answers:
    """The attack, and the same at its control budget, by number."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._attacks: list[Attack] = []

    def to(self, question: bytes) -> Answer:
        """The answer to a question."""
        facts, tensors = messages.unpack(question)
        call = facts["call"]
        if call == "open":
            return self._opened(facts), {}
        attack = self._attacks[facts["number"]]
        if call == "at_control_budget":
            return self._described(attack.at_control_budget()), {}
        scheme = messages.scheme_of(facts["scheme"])
        if call == "positive_control":
            control = attack.positive_control(scheme)
            return {"control": _control(control) if control else None}, {}
        if call == "for_control":
            return self._described(attack.for_control(scheme)), {}
        if call == "obstacle":
            return {"reason": attack.obstacle(scheme, tuple(facts["shape"]))}, {}
        if call == "choose_plaintexts":
            return {}, {"chosen": attack.choose_plaintexts(scheme, tuple(facts["shape"]))}
        observation = messages.observation_of(facts, tensors, scheme)
        return messages.recovery_parts(attack.run(observation, self._context(facts)))

    def _opened(self, facts: messages.Facts) -> messages.Facts:
        import torch

        os.environ.clear()
        os.environ.update(facts["environment"])
        os.chdir(facts["folder"])
        sys.path[:] = facts["path"]
        torch.set_num_threads(facts["threads"])
        plugin = registry.attack(facts["attack"])
        return self._described(plugin(preset=facts["preset"], **facts["settings"]))

    def _described(self, attack: Attack) -> messages.Facts:
        from ppattack.plugins.source import source_hash

        self._attacks.append(attack)
        return {
            "number": len(self._attacks) - 1,
            "card": asdict(attack.card),
            "config": as_dict(attack.config),
            "requires": asdict(attack.requires()),
            "welcomes_public_images": attack.welcomes_public_images(),
            "welcomes_own_keys": attack.welcomes_own_keys(),
            "negative_control": _control(attack.negative_control()),
            "source_hash": source_hash(attack),
            "files": [str(file) for file in attack.files()],
            "sources": list(attack.sources()),
        }

    def _context(self, facts: messages.Facts) -> Context:
        import torch

        return Context(
            device=torch.device(facts["device"]),
            seed=facts["seed"],
            checkpoints=Path(facts["checkpoints"]) if facts["checkpoints"] else None,
            pictures=Path(facts["pictures"]) if facts["pictures"] else None,
            progress=_Sent(lambda step: self._connection.send_bytes(messages.pack(step))),
        )


def _control(control: ControlTarget) -> messages.Facts:
    return {
        "target": control.target,
        "settings": dict(control.settings),
        "key_scope": control.key_scope,
        "same_count": control.same_count,
    }


class _Sent:
    """Progress that is shown on the other side."""

    def __init__(self, send: Callable[[messages.Facts], None]) -> None:
        self._send = send
        self._tasks = 0

    @contextmanager
    def task(self, description: str, total: float) -> Iterator[ProgressTask]:
        """Open a bar there."""
        self._tasks += 1
        number = self._tasks
        step: messages.Facts = {"progress": "open", "task": number, "total": total}
        self._send({**step, "description": description})
        try:
            yield _SentTask(self._send, number)
        finally:
            self._send({"progress": "close", "task": number})

    def log(self, message: str) -> None:
        """Log a message there."""
        self._send({"progress": "log", "message": message})


class _SentTask:
    def __init__(self, send: Callable[[messages.Facts], None], number: int) -> None:
        self._send, self._number = send, number

    def update(self, completed: float, **facts: Any) -> None:
        """Move the bar there."""
        step: messages.Facts = {"progress": "update", "task": self._number, "completed": completed}
        self._send({**step, "facts": {name: float(value) for name, value in facts.items()}})
