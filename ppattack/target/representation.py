"""What a scheme's transformation acts on: the padded image, or the image in another form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppattack import images as image_ops
from ppattack.images import ImageShape

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Panel:
    """A rectangle, pixels.

    Args:
        top: its first row.
        left: its first column.
        height: rows.
        width: columns.
        chroma: whether it shows colour differences, which have less texture than brightness.
    """

    top: int
    left: int
    height: int
    width: int
    chroma: bool = False

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )


@dataclass(frozen=True)
class Representation:
    """The public, keyless part of a scheme: plain images in the form its transformation takes.

    Here that is the image padded to whole blocks; a scheme that rearranges or converts images
    before it encrypts them uses a subclass. A ciphertext has the shape of what was transformed.

    Args:
        multiple: height and width are padded to multiples of this many pixels.
    """

    multiple: int = 1

    @property
    def levels(self) -> range:
        """Levels that every symbol of an image can have, whatever the others have."""
        return range(256)

    def shape(self, image_shape: ImageShape) -> ImageShape:
        """``(C, H, W)`` of what is transformed, from the ``(C, H, W)`` of a plain image."""
        channels, height, width = image_shape
        return channels, height + -height % self.multiple, width + -width % self.multiple

    def image_shape(self, shape: ImageShape) -> ImageShape:
        """``(C, H, W)`` of the largest plain image that has a ciphertext of this shape.

        Raises:
            ImageError: if no plain image has one.
        """
        return shape

    def panels(self, shape: ImageShape) -> tuple[Panel, ...]:
        """The pictures that make up what is transformed, of this shape: here one."""
        return (Panel(0, 0, shape[1], shape[2]),)

    def prepare(self, images: Tensor) -> Tensor:
        """Plain images ``(N, C, H, W)`` uint8 in the form that the transformation takes."""
        return image_ops.pad_to_multiple(images, self.multiple)

    def restore(self, prepared: Tensor, image_shape: ImageShape) -> Tensor:
        """Plain images of ``image_shape`` from prepared ones; undoes :meth:`prepare`."""
        return image_ops.crop(prepared, *image_shape[1:])
