"""The ``ppattack`` program: commands, exit codes, and one line for every failure.

Exit codes: 0 it ran (whatever the verdict); 1 a gate is violated; 2 usage or bad input; 3 it
failed, or cells of a sweep did; 4 a gate cannot decide; 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys

import typer

from ppattack.errors import PpattackError, RunFailed

BAD_INPUT, FAILED, INTERRUPTED = 2, 3, 130
COMMANDS = {
    "run": "run",
    "audit": "audit",
    "bench": "bench",
    "compress": "compress",
    "classify": "classify",
    "report": "report",
    "gate": "gate",
    "new": "new",
    "encrypt": "encrypt",
    "decrypt": "decrypt",
    "challenge": "challenge",
    "reproduce": "reproduce",
    "list": "list_plugins",
    "info": "info",
    "doctor": "doctor",
}
"""Modules by command: each holds a function of its own name, or an ``app`` of several."""


def _program(asked: str | None) -> typer.Typer:
    """The program with the command that is asked for, or with all where that is none of them.

    Typer reads the annotations of every option of every command that it is given.
    """
    made = typer.Typer(
        name="ppattack",
        help="Attack perceptual image encryption under an enforced threat model, and report "
        "honestly how much of the images came back.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_options)
    for command in [asked] if asked in COMMANDS else COMMANDS:
        name = COMMANDS[command]
        module = importlib.import_module(f"ppattack_cli.commands.{name}")
        if hasattr(module, "app"):
            made.add_typer(module.app, name=command)
        else:
            made.command(command)(getattr(module, name))
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
    del version


def main() -> None:
    """Run the program and exit with its code."""
    # With torch's default, waiting threads spin and a busy neighbour slows small tensor work by
    # one to two orders of magnitude. It is read once, when torch is loaded. NumPy's threads
    # always spin: it gets one.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(_run())


def _run() -> int:
    try:
        code = _program(sys.argv[1] if len(sys.argv) > 1 else None)(standalone_mode=False)
        if code == INTERRUPTED:  # how the option parser hands over Ctrl-C
            raise KeyboardInterrupt
    except PpattackError as error:
        return _say(str(error), BAD_INPUT)
    except RunFailed as error:
        return _say(str(error), FAILED)
    except (KeyboardInterrupt, typer.Abort):
        return _say(
            "interrupted. The same command continues from the last checkpoint.", INTERRUPTED
        )
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        show = getattr(error, "format_message", None)
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error, file=sys.stderr)  # noqa: T201
            return BAD_INPUT
        if show is not None:  # a usage error found by the option parser
            return _say(f"{show()} 'ppattack --help' shows the usage.", BAD_INPUT)
        if isinstance(error, MemoryError) or "out of memory" in str(error):
            return _say("out of memory: use a smaller -n, --size or preset.", FAILED)
        if {"-v", "--verbose"} & set(sys.argv):
            import traceback

            traceback.print_exc()
        return _say(
            f"failed: {type(error).__name__}: {error} (-v shows where). This is a defect of "
            "ppattack or of a plug-in.",
            FAILED,
        )
    return int(code or 0)


def _say(message: str, code: int) -> int:
    line = " ".join(message.split())
    print(f"ppattack: {line}", file=sys.stderr)  # noqa: T201
    return code
