"""Image files for challenges."""

from __future__ import annotations

from pathlib import Path

from ppattack.data.image_files import write_png
from tests.conftest import smooth_images


def write_pictures(folder: Path, count: int = 24, size: int = 32) -> Path:
    """Grey images in two folders, and a file that is not an image."""
    for i, image in enumerate(smooth_images(count, size=size, channels=1)):
        write_png(folder / f"view{i % 2}" / f"{i}.png", image)
    (folder / "labels.csv").write_text("no image")
    return folder
