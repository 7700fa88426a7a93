"""Files of recovered maps: like key files, for ``ppattack decrypt``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ppattack.errors import ImageError, KeyFileError
from ppattack.maps import CipherMap
from ppattack.target.key import pack, unpack
from ppattack.target.key_file import check_scheme, public_settings

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.target.base import Target

FILE = "recovered.key"
"""Its name in a run's folder."""
VERSION = 1
VERSION_FIELD = "map_file_version"


@dataclass(frozen=True)
class MapFile:
    """What such a file holds.

    Args:
        map: between prepared images and ciphertexts.
        scheme: the name of the scheme that was attacked.
        settings: its settings.
        image_shape: ``(C, H, W)`` of the plain images.
    """

    map: CipherMap
    scheme: str
    settings: Mapping[str, Any]
    image_shape: ImageShape

    @classmethod
    def new(cls, found: CipherMap, target: Target, image_shape: ImageShape) -> MapFile:
        """A map that was recovered from a scheme."""
        return cls(found, target.card.name, public_settings(target), image_shape)

    def to_bytes(self) -> bytes:
        """The content of the file."""
        document = {
            VERSION_FIELD: VERSION,
            "scheme": self.scheme,
            "settings": self.settings,
            "image_shape": self.image_shape,
        }
        return pack(document, self.map.arrays())

    @classmethod
    def from_bytes(cls, data: bytes) -> MapFile | None:
        """Read what :meth:`to_bytes` wrote; None if the data are a file of another kind.

        Raises:
            KeyFileError: if they are damaged.
        """
        document, parts = unpack(data)
        if VERSION_FIELD not in document:
            return None
        try:
            if document[VERSION_FIELD] != VERSION:
                raise ValueError(f"version {document[VERSION_FIELD]}")
            channels, height, width = (int(edge) for edge in document["image_shape"])
            found, scheme = CipherMap.from_arrays(parts), str(document["scheme"])
            return cls(found, scheme, dict(document["settings"]), (channels, height, width))
        except (ImageError, LookupError, TypeError, ValueError) as error:
            raise KeyFileError(
                f"not a ppattack file of a recovered map ({error}): use '{FILE}' of a run."
            ) from None

    def decrypt(self, target: Target, ciphertexts: Tensor) -> Tensor:
        """The plain images of ciphertexts, ``(N, C, H, W)`` uint8.

        Raises:
            KeyFileError: for another scheme, other settings or ciphertexts of another shape.
        """
        check_scheme(target, self.scheme, self.settings)
        form, shape = target.representation(), self.image_shape
        if form.shape(shape) != self.map.plain_shape:
            raise KeyFileError(f"the map is not one of images of shape {shape}: use another file.")
        if tuple(ciphertexts.shape[1:]) != self.map.cipher_shape:
            raise KeyFileError(
                f"the map is for ciphertexts of shape {self.map.cipher_shape}, not "
                f"{tuple(ciphertexts.shape[1:])}: use that of a run on images of this size."
            )
        return form.restore(self.map.invert(ciphertexts), shape)
