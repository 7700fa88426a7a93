"""What every registered image source must keep."""

from __future__ import annotations

import pytest

from ppattack.plugins import registry

NAMES = registry.names("dataset")


@pytest.mark.parametrize("name", NAMES)
def test_card_and_docstring(name: str) -> None:
    entry = next(entry for entry in registry.entries("dataset") if entry.name == name)
    assert entry.plugin is not None, entry.broken
    card = entry.plugin.card
    assert card.name == name
    assert len(card.title) > 10
    assert card.reference.authors
    assert entry.plugin.__doc__
