"""JPEG compression between encryption and the receiver of the ciphertexts."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from ppattack import images as image_ops
from ppattack.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

Subsampling = Literal["444", "420"]


@dataclass(frozen=True)
class Jpeg:
    """How ciphertexts are compressed.

    Args:
        quality: 1 to 100, as the Independent JPEG Group counts it.
        subsampling: that of the colours; grey ciphertexts have none.

    Raises:
        ConfigError: if a value is out of range.
    """

    quality: int
    subsampling: Subsampling = "444"

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100 or self.subsampling not in ("444", "420"):
            raise ConfigError(_wrong(f"{self.quality}:{self.subsampling}"))

    @classmethod
    def read(cls, text: str) -> Jpeg:
        """``"85"``, ``"85:444"`` or ``"85:420"``.

        Raises:
            ConfigError: if the text is none of these.
        """
        quality, colon, subsampling = text.partition(":")
        if not (quality.isascii() and quality.isdecimal() and len(quality) < 4):
            raise ConfigError(_wrong(text))
        return cls(int(quality), cast(Subsampling, subsampling if colon else "444"))

    @classmethod
    def of_files(cls, paths: Iterable[Path | BinaryIO]) -> Jpeg | None:
        """How files were compressed, by their headers.

        Args:
            paths: image files, or open ones.

        Returns:
            the lowest quality among them (the nearest one if an encoder has its own tables);
            None unless all are JPEG files of one subsampling, 4:4:4 or 4:2:0.
        """
        from PIL import Image, JpegImagePlugin

        tables = set()
        subsamplings = set()
        for path in paths:
            with Image.open(path) as opened:
                if not isinstance(opened, JpegImagePlugin.JpegImageFile):
                    return None
                tables.add(tuple(opened.quantization[0]))
                grey = len(opened.getbands()) == 1
                subsamplings.add(0 if grey else JpegImagePlugin.get_sampling(opened))
        names: dict[int, Subsampling] = {0: "444", 2: "420"}
        if len(subsamplings) != 1 or not subsamplings <= names.keys():
            return None
        return cls(min(_nearest_quality(table) for table in tables), names[subsamplings.pop()])

    @property
    def halves_colours(self) -> bool:
        """Whether colours are stored at half the size, and so spread over their neighbours."""
        return self.subsampling == "420"

    def __str__(self) -> str:
        return f"{self.quality}:{self.subsampling}"

    def encode(self, image: Tensor, *, optimised: bool = False) -> bytes:
        """The JPEG file of one image.

        Args:
            image: ``(C, H, W)`` uint8, C of 1 or 3.
            optimised: whether the file has the image's own Huffman tables instead of the
                standard's; its pixels are the same.
        """
        import numpy as np
        from PIL import Image

        pixels = image.cpu().numpy()
        rows = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
        data = io.BytesIO()
        colour = {} if len(pixels) == 1 else {"subsampling": 0 if self.subsampling == "444" else 2}
        how = {"quality": self.quality, "optimize": optimised, **colour}
        Image.fromarray(rows).save(data, format="JPEG", **how)
        return data.getvalue()

    def transport(self, images: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` uint8 after compression, on their device."""
        import numpy as np
        import torch
        from PIL import Image

        image_ops.check(images, "ciphertexts to compress")
        received = np.empty(images.shape, np.uint8)
        for out, image in zip(received, images, strict=True):
            with Image.open(io.BytesIO(self.encode(image))) as opened:
                pixels = np.asarray(opened)
            out[:] = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        return torch.from_numpy(received).to(images.device)


def _nearest_quality(table: tuple[int, ...]) -> int:
    """The quality whose brightness table is nearest to the one of a file."""
    import numpy as np
    from PIL import Image

    def distance(quality: int) -> int:
        data = io.BytesIO()
        Image.new("L", (8, 8)).save(data, format="JPEG", quality=quality)
        with Image.open(data) as made:
            own = made.quantization[0]  # type: ignore[attr-defined]
        return int(np.abs(np.subtract(own, table)).sum())

    return min(range(100, 0, -1), key=distance)


def _wrong(text: str) -> str:
    return (
        f"JPEG '{text}' is not valid: use a quality of 1 to 100, and :444 or :420 after it for "
        "the colours, for example 85:420."
    )
