"""Here the images are the point: they are read each time."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _built_in_images_are_loaded_once() -> None:
    """In place of the fixture of the same name that all other tests have."""
