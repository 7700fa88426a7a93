"""Public data sets through torchvision: victims have the test images, the adversary the others.

Files are looked for in ``$PPATTACK_DATA_ROOT``, or ``~/.cache/ppattack/data``, and fetched only
when the request says so. The seed chooses which images are taken, without replacement. At their own
size images are unchanged; for another size they are cut to a square and resized. Classes are those
of the data set.

The CIFAR archives are pickles; before it unpickles any file, torchvision compares its MD5 with the
published one.
"""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from ppattack.card import Reference
from ppattack.data.decoding import open_image, pixels_of
from ppattack.data.fingerprint import of_files
from ppattack.data.selection import Counted, Pixels, select
from ppattack.data.source import ImageRequest, ImageSets, ImageSource, SourceCard
from ppattack.errors import DataError
from ppattack.files import user_path
from ppattack.seeding import numpy_stream

ROOT_VARIABLE = "PPATTACK_DATA_ROOT"


def data_root() -> Path:
    """The folder that holds downloaded data sets."""
    chosen = os.environ.get(ROOT_VARIABLE)
    return user_path(chosen) if chosen else Path.home() / ".cache" / "ppattack" / "data"


class TorchvisionSource(ImageSource):
    """A data set of torchvision."""

    download_size: ClassVar[str]
    folders: ClassVar[tuple[str, ...]]
    """Where torchvision puts its files, below the root."""

    @abstractmethod
    def open_split(self, request: ImageRequest, root: Path, *, train: bool) -> Any:
        """The torchvision data set: images with indices into its ``classes``."""

    @override
    def load(self, request: ImageRequest) -> ImageSets:
        """Load images from the files of the data set.

        Raises:
            DataError: if the files are missing and must not or cannot be fetched.
        """
        return select(
            self.card.name,
            self.with_own_size(request),
            self._candidates(request, request.victims, train=False),
            self._candidates(request, request.adversary, train=True),
        )

    @override
    def fingerprint(self, *, labels: bool) -> str | None:
        root = data_root()
        files = sorted(
            path for name in self.folders for path in (root / name).rglob("*") if path.is_file()
        )
        return of_files((path.relative_to(root).as_posix(), path) for path in files)

    def with_own_size(self, request: ImageRequest) -> ImageRequest:
        """The request with the size that None means, if images differ in size."""
        return request

    def _candidates(self, request: ImageRequest, count: int, *, train: bool) -> Counted:
        """The images of one side; its files are opened only if some are wanted."""
        if not count:
            return Counted((), 0)
        images = self._opened(request, train=train)
        return Counted(self._drawn(images, request.seed, train=train), len(images))

    def _drawn(self, images: Any, seed: int, *, train: bool) -> Iterator[tuple[str, Pixels, str]]:
        side = "train" if train else "test"
        order = numpy_stream(seed, "data", self.card.name, side).permutation(len(images))
        for row in order.tolist():
            image, label = images[row]
            yield f"{side}[{row}]", pixels_of(image), _class_name(images.classes[label])

    def _opened(self, request: ImageRequest, *, train: bool) -> Any:
        # Here, so that a broken installation is not taken for a missing data set.
        import torchvision.datasets  # noqa: F401

        name, root = self.card.name, data_root()
        try:
            # Some of torchvision's downloaders print, but standard output is for results.
            with redirect_stdout(sys.stderr):
                return self.open_split(request, root, train=train)
        except Exception as error:  # torchvision raises nearly anything for damaged files
            if request.download:
                raise DataError(
                    f"'{name}' could not be fetched into {root} ({error}): check the network and "
                    f"the folder, or fetch it elsewhere and set {ROOT_VARIABLE}."
                ) from error
            raise DataError(
                f"'{name}' is not in {root}, or is damaged: add --download to fetch it "
                f"({self.download_size}), or set {ROOT_VARIABLE} to a folder that holds it."
            ) from error


class Cifar10(TorchvisionSource):
    """CIFAR-10: 50,000 + 10,000 colour images of 32 px in 10 classes."""

    card = SourceCard(
        name="cifar10",
        title="CIFAR-10, 32 px colour",
        reference=Reference(
            authors="A. Krizhevsky",
            title="Learning multiple layers of features from tiny images",
            venue="Technical report, University of Toronto",
            year=2009,
        ),
    )
    download_size = "170 MB"
    folders = ("cifar-10-batches-py",)

    @override
    def open_split(self, request: ImageRequest, root: Path, *, train: bool) -> Any:
        from torchvision.datasets import CIFAR10

        return CIFAR10(root, train=train, download=request.download)


class Cifar100(TorchvisionSource):
    """CIFAR-100: 50,000 + 10,000 colour images of 32 px in 100 classes."""

    card = SourceCard(
        name="cifar100",
        title="CIFAR-100, 32 px colour",
        reference=Cifar10.card.reference,
    )
    download_size = "169 MB"
    folders = ("cifar-100-python",)

    @override
    def open_split(self, request: ImageRequest, root: Path, *, train: bool) -> Any:
        from torchvision.datasets import CIFAR100

        return CIFAR100(root, train=train, download=request.download)


class Mnist(TorchvisionSource):
    """MNIST: 60,000 + 10,000 grey digits of 28 px."""

    card = SourceCard(
        name="mnist",
        title="MNIST digits, 28 px grey",
        reference=Reference(
            authors="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner",
            title="Gradient-based learning applied to document recognition",
            venue="Proceedings of the IEEE 86(11), 2278–2324",
            year=1998,
            doi="10.1109/5.726791",
        ),
    )
    download_size = "12 MB"
    folders = ("MNIST/raw",)

    @override
    def open_split(self, request: ImageRequest, root: Path, *, train: bool) -> Any:
        from torchvision.datasets import MNIST

        return MNIST(root, train=train, download=request.download)


class Imagenette(TorchvisionSource):
    """Imagenette: 9,469 + 3,925 photographs of 10 ImageNet classes, cut to squares.

    The smallest of the published sizes that need not be enlarged is used (shorter side of 160 px,
    320 px or as in ImageNet); 160 px unless a size is given.
    """

    card = SourceCard(
        name="imagenette",
        title="Imagenette photographs, 160 px squares or any other size",
        reference=Reference(
            authors="J. Howard",
            title="Imagenette",
            venue="github.com/fastai/imagenette",
            year=2019,
        ),
    )
    download_size = "99 MB up to 160 px, 341 MB up to 320 px, 1.5 GB beyond"
    folders = ("imagenette2-160", "imagenette2-320", "imagenette2")
    own_size: ClassVar[int] = 160

    @override
    def with_own_size(self, request: ImageRequest) -> ImageRequest:
        return replace(request, size=request.size or self.own_size)

    @override
    def open_split(self, request: ImageRequest, root: Path, *, train: bool) -> Any:
        from torchvision.datasets import Imagenette as Photographs

        size = request.size or self.own_size
        return Photographs(
            root,
            split="train" if train else "val",
            size="160px" if size <= 160 else "320px" if size <= 320 else "full",
            download=request.download,
            loader=_colour_photograph,
        )


def _class_name(found: str | tuple[str, ...]) -> str:
    """The name of a class, the first of its synonyms if there are several."""
    return found if isinstance(found, str) else found[0]


def _colour_photograph(path: str) -> Any:
    return open_image(Path(path), photograph=True)[0].convert("RGB")
