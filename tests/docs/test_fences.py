"""Every fenced command of the pages is run by a test, or would be taken by the program."""

from __future__ import annotations

import pytest

from tests.support.fences import Fence, check_program, commands, fault, on_pages

FENCES = on_pages()
KINDS = {"", "sh", "bash", "console", "python", "text", "toml", "yaml", "json"}


def test_fences_say_what_they_are_in_known_words() -> None:
    assert {each.kind for each in FENCES} <= KINDS
    assert len(FENCES) > 150


@pytest.mark.parametrize("page", sorted({each.page for each in FENCES}))
def test_commands_would_be_taken(page: str) -> None:
    found = [each for each in FENCES if each.page == page and not each.mark]
    faults = [
        f"{command}\n    {why}"
        for each in found
        for command in commands(each)
        if (why := fault(command))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("page", sorted({each.page for each in FENCES if each.kind == "python"}))
def test_programs_are_python_and_import_what_is_there(page: str) -> None:
    for each in FENCES:
        if each.page == page and each.kind == "python" and not each.mark:
            check_program(each.text)


def test_commands_are_found() -> None:
    found = [command for each in FENCES for command in commands(each)]
    assert len(found) > 230
    assert sum(command.startswith("ppattack") for command in found) > 150


def test_what_is_not_checked_says_why() -> None:
    marked = [each for each in FENCES if each.mark]
    assert all(len(each.mark) > len("not run: ") + 10 for each in marked)
    assert len(marked) < 12


@pytest.mark.parametrize(
    "command",
    [
        "ppattack run --attack fr --target nobody",
        "ppattack run --attack fr --target pe --colour red",
        "ppattack run --attack fr --target pe --set attack.moed=basic",
        "ppattack run --attack fr --target pe --set target.color_shuffle=perhaps",
        "ppattack run --attack fr --target pe --data cifar11",
        "ppattack run --attack itn --target ele --curve attack.pairs=1,many",
        "ppattack audit --target etc --preset quick",
        "ppattack compress --target etc --set etc.block=8",
        "ppattack challenge neuracrypt solve --challenge challenge",
        "ppattack attack fr",
        "python benchmarks/photographs.py DIR --sizes 3",
        "python benchmarks/nothing.py",
        "pip install 'ppattack[everything]'",
        "make everything",
        "curl example.org",
        "docker run ppattack run --attack fr --target nobody",
    ],
)
def test_a_wrong_command_is_seen(command: str) -> None:
    assert commands(Fence("page", "sh", command, "")) == [command]
    assert fault(command)


@pytest.mark.parametrize("text", ["def :", "from ppattack import Nothing"])
def test_a_wrong_program_is_seen(text: str) -> None:
    with pytest.raises((SyntaxError, AssertionError)):
        check_program(text)
