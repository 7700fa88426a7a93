"""The exception tree. Every message says what was wrong, where, and how to fix it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_SURROGATE = re.compile("[\ud800-\udfff]")


class PpattackError(Exception):
    """Base of every error a user can cause; the command line prints one line (exit code 2)."""


class ImageError(PpattackError, ValueError):
    """An image tensor or file that does not follow the image convention."""


class ConfigError(PpattackError, ValueError):
    """A setting that does not exist, has the wrong type or is out of range."""


class DataError(PpattackError, ValueError):
    """An image source that is missing, empty, too small or unreadable."""


class KeyFileError(PpattackError, ValueError):
    """A key that is malformed or belongs to another scheme or image size."""


class NotInvertible(PpattackError):
    """The scheme, in this variant, loses information: there is no exact decryption."""


class ThreatModelError(PpattackError, PermissionError):
    """An attack asked for something that its threat model does not grant."""


class NotApplicable(ConfigError):
    """An attack that cannot be tried on a target: the message says why."""


class NotGranted(ThreatModelError):
    """An attack that needs what cannot be granted in the run that was requested."""


class NotGiven(NotGranted):
    """An attack that could be tried if the user gave more beside files of ciphertexts."""


class UnknownNameError(PpattackError, LookupError):
    """A name that no plug-in has; the message lists the nearest ones."""


class PluginError(PpattackError):
    """A plug-in that cannot be imported or breaks its contract."""


class MetricUnavailable(PpattackError):
    """A metric that cannot be computed here; its score is null and this message is the reason."""


class MissingPackage(PpattackError, ImportError):
    """An optional package that is not installed; the message says how to install it."""


class ReportError(PpattackError, ValueError):
    """A report file that is missing, damaged or of another schema version."""


class RunFailed(Exception):
    """A run that failed although the user's input was right (exit code 3)."""


class Interrupted(Exception):
    """The user ended a command: the message says what is kept (exit code 130)."""


@contextmanager
def kept_running(who: str) -> Iterator[None]:
    """Make what would end the program a failure of the plug-in that did it; Ctrl-C passes.

    Args:
        who: the plug-in, as the message begins.

    Raises:
        RunFailed: for ``sys.exit`` and whatever else is no ``Exception``.
    """
    try:
        yield
    except Exception:
        raise
    except BaseException as error:
        if type(error) is KeyboardInterrupt:
            raise
        words = f"{type(error).__name__}: {error}".rstrip(": ")
        raise RunFailed(
            f"{who} tried to end the program ({words}): let it raise an error or return instead."
        ) from error


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """The nearest known names as text: ``"etc, ele, le"`` (all known names if none is near)."""
    import difflib

    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=count, cutoff=0.0)
    return ", ".join(close or known[:count]) or "none are installed"


def printable(text: str) -> str:
    r"""Text that UTF-8 can hold: bytes of a file name that are not UTF-8 become ``\xff``."""

    def escaped(found: re.Match[str]) -> str:
        code = ord(found[0])
        return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"

    return text if text.isascii() else _SURROGATE.sub(escaped, text)
