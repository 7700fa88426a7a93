"""Look at a folder of ciphertexts and say what it is; nothing of torch is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ppattack.identify.attacks import attacks_on
from ppattack.identify.codes import examine_codes
from ppattack.identify.examination import examine
from ppattack.identify.finding import Finding
from ppattack.identify.foreign import odd_files
from ppattack.identify.mixture import (
    MOST,
    alike,
    commonest,
    dissenters,
    in_words,
    kind,
    kinds_of,
    mixture,
    others,
    told_of_all,
)
from ppattack.identify.properties import key_scope
from ppattack.identify.properties.content import block_of
from ppattack.identify.properties.jpeg import came_last
from ppattack.identify.public_images import unchanged
from ppattack.identify.reading import FOREIGN_SHARE, Read, read
from ppattack.identify.sample import Sample
from ppattack.identify.schemes import Candidate, candidates
from ppattack.identify.sizes import grid_that_does_not_fit
from ppattack.identify.strangers import strangers
from ppattack.reports.identification import (
    FittingScheme,
    Identification,
    IdentifiedProperty,
    OddFile,
    Scope,
)

if TYPE_CHECKING:
    from ppattack.card import KeyScope


@dataclass(frozen=True)
class Looked:
    """A folder that was looked at, with what pictures of the evidence are drawn from.

    Args:
        report: what it is.
        read: its files.
    """

    report: Identification
    read: Read


def identify(folder: Path, public: Path | None = None) -> Identification:
    """What a folder of ciphertexts is.

    Args:
        folder: its path.
        public: a folder of public images: files that are among them unchanged are named, unless
            most are.

    Raises:
        DataError: if there are no files that could be ciphertexts, or too many odd ones.
    """
    return look_at(folder, public).report


def look_at(folder: Path, public: Path | None = None) -> Looked:
    """The same, with the files that were read.

    Raises:
        DataError: as :func:`identify`.
    """
    files = read(folder)
    if public is not None:
        known = unchanged(files, public)
        if len(known) <= FOREIGN_SHARE * len(files.names):
            files = files.without(known)
    files, report = examined(files, str(folder))
    return Looked(report, files)


def examined(files: Read, folder: str) -> tuple[Read, Identification]:
    """What files that were read are.

    Args:
        files: the files.
        folder: where they come from.

    Returns:
        the files without those that do not belong to the others, and what the others are.
    """
    if files.is_image:
        files, found = _images_examined(files)
        if files.edges and found["key-scope"].what == "image":
            # Keys over whole images cannot be compared between sizes.
            of_one_size = Sample.of(cast(Any, files.of_commonest_size()))
            found["key-scope"] = key_scope.test(of_one_size, found)
        if files.jpeg is not None:
            found["jpeg"] = _from_headers(str(files.jpeg), files.pixels[0])
    else:
        found = examine_codes(np.asarray(files.arrays, np.float32))
    channels = _sample(files).images.shape[1] if files.is_image else files.pixels[0]
    return files, _report(folder, files, found, (channels, *files.pixels[1:]))


def _images_examined(files: Read) -> tuple[Read, dict[str, Finding]]:
    """The files that belong together, and their properties; a mix is left together."""
    block = grid_that_does_not_fit(_sample(files))
    kept, found = _without_other_kinds(files if block is None else files.cut_to(block))
    odd = {} if "mixed" in found else strangers(_sample(kept), found)
    if not odd:
        return kept, found
    fewer = kept.without([(kept.names[number], why) for number, why in odd.items()])
    return fewer, examine(_sample(fewer))


def _without_other_kinds(files: Read) -> tuple[Read, dict[str, Finding]]:
    """The files but those of another kind, and their properties; a mix is left together."""
    whole = _sample(files)
    kinds = kinds_of(whole)
    mixed = mixture(kinds, whole.edges)
    if mixed is not None:
        return files, {**told_of_all(examine(whole)), mixed.name: mixed}
    common = commonest(kinds)
    odd = {i: why for i, why in odd_files(whole) if not alike(kind(whole.images[i]), common)}
    kept = files.without([(files.names[number], why) for number, why in odd.items()])
    found = examine(_sample(kept))
    if set(others(kinds, found, whole.edges)) - set(odd):
        kinds = kinds_of(whole, every=True)
        named = others(kinds, found, whole.edges)
        odd = {i: f"is of another kind: {in_words(kinds[i])}" for i in named} | odd
        if len(odd) > (1 - MOST) * whole.count:  # then it is the whole that is wrong
            return kept, found
        fewer = files.without([(files.names[number], why) for number, why in odd.items()])
        again = examine(_sample(fewer))
        if not dissenters(kinds, again):
            return fewer, again
    return kept, found


def _sample(files: Read) -> Sample:
    return Sample.of(cast(Any, files.arrays))


def _from_headers(how: str, channels: int) -> Finding:
    what = how.partition(":")[0] if channels == 1 else how
    return Finding(
        "jpeg", "yes", f"JPEG files of quality {what}", "headers of the files", None, "", what=what
    )


def _report(
    folder: str, files: Read, found: dict[str, Finding], shape: tuple[int, ...]
) -> Identification:
    """What was found, in words; ``shape`` has one channel if those of the files are the same."""
    content = found["content"].what
    several = "mixed" in found and found["mixed"].holds
    fitting = [] if several else candidates(found, shape)
    best = next((each for each in fitting if each.likely), None)
    scope = cast(Scope, found["key-scope"].what)
    block = _block(found, best)
    number = None if block is None or content != "whole blocks" else _blocks(files.pixels, block)
    known_scope: KeyScope | None = None if scope == "undecided" else scope
    attacks = () if several else attacks_on(best.scheme if best else None, known_scope, number)
    if content in ("noise", "photographs", "flat"):
        attacks = ()
    jpeg = found.get("jpeg")
    last = came_last(found, content, block) if jpeg is not None and jpeg.holds else None
    if files.jpeg is not None:
        last = True
    when: dict[bool | None, str] = {True: "after", False: "before", None: "before or after"}
    return Identification(
        folder=folder,
        files=files.total,
        looked_at=len(files.names),
        shape=files.pixels,
        sizes=len(set(files.edges)) or 1,
        cropped=files.cropped,
        remainder=files.remainder,
        scheme=best.scheme if best else None,
        words=_words(found, best, block, scope),
        block_size=block,
        key_scope=scope,
        compression=jpeg.what if jpeg is not None and jpeg.holds else None,
        compressed=f"{when[last]} the encryption" if jpeg is not None and jpeg.holds else "",
        settings=best.settings if best else {},
        schemes=tuple(_fitting(each, scope) for each in fitting),
        attacks=attacks,
        properties=tuple(_property(each) for each in found.values()),
        foreign=tuple(OddFile(name=name, why=why) for name, why in files.foreign),
    )


def _block(found: dict[str, Finding], best: Candidate | None) -> int | None:
    if found["content"].what == "image of numbers":
        return None if best is None else best.settings.get("block_size")
    return block_of(found)


def _blocks(shape: tuple[int, ...], block: int) -> int:
    return (shape[1] // block) * (shape[2] // block)


SCOPES = {
    "dataset": "one key for all files",
    "image": "a key for each file",
    "undecided": "one key or a key each: undecided",
}


def _words(
    found: dict[str, Finding], best: Candidate | None, block: int | None, scope: Scope
) -> str:
    """What it is, in one line."""
    content = found["content"]
    if "mixed" in found and found["mixed"].holds:
        return found["mixed"].words
    if content.what == "photographs":
        return "plain: photographs that are not encrypted, or altered alike everywhere"
    if content.what == "noise":
        return "noise: nothing tells the files from a one-time pad or a strong cipher"
    name = "no known scheme" if best is None else best.scheme
    blocks = f", blocks of {block} px" if block else ""
    return f"{name}{blocks}, {SCOPES[scope]}: {content.words}"


def _fitting(candidate: Candidate, scope: Scope) -> FittingScheme:
    options = [f"--target {candidate.scheme}"]
    options += [f"--set target.{name}={_text(v)}" for name, v in candidate.settings.items()]
    if scope != "undecided":
        options.append(f"--key-scope {scope}")
    return FittingScheme(
        scheme=candidate.scheme,
        settings=candidate.settings,
        likely=candidate.likely,
        options=" ".join(options),
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _property(finding: Finding) -> IdentifiedProperty:
    return IdentifiedProperty(
        name=finding.name,
        answer=finding.answer,
        what=finding.what,
        words=finding.words,
        statistic=finding.statistic,
        value=None if finding.value is None else float(finding.value),
        null=finding.null,
        bar=finding.bar,
        p=finding.p,
        facts=dict(finding.facts),
    )
