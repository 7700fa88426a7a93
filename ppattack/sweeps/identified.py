"""Ciphertext files of which nobody said what made them, or said something that they contradict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ppattack.errors import ConfigError
from ppattack.reports.audit import Audit
from ppattack.reports.identification import FittingScheme, Identification
from ppattack.request import RunRequest, check
from ppattack.runs.contradiction import HIDES_NOTHING, contradiction
from ppattack.runs.identifying import identify
from ppattack.runs.store import Finished

if TYPE_CHECKING:
    from ppattack.card import KeyScope

AT_MOST = 2
"""Hypotheses that are tried."""
NOTHING = (
    "nothing to audit: name a target with --target NAME or --target path/to/file.py:Class, a "
    "program with --oracle 'CMD {in} {out}', or a folder of files with --ciphertexts DIR."
)
"""Why nothing is audited if a request names nothing."""
Run = Callable[[RunRequest], Finished[Audit]]
Say = Callable[[str], None]


def audit_files(base: RunRequest, run: Run, say: Say) -> list[Finished[Audit]]:
    """Audit a request; if it names files but no target, on each hypothesis until one is broken.

    Args:
        base: the request.
        run: audits a request that names a target.
        say: takes one line: what was assumed, or what contradicts the target.

    Returns:
        one audit, or one for each hypothesis that was tried.

    Raises:
        ConfigError: if the files do not look like those of any registered scheme, or nothing is
            named.
        PpattackError: if anything else in the request is wrong.
    """
    check(base)
    if base.ciphertexts is None:
        if not base.target:
            raise ConfigError(NOTHING)
        return [run(base)]
    if base.target:
        against = contradiction(base)
        if against:
            say(against)
        return [run(base)]
    done: list[Finished[Audit]] = []
    for request, words in hypotheses(base):
        say(words)
        done.append(run(request))
        if done[-1].report.verdict == "BROKEN":
            break
    return done


def hypotheses(base: RunRequest) -> list[tuple[RunRequest, str]]:
    """The likeliest schemes of files, as requests, each with what it assumes in words.

    A key scope that is undecided makes two hypotheses of one scheme.

    Raises:
        ConfigError: if no registered scheme fits, or there is nothing to attack.
        DataError: if there are no files that could be ciphertexts.
    """
    if base.ciphertexts is None:
        raise ConfigError(NOTHING)
    found = identify(base.ciphertexts)
    likely = [each for each in found.schemes if each.likely]
    if not likely:
        raise ConfigError(
            f"{base.ciphertexts}: {found.words}. That says nothing of how strong it is; name the "
            "--target that made the files to attack them."
        )
    if likely[0].scheme in HIDES_NOTHING:
        raise ConfigError(
            f"{base.ciphertexts}: {found.words}. There is nothing to audit; name a --target to "
            "attack the files all the same."
        )
    if found.sizes > 1:
        raise ConfigError(
            f"{base.ciphertexts}: {found.words}. Its files have {found.sizes} sizes, and an attack "
            "needs one: put files of one size into a folder of their own, and audit that."
        )
    if found.remainder:
        _, height, width = found.shape
        raise ConfigError(
            f"{base.ciphertexts}: {found.words}. Its blocks leave a remainder at the right or "
            f"below: cut the files to their upper left {width}x{height}, and audit those."
        )
    made = [
        (_request(base, each, scope), each, scope)
        for each in likely
        for scope in _scopes(base, found)
    ]
    return [
        (request, _assumed(found, scheme, scope, i, min(len(made), AT_MOST)))
        for i, (request, scheme, scope) in enumerate(made[:AT_MOST])
    ]


def _scopes(base: RunRequest, found: Identification) -> tuple[KeyScope | None, ...]:
    if base.key_scope is not None:
        return (base.key_scope,)
    if found.key_scope != "undecided":
        return (found.key_scope,)
    return (None,) if found.looked_at < AT_MOST else ("dataset", "image")


def _request(base: RunRequest, scheme: FittingScheme, scope: KeyScope | None) -> RunRequest:
    settings = {name: str(value) for name, value in scheme.settings.items()}
    return replace(
        base,
        target=scheme.scheme,
        target_settings={**settings, **base.target_settings},
        key_scope=scope,
    )


def _assumed(
    found: Identification, scheme: FittingScheme, scope: KeyScope | None, number: int, count: int
) -> str:
    of = f" (hypothesis {number + 1} of {count})" if count > 1 else ""
    keyed = f" --key-scope {scope}" if scope and "--key-scope" not in scheme.options else ""
    return f"assumed {scheme.options}{keyed}{of}, from {found.looked_at} files: {found.words}"
