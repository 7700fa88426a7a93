"""What the keys of a run are drawn from: its seed or, if the attack is isolated, random bits.

Keys that follow from a seed can be repeated by anybody who guesses it. So an isolated run draws
them from fresh bits, which its attack is never sent. An interruption leaves them in the unfinished
run's folder, to go on from, and the report holds them once the attack is over.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ppattack.errors import ConfigError
from ppattack.files import write_bytes
from ppattack.folders import partial_place
from ppattack.reports.run import read_report
from ppattack.request import RunRequest

BYTES = 32
FILE = "entropy"
FIELD = "entropy"
"""In the provenance of a report, as hexadecimal digits."""


def given(request: RunRequest) -> bytes | None:
    """The bits in the report that a request names; None if it names none.

    Raises:
        ConfigError: if the report holds none.
        ReportError: if it cannot be read.
    """
    if request.entropy_from is None:
        return None
    text = read_report(request.entropy_from).provenance.get(FIELD)
    try:
        found = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        found = b""
    if len(found) != BYTES:
        raise ConfigError(
            f"--entropy-from {request.entropy_from}: this report holds no entropy: name the "
            "report.json of a run with --isolate, or leave the option out."
        )
    return found


def secret_of(request: RunRequest, folder: Path, found: bytes | None) -> int | bytes:
    """What the victims' keys and secret orders are drawn from.

    Args:
        request: of the run.
        folder: the run's; an unfinished run there keeps its bits.
        found: as :func:`given` gave it.

    Returns:
        the seed, or 32 bytes if the attack is isolated or the request names a report.
    """
    if found is not None:
        return found
    if not request.isolated:
        return request.seed
    place = partial_place(folder)
    try:
        kept = (place / FILE).read_bytes()
    except OSError:
        kept = b""
    if len(kept) == BYTES:
        return kept
    shutil.rmtree(place, ignore_errors=True)  # its checkpoints belong to keys that are lost
    return secrets.token_bytes(BYTES)


@contextmanager
def kept_if_interrupted(partial: Path, secret: int | bytes) -> Iterator[None]:
    """Have the bits in this process alone while an attack runs; an interruption writes them.

    An isolated attack is told a folder inside ``partial`` and could read a file beside it. So a
    run that is killed, and not interrupted, begins anew under other keys.

    Args:
        partial: the folder of the unfinished run, to go on from.
        secret: as :func:`secret_of` gave it.

    Raises:
        DataError: if the file cannot be written.
    """
    if not isinstance(secret, bytes):
        yield
        return
    (partial / FILE).unlink(missing_ok=True)
    try:
        yield
    except BaseException:
        write_bytes(partial / FILE, secret, private=True)
        raise
