"""The ``ppattack`` program: commands, exit codes, and one line for every failure.

Exit codes: 0 it ran (whatever the verdict); 1 a gate is violated; 2 usage or bad input; 3 it
failed, or cells of a sweep did; 4 a gate
cannot decide, or a challenge is not solved; 130 interrupted.
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn, TextIO

import typer
from typer.core import TyperGroup
from typing_extensions import override

from ppattack.errors import Interrupted, PpattackError, RunFailed
from ppattack.machine import keep_freed_memory, let_all_live_on
from ppattack.reports.text import visible
from ppattack_cli.streams import flush, json_alone, make_lenient

BAD_INPUT, FAILED, INTERRUPTED = 2, 3, 130
FULL = (errno.ENOSPC, errno.EDQUOT)
NOTHING_KEPT = (
    "identify",
    "probe",
    "challenge",
    "encrypt",
    "decrypt",
    "report",
    "leaderboard",
    "gate",
)
"""Commands that begin anew after an interruption."""
OUT_OF_MEMORY = ("out of memory", "can't allocate memory")
"""How torch says it of a GPU and of a CPU."""
COMPLETING = "_PPATTACK_COMPLETE"
"""Set by the script that completes commands in a shell."""
OPTION_PARSERS = ("typer.", "click.")
OBJECTS_BETWEEN_SEARCHES = 20_000
"""New objects after which Python looks for dead circles of them: imports make very many, and with
the usual 700 these searches take a twentieth of a short run."""
START = """\
ppattack finds out how much of an image an image encryption scheme hides.
Begin with:   ppattack run --attack covariance-matching --target le
All commands: ppattack --help"""
COMMANDS = {
    "Attack": {
        "identify": "Say what encrypted a folder of files, and what to try on it.",
        "run": "Run one attack on one target.",
        "probe": "Find out in seconds what kind of cipher a target is.",
        "audit": "Run every attack that applies and give one verdict.",
        "bench": "Run a matrix of attacks and targets.",
        "reproduce": "Run a published evaluation again, as printed and corrected.",
        "challenge": "Make, solve and score a published challenge.",
    },
    "Measure": {
        "classify": "Measure what a classifier learns from encrypted images.",
        "compress": "Compare file sizes of plain and encrypted images.",
    },
    "Report": {
        "report": "Put runs together as one page or as tables.",
        "leaderboard": "Show what leaks from which scheme, to whom.",
        "gate": "Fail a build when a run breaks a rule.",
    },
    "Own schemes": {
        "new": "Start a target or an attack of your own, with its tests.",
        "encrypt": "Encrypt images into files.",
        "decrypt": "Decrypt files with their key.",
    },
    "Look up": {
        "list": "List attacks, targets, datasets or metrics.",
        "info": "Describe one attack, target or dataset.",
        "doctor": "Check this installation.",
    },
}
"""Commands with their line of help, by group.

The module of a command holds a function of its name (``list_`` for ``list``), or an ``app`` of
several commands.
"""


class _Groups(TyperGroup):
    """The program, whose help lists the commands by group."""

    @override
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        column = max(len(name) for group in COMMANDS.values() for name in group)
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{column}}", line) for name, line in commands.items()])


def _program(asked: str) -> typer.Typer:
    """The program with the command that is asked for, or with all if it is none of them.

    Typer reads the annotations of every option of every command that it is given.
    """
    made = typer.Typer(
        name="ppattack",
        help="Attack perceptual image encryption under an enforced threat model, and report "
        "honestly how much of the images came back.",
        cls=_Groups,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_options)
    lines = {name: line for group in COMMANDS.values() for name, line in group.items()}
    for command in [asked] if asked in lines else lines:
        module = importlib.import_module(f"ppattack_cli.commands.{command}")
        if hasattr(module, "app"):
            made.add_typer(module.app, name=command, short_help=lines[command])
        else:
            function = getattr(module, command, None) or getattr(module, f"{command}_")
            made.command(command, short_help=lines[command])(function)
    return made


def _version(asked: bool) -> None:
    if asked:
        import ppattack

        typer.echo(f"ppattack {ppattack.__version__}")
        raise typer.Exit


def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run the program and exit with its code."""
    # With torch's default, waiting threads spin and a busy neighbour slows small tensor work by
    # one to two orders of magnitude. It is read once, when torch is loaded. NumPy's threads
    # always spin: it gets one.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    keep_freed_memory()
    let_all_live_on()
    gc.set_threshold(OBJECTS_BETWEEN_SEARCHES)
    make_lenient()
    # A stream that the caller has closed is None, which few libraries expect.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    _watch_exits()
    _heed_others()
    code = _run()
    gc.freeze()  # or Python looks through all objects once more before it ends, and frees each
    sys.exit(code)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _watch_exits() -> None:
    """Let nobody end this process by ``os._exit`` as if it had done its work.

    Children that were forked from it end as they wish.
    """
    ours, leave = os.getpid(), os._exit

    def told(status: int) -> NoReturn:
        if os.getpid() == ours:
            status = _say(f"a plug-in tried to end the program (os._exit({status})).", FAILED)
            sys.stderr.flush()
        leave(status)

    os._exit = told


def _heed_others() -> None:
    """Let whoever ends this process (CI, ``docker stop``, a closed terminal) press Ctrl-C.

    So what is half-written goes, and programs that were started end. A signal that the caller has
    us ignore stays ignored, and children that were forked from this process end at once.
    """
    ours = os.getpid()

    def stop(number: int, frame: object) -> None:
        del frame
        if os.getpid() == ours:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, stop)


def _run() -> int:
    with json_alone("--json" in sys.argv):
        return _outcome()


def _outcome() -> int:
    typed = _being_typed()
    if len(sys.argv) == 1 and typed is None:
        print(START, file=sys.stderr)  # noqa: T201
        return BAD_INPUT
    try:
        code = _program(sys.argv[1] if typed is None else typed)(standalone_mode=False)
        flush()
        if code == INTERRUPTED:  # how the option parser hands over Ctrl-C
            raise KeyboardInterrupt
    except SystemExit as error:
        if _raised_by(error).startswith(OPTION_PARSERS):  # it has installed or shown completion
            raise
        return _say(f"a plug-in tried to end the program (SystemExit: {error}).", FAILED)
    except PpattackError as error:
        return _say(str(error), BAD_INPUT)
    except RunFailed as error:
        return _say(str(error), FAILED)
    except Interrupted as error:
        return _say(str(error), INTERRUPTED)
    except (KeyboardInterrupt, typer.Abort) as error:
        if isinstance(error.__cause__, EOFError):  # the option parser takes it for Ctrl-D
            return _defect(error.__cause__)
        kept = "The same command continues from the last checkpoint."
        if sys.argv[1] in NOTHING_KEPT:
            kept = "Nothing was finished, so nothing is kept."
        return _say(f"interrupted. {kept}", INTERRUPTED)
    except Exception as error:
        show = getattr(error, "format_message", None)
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error, file=sys.stderr)  # noqa: T201
            return BAD_INPUT
        if show is not None:  # a usage error found by the option parser
            return _say(f"{show()} {_where_told()}", BAD_INPUT)
        if isinstance(error, OSError) and error.errno in FULL:
            return _say(
                f"cannot write: {error.strerror}. Make room, or write elsewhere.", BAD_INPUT
            )
        if isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY):
            return _say("out of memory: use a smaller -n, --size or preset.", FAILED)
        return _defect(error)
    return int(code or 0)


def _where_told() -> str:
    """Where the usage is told: by the command that was asked for, or one of nearly its name."""
    asked = sys.argv[1]
    known = [name for group in COMMANDS.values() for name in group]
    if asked in known:
        return f"'ppattack {asked} --help' shows the usage."
    from difflib import get_close_matches

    near = "".join(f"The nearest is '{name}'. " for name in get_close_matches(asked, known, 1))
    return f"{near}'ppattack --help' shows the usage."


def _being_typed() -> str | None:
    """The command of a line that a shell asks to complete; None if nobody asks."""
    if COMPLETING not in os.environ:
        return None
    words = os.environ.get("COMP_WORDS", os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()
    return words[1] if len(words) > 1 else ""


def _defect(error: BaseException) -> int:
    """One line for what nobody expected; where it happened if that is asked for."""
    if {"-v", "--verbose"} & set(sys.argv):
        import traceback

        traceback.print_exception(error)
    return _say(
        f"failed: {type(error).__name__}: {error} (-v shows where). This is a defect of "
        "ppattack or of a plug-in.",
        FAILED,
    )


def _raised_by(error: BaseException) -> str:
    """The module in which an error was raised."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return "" if place is None else str(place.tb_frame.f_globals.get("__name__"))


def _say(message: str, code: int) -> int:
    line = visible(" ".join(message.split()))
    print(f"ppattack: {line}", file=sys.stderr)  # noqa: T201
    return code
