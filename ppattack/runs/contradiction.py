"""Ciphertext files that do not look like those of the target that is said to have made them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ppattack.config import as_dict
from ppattack.errors import DataError
from ppattack.plugins import registry
from ppattack.runs.loaded import taken_once
from ppattack.scenario import key_scope_of

if TYPE_CHECKING:
    from ppattack.evaluation.verdict import Judgement
    from ppattack.request import RunRequest

HIDES_NOTHING = ("plain", "one-time-pad")
"""What can be identified, and leaves nothing to attack."""
FEWEST_FILES = 10
"""Fewer say what size blocks have, but not for sure what is done inside of them."""


def contradiction(request: RunRequest) -> str | None:
    """One line if the files contradict the target of a request; None if they do not.

    Of targets that :mod:`ppattack.identify.schemes` does not know only photographs are named.
    Ciphertexts that are not images are not compared: under a key each they look alike.

    Raises:
        PpattackError: if there are no files that could be ciphertexts, or the target has no such
            settings.
    """
    if request.ciphertexts is None:
        return None
    from ppattack.identify.schemes import SCHEMES
    from ppattack.runs.identifying import identify

    files = request.ciphertexts
    known = {scheme.name for scheme in SCHEMES}
    target = registry.target(request.target) if request.target in known else None
    if target is not None and target.card.cipher != "image":
        return None
    found = taken_once(f"what {files} is", lambda: identify(files))
    if target is None and found.scheme != "plain":
        return None
    fitting = [each.settings for each in found.schemes if each.scheme == request.target]
    if target is None or not fitting:
        nothing = found.scheme is None or found.scheme in HIDES_NOTHING
        instead = "" if nothing else f"; try {found.schemes[0].options}"
        return f"the files do not look like '{request.target}': {found.words}{instead}"
    named = target(**request.target_settings)
    few = found.looked_at < FEWEST_FILES
    other = [_difference(as_dict(named.config), settings, few=few) for settings in fitting]
    if all(other):
        return f"the files look like '{request.target}' with {other[0]}"
    scope = key_scope_of(named, request.key_scope)
    if found.key_scope not in ("undecided", scope):
        return f"the files look as if under --key-scope {found.key_scope}, not {scope}"
    return None


def _difference(config: Mapping[str, object], found: Mapping[str, object], *, few: bool) -> str:
    """The first setting that was found to be another; empty if none was."""
    for name, value in found.items():
        said = None if few and name != "block_size" else config.get(name)
        if None not in (value, said) and _text(value) != _text(said):
            return f"{name}={_text(value)}, not {_text(said)}"
    return ""


def held_against_files(request: RunRequest, judged: Judgement) -> Judgement:
    """A verdict on ciphertexts of somebody else, who may have made them in another way.

    An attack that fails on them then says nothing of the target. What it gave back stays given
    back, and the reason says what they look like.

    Args:
        request: of the run.
        judged: the verdict if they are what the request says.
    """
    try:
        against = contradiction(request)
    except DataError:  # too small to say what they are, for instance
        return judged
    if against is None:
        return judged
    if judged.verdict != "RESISTED":
        return judged._replace(reason=f"{judged.reason} But {against}.")
    words = f"{judged.reason.removesuffix('.')}, but {against}."
    return judged._replace(verdict="INCONCLUSIVE", reason=words)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
