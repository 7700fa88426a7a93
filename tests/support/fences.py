"""The fenced commands and programs of pages, and whether this program would take them."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from typer.main import get_command

from docsite.links import written_pages
from ppattack.attack import PRESETS
from ppattack.config import resolve
from ppattack.plugins import registry
from ppattack_cli import main, options

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"(?:^<!-- (?P<mark>not run: [^\n]+?) -->\n)?"
    r"^(?P<indent> *)```(?P<kind>[\w-]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
SHELLS = ("sh", "bash", "console")
PROGRAMS = re.compile(
    r"(?:\w+=\S+ )*(?:ppattack|python|pip|make|pytest|docker|git|curl|npm|\.venv/bin/\S+|\.) "
)
OPTIONAL = re.compile(r" \[(-[^\]]*)\]")
LOOPED = re.compile(r"\$[A-Z]\b")
"""A number that a loop of the shell fills in."""
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]


@dataclass(frozen=True)
class Fence:
    """A fenced part of a page.

    Args:
        page: where it stands.
        kind: what is written behind the fence, or ``""``.
        text: what it holds, without its indentation.
        mark: why it is neither run nor parsed; ``""`` if it is.
    """

    page: str
    kind: str
    text: str
    mark: str


def fences(page: str, markdown: str) -> Iterator[Fence]:
    """Every fenced part of a page."""
    for found in FENCE.finditer(markdown):
        indent = len(found["indent"])
        text = "".join(line[indent:] or "\n" for line in found["text"].splitlines(keepends=True))
        yield Fence(page, found["kind"], text, found["mark"] or "")


def on_pages() -> list[Fence]:
    """Every fenced part of the site's own pages and of those of the repository."""
    return [
        each
        for path, text in written_pages().items()
        if path.startswith("docs/")
        or path in ("README.md", "CONTRIBUTING.md", "examples/ci/README.md")
        for each in fences(path, text)
    ]


def commands(fence: Fence) -> list[str]:
    """The commands of a part: every line of a shell, and what looks like one without a kind."""
    if fence.kind not in ("", *SHELLS):
        return []
    lines = re.sub(r"\\\n\s*", "", fence.text).splitlines()
    lines = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if fence.kind:
        return lines
    return [line for line in lines if PROGRAMS.match(line) and not line.startswith("ppattack:")]


def fault(command: str) -> str:
    """Why a command would be refused; empty if it would not."""
    try:
        command = LOOPED.sub("8", OPTIONAL.sub(r" \1", command))
        words = shlex.split(command, comments=True)
        words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
        program = Path(words[0]).name
        if program == "ppattack":
            check_ppattack(words[1:])
        elif program == "python":
            _check_python(words[1:])
        elif program == "make":
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
            assert words[1] in targets, f"there is no 'make {words[1]}'"
        elif program == "pip":
            for extra in re.findall(r"\[([\w,]+)\]", command):
                assert set(extra.split(",")) <= set(EXTRAS), f"there is no extra [{extra}]"
        elif program == "docker":
            assert (ROOT / "Dockerfile").is_file(), "there is no Dockerfile"
            if words[1] == "run":
                check_ppattack(words[words.index("ppattack") + 1 :])
        else:
            assert program in ("pytest", "pre-commit", "."), f"what is {program}?"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


@cache
def _program(name: str) -> Any:
    return get_command(main._program(name))


def check_ppattack(words: list[str]) -> None:
    """Refuse what the option parser refuses, and names that nothing has."""
    command, path = _program(words[0]), list(words)
    context = command.context_class(command, info_name="ppattack")
    while hasattr(command, "commands"):
        command = command.get_command(context, path.pop(0))
        assert command is not None, f"there is no such command: {words}"
    given = command.make_context("ppattack", path, parent=context).params
    _check_names(words[0], given)


def _listed(value: Any) -> list[str]:
    return [one for one in ([value] if isinstance(value, str) else value or ()) if one]


def _check_names(command: str, given: Mapping[str, Any]) -> None:
    """Attacks, targets, data, presets and settings that are named exist."""
    attacks, targets = _listed(given.get("attack")), _listed(given.get("target"))
    plugins: dict[str, list[Any]] = {
        "attack": [registry.attack(name) for name in attacks if _is_here(name)],
        "target": [registry.target(name) for name in targets if _is_here(name)],
    }
    for source in _listed(given.get("data")):
        assert source.partition(":")[0] in registry.names("dataset"), f"no data {source}"
    assert given.get("preset") in (None, *PRESETS, "published")
    for scope in _listed(given.get("key_scope")):
        options.key_scope(scope)
    plugins |= {name: [registry.target(name)] for name in targets if _is_here(name)}
    if command == "challenge":
        name = "instahide-statistics" if "no_labels" in given else "neuracrypt-matching"
        plugins["attack"] = [registry.attack(name)]
        plugins["target"] = [registry.target("instahide"), registry.target("neuracrypt")]
    if command == "classify":
        from ppattack.classification import settings as classification
        from ppattack.classification.models import ModelConfig

        plugins |= {"model": [ModelConfig], "training": [classification.TrainingConfig]}
    pairs = [*_listed(given.get("set_")), *_curve(given.get("curve"))]
    for part, values in options.settings(pairs, tuple(plugins)).items():
        if values and plugins[part]:
            _check_settings(part, values, plugins[part])


def _curve(text: str | None) -> list[str]:
    """The settings that a curve goes through."""
    if text is None:
        return []
    setting, values = options.curve(text)
    return [] if setting == "jpeg" else [f"{setting}={value}" for value in values]


def _check_settings(part: str, values: dict[str, Any], plugins: list[Any]) -> None:
    errors = []
    for plugin in plugins:
        try:
            resolve(getattr(plugin, "Config", plugin), values, part)
        except Exception as error:
            errors.append(error)
    if len(errors) == len(plugins):
        raise errors[0]


def _is_here(name: str) -> bool:
    """Whether a plug-in is to be looked up: a registered name, or a file of the repository."""
    return ".py:" not in name or name.startswith("examples/")


def _check_python(words: list[str]) -> None:
    """The file or module is there, and takes the options."""
    file = ROOT / (words[1].replace(".", "/") + ".py" if words[0] == "-m" else words[0])
    source = file.read_text("utf-8")
    named = re.findall(r"^from benchmarks\.(\w+) import|^from (\w+) import", source, re.M)
    helpers = [file.parent / f"{one or other}.py" for one, other in named]
    text = source + "".join(each.read_text("utf-8") for each in helpers if each.is_file())
    for word in words[1:]:
        flag = word.partition("=")[0]
        if flag.startswith("--") and f'"{flag}"' not in text:
            raise AssertionError(f"{file.name} has no {flag}")


def check_program(text: str) -> None:
    """Refuse a program that is not Python, or imports what is not there from ppattack."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ppattack"):
            module = importlib.import_module(str(node.module))
            missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
            assert not missing, f"{node.module} has no {missing}"
