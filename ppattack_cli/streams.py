"""Standard output and error that fail no command: any encoding, a closed pipe, JSON alone."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from typing_extensions import Buffer, override

_results: TextIO | None = None
"""Where JSON goes while everything else that is printed goes to standard error."""


class _Pipe(io.FileIO):
    """A descriptor whose reader may go; what is written after any error is lost without another."""

    @override
    def write(self, data: Buffer, /) -> int | None:  # type: ignore[override]
        try:
            return super().write(data)
        except OSError as error:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())  # what waits in a buffer would fail again at the end
            os.close(null)
            if not isinstance(error, BrokenPipeError):
                raise
            return memoryview(data).nbytes


def make_lenient() -> None:
    """Let standard output and error replace what their encoding lacks, and outlive a reader."""
    sys.stdout, sys.stderr = _lenient(sys.stdout), _lenient(sys.stderr)


def _lenient(stream: TextIO, descriptor: int | None = None) -> TextIO:
    """The same stream, or one like it on another descriptor; a terminal stays what it is."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    if descriptor is None and stream.isatty():
        stream.reconfigure(errors="replace")
        return stream
    stream.flush()
    raw = _Pipe(stream.fileno() if descriptor is None else descriptor, "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="replace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


@contextmanager
def json_alone(asked: bool) -> Iterator[None]:
    """Keep everything but :func:`print_json` off standard output, below Python too.

    Args:
        asked: whether to do so.
    """
    global _results
    if not asked:
        yield
        return
    shown, before = sys.stdout, _results
    copy = _copied(shown)
    _results, sys.stdout = shown if copy is None else _lenient(shown, copy), sys.stderr
    try:
        yield
    finally:
        sys.stderr.flush()
        _results.flush()
        if copy is not None:
            os.dup2(copy, 1)
        _results, sys.stdout = before, shown


def _copied(shown: TextIO) -> int | None:
    """A copy of descriptor 1, which becomes another of 2; None if that is not what is shown on."""
    try:
        if (shown.fileno(), sys.stderr.fileno()) != (1, 2):
            return None
    except (OSError, ValueError, AttributeError):
        return None
    copy = os.dup(1)
    os.dup2(2, 1)
    return copy


def flush() -> None:
    """Write what waits for standard output.

    Raises:
        OSError: if it cannot be written.
    """
    for stream in (_results, sys.stdout):
        if stream is not None:
            stream.flush()


def print_json(text: str) -> None:
    """Print JSON on standard output, escaped if its encoding lacks a character.

    Args:
        text: a JSON document.
    """
    stream = _results or sys.stdout
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        text = re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], text)
    stream.write(text if text.endswith("\n") else f"{text}\n")
