"""All properties in order: each may use what was found before it."""

from __future__ import annotations

from collections.abc import Callable

from ppattack.identify.finding import Finding, Found
from ppattack.identify.properties import (
    after_jpeg,
    altered,
    block_edges,
    colours,
    combined,
    common_mask,
    complements,
    content,
    in_place,
    jpeg,
    key_scope,
    moved,
    noise,
    own_blocks,
    shared_blocks,
    shuffled_inside,
    smooth,
    turned,
    unit,
)
from ppattack.identify.sample import Sample

Test = Callable[[Sample, Found], Finding]
PROPERTIES: tuple[Test, ...] = (
    smooth.test,
    jpeg.test,
    block_edges.test,
    after_jpeg.test,
    in_place.test,
    shared_blocks.test,
    noise.test,
    own_blocks.test,
    common_mask.test,
    content.test,
    shuffled_inside.test,
    combined.test,
    unit.test,
    altered.test,
    complements.test,
    colours.test,
    turned.test,
    moved.test,
    key_scope.test,
)
"""A new property is a new file with a ``test``, and a line here."""


def examine_content(sample: Sample) -> dict[str, Finding]:
    """The properties up to the content, by name."""
    return _examined(sample, PROPERTIES[: PROPERTIES.index(content.test) + 1])


def examine(sample: Sample) -> dict[str, Finding]:
    """Every property of files of one size, by name."""
    return _examined(sample, PROPERTIES)


def _examined(sample: Sample, tests: tuple[Test, ...]) -> dict[str, Finding]:
    found: dict[str, Finding] = {}
    for test in tests:
        finding = test(sample, found)
        found[finding.name] = finding
    return found
