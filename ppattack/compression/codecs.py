"""Image codecs behind one interface: from an image to a file, and back."""

from __future__ import annotations

import io
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from ppattack.errors import ConfigError, nearest
from ppattack.jpeg import Jpeg, Subsampling

if TYPE_CHECKING:
    from torch import Tensor

QUALITIES = (75, 80, 85, 90, 95)
SUBSAMPLINGS: tuple[Subsampling, ...] = ("444", "420")


class Codec(ABC):
    """One codec with its settings.

    Args:
        name: as in reports and on the command line.
        lossless: whether decoding gives back the encoded image, bit by bit.
    """

    def __init__(self, name: str, *, lossless: bool) -> None:
        self.name = name
        self.lossless = lossless

    @abstractmethod
    def obstacle(self) -> str:
        """Why it cannot be used here, and how to fix that; ``""`` if it can."""

    @abstractmethod
    def encode(self, image: Tensor) -> bytes:
        """The file of one image ``(C, H, W)`` uint8, with C = 1 or 3."""

    @abstractmethod
    def decode(self, data: bytes) -> Tensor:
        """The image ``(C, H, W)`` uint8 in a file."""


class JpegCodec(Codec):
    """Baseline JPEG with the standard's quantisation tables, scaled by quality.

    Args:
        jpeg: quality and subsampling; grey images have no colours to subsample.
        optimised: use Huffman tables made for the image instead of the standard's.
    """

    def __init__(self, jpeg: Jpeg, *, optimised: bool = False) -> None:
        tables = "-opt" if optimised else ""
        super().__init__(f"jpeg-{jpeg.quality}-{jpeg.subsampling}{tables}", lossless=False)
        self.jpeg = jpeg
        self.optimised = optimised

    @override
    def obstacle(self) -> str:
        return _missing_from_pillow("jpg", "JPEG")

    @override
    def encode(self, image: Tensor) -> bytes:
        return self.jpeg.encode(image, optimised=self.optimised)

    @override
    def decode(self, data: bytes) -> Tensor:
        return _opened(data)


class PillowLossless(Codec):
    """A lossless format of Pillow.

    Args:
        name: of the codec.
        file_format: as Pillow names it.
        feature: as Pillow names the library.
        for_colours: options for colour images, over Pillow's defaults.
    """

    def __init__(self, name: str, file_format: str, feature: str, **for_colours: Any) -> None:
        super().__init__(name, lossless=True)
        self._format = file_format
        self._feature = feature
        self._for_colours = for_colours

    @override
    def obstacle(self) -> str:
        return _missing_from_pillow(self._feature, self._format)

    @override
    def encode(self, image: Tensor) -> bytes:
        from PIL import Image

        data = io.BytesIO()
        options = self._for_colours if len(image) == 3 else {}
        Image.fromarray(_rows(image)).save(data, format=self._format, **options)
        return data.getvalue()

    @override
    def decode(self, data: bytes) -> Tensor:
        return _opened(data)


class JpegLs(Codec):
    """JPEG-LS (ISO/IEC 14495-1), lossless, by CharLS in the package imagecodecs."""

    def __init__(self) -> None:
        super().__init__("jpeg-ls", lossless=True)

    @override
    def obstacle(self) -> str:
        try:
            import imagecodecs
        except ImportError:
            return "the package imagecodecs is not installed: pip install 'ppattack[utility]'"
        if not imagecodecs.JPEGLS.available:
            return "this build of imagecodecs has no JPEG-LS: install its wheel for your platform"
        return ""

    @override
    def encode(self, image: Tensor) -> bytes:
        import imagecodecs

        # the package's own estimate is too small for noise, which no codec can shrink
        room = 2 * image.numel() + 1024
        return bytes(imagecodecs.jpegls_encode(_rows(image), out=room))

    @override
    def decode(self, data: bytes) -> Tensor:
        import imagecodecs

        return _tensor(imagecodecs.jpegls_decode(data))


def read_codec(name: str) -> Codec:
    """The codec of a name.

    Args:
        name: ``jpeg-85-420`` (quality, then colours whole or halved; ``-opt`` adds Huffman
            tables made for the image), ``jpeg-ls``, ``jpeg-2000``, ``jpeg-2000-rct`` (with the
            standard's colour transform) or ``png``.

    Raises:
        ConfigError: if the name is none of these.
    """
    found = _lossless().get(name)
    if found is not None:
        return found
    parts = re.fullmatch(r"jpeg-([0-9]{1,3})-(444|420)(-opt)?", name)
    if parts is None:
        names = ("jpeg-85-420", "jpeg-85-444", *_lossless())
        raise ConfigError(f"there is no codec '{name}'; the nearest are: {nearest(name, names)}.")
    return JpegCodec(Jpeg.read(f"{parts[1]}:{parts[2]}"), optimised=parts[3] is not None)


def all_codecs(qualities: Iterable[int]) -> tuple[Codec, ...]:
    """JPEG of these qualities, colours whole and halved, then every lossless codec.

    Raises:
        ConfigError: for a quality out of range.
    """
    lossy = [JpegCodec(Jpeg(each, how)) for how in SUBSAMPLINGS for each in qualities]
    return (*lossy, *_lossless().values())


def named_codecs(names: Sequence[str]) -> tuple[Codec, ...]:
    """The codecs of these names, in their order.

    Raises:
        ConfigError: for an unknown or repeated name, or a codec that is not installed.
    """
    found = tuple(read_codec(name) for name in names)
    for number, codec in enumerate(found):
        if codec.name in [other.name for other in found[:number]]:
            raise ConfigError(f"the codec '{codec.name}' was asked for twice.")
        obstacle = codec.obstacle()
        if obstacle:
            raise ConfigError(f"the codec '{codec.name}' cannot be used: {obstacle}.")
    return found


def versions() -> dict[str, str]:
    """Versions of the libraries that write the files; sizes may depend on them."""
    from importlib.metadata import PackageNotFoundError, version

    from PIL import features

    known = {"libjpeg-turbo": "libjpeg_turbo", "openjpeg": "jpg_2000", "zlib": "zlib"}
    found = {name: str(features.version(feature)) for name, feature in known.items()}
    try:
        found["imagecodecs"] = version("imagecodecs")
    except PackageNotFoundError:
        found["imagecodecs"] = "not installed"
    return found


def _lossless() -> dict[str, Codec]:
    codecs = (
        JpegLs(),
        PillowLossless("jpeg-2000", "JPEG2000", "jpg_2000", mct=0),
        # the standard's reversible colour transform, which Pillow leaves out by default
        PillowLossless("jpeg-2000-rct", "JPEG2000", "jpg_2000", mct=1),
        PillowLossless("png", "PNG", "zlib"),
    )
    return {codec.name: codec for codec in codecs}


def _missing_from_pillow(feature: str, name: str) -> str:
    from PIL import features

    if features.check(feature):
        return ""
    return f"this build of Pillow has no {name}: install Pillow's wheel for your platform"


def _rows(image: Tensor) -> Any:
    """``(H, W)`` or ``(H, W, 3)`` uint8, a copy in C order whatever the image's strides."""
    pixels = image.cpu().numpy()
    return (pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).copy(order="C")


def _opened(data: bytes) -> Tensor:
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        return _tensor(np.array(opened))


def _tensor(rows: Any) -> Tensor:
    import torch

    pixels = torch.from_numpy(rows)
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()
