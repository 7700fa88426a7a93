"""Which registered schemes have the properties that were found, and with which settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ppattack.identify.finding import Found
from ppattack.identify.properties.content import block_of

Settings = dict[str, Any]
Shape = tuple[int, ...]
USUAL = 0.5
"""What the default block size counts."""
LEAN = 0.9
"""What an undecided property counts at most that leans to one side."""
FEW_PAIRS = 0.1
"""Standard error of ``moved`` with so few pairs of blocks that it is wrong now and then."""
LIKELY = 1.0
"""A scheme that is less than this behind the best is likely too."""


@dataclass(frozen=True)
class Scheme:
    """A row of the table.

    Args:
        name: of the target.
        content: what it changes.
        wants: answer by property; an opposite answer rules it out, the same one counts for it.
        settings: the settings that differ from the defaults, from what was found.
        fits: whether the shape ``(C, H, W)`` can be a ciphertext of it.
        prior: what it has without evidence, if another one wants more properties.
        usual: its default block size, which is likelier than others.
    """

    name: str
    content: str
    wants: Mapping[str, str] = field(default_factory=dict)
    settings: Callable[[Found, Shape], Settings] = lambda found, shape: {}
    fits: Callable[[Shape], bool] = lambda shape: True
    prior: float = 0.0
    usual: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A scheme that nothing found rules out.

    Args:
        scheme: name of the target.
        settings: those that differ from the defaults.
        score: how many properties speak for it.
        likely: whether it is the best, or close to it, and any of its properties was measured.
    """

    scheme: str
    settings: Settings
    score: float
    likely: bool


def block_setting(name: str = "block_size") -> Callable[[Found, Shape], Settings]:
    """The block size under its name in a scheme."""
    return lambda found, shape: {name: block_of(found)}


def _pe(found: Found, shape: Shape) -> Settings:
    return {"color_shuffle": True} if found["colours"].holds and shape[0] == 3 else {}


def _transformation(kind: str) -> Callable[[Found, Shape], Settings]:
    return lambda found, shape: {"block_size": block_of(found), "transformation": kind}


def _vit(found: Found, shape: Shape) -> Settings:
    del shape
    made: Settings = {"block_size": block_of(found)}
    if found["complements"].answer == "no":
        made["flips"] = False
    return made


def _gray(shape: Shape) -> bool:
    channels, height, width = shape
    return channels == 1 and 2 * width in (6 * height, 3 * height)


def _gray_settings(found: Found, shape: Shape) -> Settings:
    halved = 2 * shape[2] == 3 * shape[1]
    return {"block_size": block_of(found), **({"subsampling": "420"} if halved else {})}


def _numbers_blocks(found: Found, shape: Shape) -> Settings:
    del shape
    block = found["shared-blocks"].what
    return {} if block is None else {"block_size": block}


def _neuracrypt(found: Found, shape: Shape) -> Settings:
    """The width names the variant; the order of the tokens is a setting."""
    made: Settings = {} if found["shuffled"].answer != "no" else {"shuffle": False}
    if shape[-1] in WIDTHS:
        return {**WIDTHS[shape[-1]], **made}
    return {"hidden": shape[-1], **made}


def _color_neuracrypt(found: Found, shape: Shape) -> Settings:
    """Images that are not made of patches of 16 pixels were made of smaller ones."""
    del found
    return {"variant": "small"} if shape[1] % WIDE or shape[2] % WIDE else {}


WIDTHS: dict[int, Settings] = {2048: {}, 256: {"variant": "small"}}
"""Settings of codes by the numbers of a token."""
WIDE = 16
"""Pixels along a patch of ``color-neuracrypt``."""
CHANGED = {
    "altered": "yes",
    "complements": "yes",
    "colours": "yes",
    "turned": "yes",
    "moved": "yes",
}
KEPT = {"altered": "no", "complements": "no", "colours": "no", "turned": "no", "moved": "yes"}
UNCOMBINED = {"shuffled-inside": "yes", "combined": "no"}
IN_ORDER = {"shuffled-inside": "no", "combined": "no", "complements": "yes", "moved": "no"}
SCHEMES: tuple[Scheme, ...] = (
    Scheme("plain", "photographs"),
    Scheme("one-time-pad", "noise"),
    Scheme("pe", "values in place", settings=_pe),
    Scheme(
        "etc-gray", "whole blocks", {k: v for k, v in CHANGED.items() if k != "colours"},
        _gray_settings, _gray, prior=1.0,
    ),
    Scheme("etc", "whole blocks", CHANGED, block_setting(), lambda shape: shape[0] == 3),
    Scheme(
        "etc", "whole blocks", {k: v for k, v in CHANGED.items() if k != "colours"},
        block_setting(), lambda shape: shape[0] == 1,
    ),
    Scheme("patch-shuffle", "whole blocks", KEPT, block_setting("patch_size")),
    Scheme(
        "le", "shared blocks",
        {**UNCOMBINED, "unit": "nibble", "complements": "yes", "moved": "no"},
        block_setting(), usual=4,
    ),
    Scheme(
        "block-defence", "shared blocks",
        {**UNCOMBINED, "unit": "byte", "complements": "no", "moved": "no"},
        _transformation("shf"), usual=4,
    ),
    Scheme("block-defence", "shared blocks", IN_ORDER, _transformation("np"), usual=4),
    Scheme(
        "block-defence", "shared blocks",
        {**UNCOMBINED, "unit": "byte", "complements": "yes", "moved": "no"},
        _transformation("shf-np"), usual=4,
    ),
    Scheme(
        "vit-blocks", "shared blocks", {**UNCOMBINED, "unit": "byte", "moved": "yes"},
        _vit, prior=1.25, usual=16,
    ),
    Scheme(
        "ele", "own blocks", {"unit": "nibble", "complements": "yes", "moved": "yes"},
        block_setting(),
    ),
    Scheme("neuracrypt", "codes", {"embedded": "yes"}, _neuracrypt),
    Scheme(
        "color-neuracrypt", "image of numbers",
        {"positions": "yes", "channels-alike": "no", "levels": "no", "few-values": "no"},
        _color_neuracrypt,
    ),
    Scheme(
        "rom", "image of numbers",
        {
            "positions": "no", "levels": "no", "few-values": "no", "channels-alike": "no",
            "shared-blocks": "yes",
        },
        _numbers_blocks,
    ),
    Scheme(
        "rmt", "image of numbers",
        {"positions": "yes", "channels-alike": "yes", "levels": "no", "few-values": "no"},
    ),
    Scheme(
        "block-defence-ffx", "image of numbers", {"few-values": "yes", "levels": "no"},
        _numbers_blocks,
    ),
    Scheme("patch-mix", "image of numbers", {"levels": "yes"}),
)  # fmt: skip
"""A new scheme that no property tells from these needs a property of its own."""
ANSWERS = {"yes": "no", "no": "yes", "nibble": "byte", "byte": "nibble"}


def candidates(found: Found, shape: Shape) -> list[Candidate]:
    """The schemes that fit, the likeliest first; none for an unknown scheme.

    Args:
        found: the properties.
        shape: of a ciphertext.
    """
    content = found["content"].what
    scored = []
    for number, scheme in enumerate(SCHEMES):
        if scheme.content != content or not scheme.fits(shape):
            continue
        answers = {name: _answer(found, name) for name in scheme.wants}
        against = any(answers[name] not in (want, None) for name, want in scheme.wants.items())
        if against and not _tolerated(scheme, answers, found):
            continue
        usual = scheme.usual is not None and scheme.usual == block_of(found)
        score = (
            scheme.prior
            + USUAL * usual
            + sum(_support(found, answers, *each) for each in scheme.wants.items())
        )
        scored.append((-score, number, scheme))
    scored.sort(key=lambda row: row[:2])
    best = -scored[0][0] if scored else 0.0
    return [
        Candidate(
            scheme.name,
            scheme.settings(found, shape),
            -minus,
            best + minus < LIKELY and _measured(found, scheme),
        )
        for minus, _, scheme in scored
    ]


def _measured(found: Found, scheme: Scheme) -> bool:
    """Whether any property that the scheme wants was answered, or leans to one side."""
    answers = {name: _answer(found, name) for name in scheme.wants}
    support = (_support(found, answers, *each) for each in scheme.wants.items())
    return not scheme.wants or any(support)


def _tolerated(scheme: Scheme, answers: Mapping[str, str | None], found: Found) -> bool:
    """Whether a contradiction may come from the draw of one key for few blocks.

    Four blocks that are all complemented, or none, look as if the key complemented nothing. A
    scheme that changes several things is kept while one of them shows, but not if blocks stay. And
    no other scheme shuffles half-bytes in blocks: a few blocks that look moved do not rule it out.
    """
    if scheme.name == "le":
        wrong = [name for name, want in scheme.wants.items() if answers[name] not in (want, None)]
        return wrong == ["moved"] and found["moved"].facts.get("standard error", 0) > FEW_PAIRS
    if scheme.name not in ("etc", "etc-gray") or "no" in (
        answers.get("moved"),
        answers.get("altered"),
    ):
        return False
    shown = [
        name
        for name in ("altered", "complements", "colours", "turned")
        if answers.get(name) == "yes"
    ]
    return bool(shown)


def _support(found: Found, answers: Mapping[str, str | None], name: str, want: str) -> float:
    """1 for the answer that a scheme wants; less, for or against, for one that only leans."""
    if answers[name] is not None:
        return float(answers[name] == want)
    lean = found[name].lean if name in found else 0.0
    return LEAN * (lean if want in ("yes", "nibble") else -lean)


def _answer(found: Found, name: str) -> str | None:
    """The answer, or the detail where the property has one; None if undecided."""
    finding = found.get(name)
    if finding is None or finding.answer == "undecided":
        return None
    return str(finding.what) if name == "unit" else finding.answer
