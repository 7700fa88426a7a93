"""The table of run options as the options of a command."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from ppattack_cli.options import choice, save_images, settings

if TYPE_CHECKING:
    from ppattack.options import Option as RunOption
    from ppattack.request import RunRequest


def from_table(
    cls: type[RunRequest],
    after: Mapping[str, Sequence[str]],
    leave_out: Collection[str] = (),
    only: Collection[str] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of the table of run options, and the request that they make.

    The command's first parameter is the request; the options of the table take its place. Another
    parameter that is called like a field goes to the command instead of the request; without a
    ``typer.Option`` of its own it takes flag and help from the table.

    Args:
        cls: the request, whose fields are the table.
        after: option to the options that follow it in the help; the table's come first otherwise.
        leave_out: the fields that are no options of this command; they keep their defaults.
        only: the fields that are options, if these are few; all but ``leave_out`` otherwise.
    """
    from ppattack.options import options as run_options

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        table = {one.name: one for one in run_options(cls)}
        rest = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        own = {each.name: _own(each, table.get(each.name)) for each in rest}
        wanted = [name for name in table if only is None or name in only]
        fields = [table[name] for name in wanted if name not in {*own, *leave_out}]
        every = {one.name: _parameter(one) for one in fields} | own
        parameters = [every[name] for name in _in_order(every, after)]

        @functools.wraps(command)
        def with_request(**values: Any) -> None:
            read = {one: values.pop(one.name) for one in fields}
            command(_request(cls, read, values.get("set_")), **values)

        with_request.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_request.__annotations__ = {each.name: each.annotation for each in parameters}
        return with_request

    return decorate


def _in_order(names: Collection[str], after: Mapping[str, Sequence[str]]) -> list[str]:
    """The names, with those that follow another right behind it."""
    moved = {name for others in after.values() for name in others}
    found: list[str] = []
    waiting = [name for name in reversed(list(names)) if name not in moved]
    while waiting:
        found.append(waiting.pop())
        waiting += reversed(after.get(found[-1], ()))
    return found


def _own(parameter: inspect.Parameter, option: RunOption | None) -> inspect.Parameter:
    """A command's own parameter, described by the field it is called like if not by itself."""
    kind = parameter.annotation
    if option is not None and get_origin(kind) is not Annotated:
        kind = Annotated[kind, _shown(option)]
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=kind)


def _parameter(option: RunOption) -> inspect.Parameter:
    kind, default = option.type, option.default
    if _choices(option):
        kind = str | None if default is None else str
    elif option.name == "save_images":
        kind, default = str, str(default)
    elif option.name == "data":
        default = None
    if default is dataclasses.MISSING:
        default = inspect.Parameter.empty
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, _shown(option)],
    )


def _shown(option: RunOption) -> Any:
    return typer.Option(*option.flag.names, metavar=option.flag.metavar, help=option.help)


def _choices(option: RunOption) -> tuple[str, ...]:
    """The texts that a field of a ``Literal`` type can be; none for another type."""
    for kind in (option.type, *get_args(option.type)):
        if get_origin(kind) is Literal:
            return get_args(kind)
    return ()


def _request(
    cls: type[RunRequest], given: Mapping[RunOption, Any], pairs: list[str] | None
) -> RunRequest:
    values: dict[str, Any] = {"attack": "", "target": ""}
    for option, value in given.items():
        choices = _choices(option)
        values[option.name] = choice(option.flag.names[0], value, choices) if choices else value
    files = values.get("ciphertexts")
    if "data" in values:
        values["data"] = values["data"] or (None if files else "photos")
    if "save_images" in values:
        values["save_images"] = save_images(values["save_images"])
    if files:
        values["save_images"] = None
    named = {option.name for option in given}
    parts = tuple(part for part in ("target", "attack") if part in named)
    for part, found in settings(pairs, parts).items():
        values[f"{part}_settings"] = found
    return cls(**values)
