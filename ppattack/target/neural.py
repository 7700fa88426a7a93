"""Schemes that encode images with an untrained network, and what attacks may know about them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from typing_extensions import override

from ppattack import images as image_ops
from ppattack.config import Doc, Interval, as_dict
from ppattack.data.token_storage import empty_tokens
from ppattack.errors import ImageError, KeyFileError, NotInvertible
from ppattack.images import ImageShape
from ppattack.seeding import numpy_stream, torch_stream
from ppattack.target.base import Draw
from ppattack.target.key import Key, Parts
from ppattack.target.masters import MasterKeyTarget
from ppattack.target.natural_noise import natural_images

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from ppattack.target.private_encoder import PrivateEncoder

NAMED_LAYERS = 3
"""Published depths also count the first layer, the positions and the last layer."""
CALIBRATION_IMAGES = 256
CALIBRATION_PATCHES = 4
"""Patches along the edge of a calibration image."""
CONTRACT_WIDTH, CONTRACT_IMAGES = 8, 2
"""Width and calibration images of encoders on which only the contract is tried."""


@dataclass(frozen=True)
class NeuralConfig:
    """Settings of every such scheme."""

    variant: Annotated[
        Literal["paper", "small"], Doc("the paper's sizes, or ones that a CPU encodes at once")
    ] = "paper"
    depth: Annotated[
        int, Interval(ge=1, le=99), Doc("as the paper names it: blocks + 3; 1: linear encoder")
    ] = 7
    hidden: Annotated[
        int | None, Interval(ge=1, le=16384), Doc("width of the hidden layers; none: the variant's")
    ] = None
    patch_size: Annotated[
        int | None, Interval(ge=1, le=64), Doc("edge of a patch, pixels; none: the variant's")
    ] = None
    batch_norm: Annotated[
        Literal["frozen", "batch"],
        Doc("normalise by statistics that belong to the key, or by those of the batch"),
    ] = "frozen"
    batch_size: Annotated[
        int, Interval(ge=1, le=4096), Doc("images per batch, in order; for batch_norm=batch")
    ] = 256

    def __post_init__(self) -> None:
        if self.depth == NAMED_LAYERS - 1:
            raise ValueError("there is no encoder of depth 2: use 1 (linear), 3 or more")


class NeuralTarget(MasterKeyTarget):
    """A scheme whose key is the parameters of a :class:`PrivateEncoder`.

    An attack with its own keys needs only :meth:`tokens`, :attr:`shuffles`,
    :meth:`normalised`, :meth:`encoder` and :meth:`surrogate`.

    With ``batch_norm=frozen`` a ciphertext depends on its image alone, to the last bit. With
    ``batch_norm=batch`` it also depends on the other images of its batch: images are encoded in
    order, ``batch_size`` at a time; the last batch may be smaller.
    """

    calibration_images: int = CALIBRATION_IMAGES
    """Images of noise from which the statistics of a frozen encoder are taken."""

    @property
    def shuffles(self) -> bool:
        """Whether the patches of every image come in a different order."""
        return False

    @property
    @abstractmethod
    def hidden(self) -> int:
        """Width of the hidden layers."""

    @property
    @abstractmethod
    def patch_size(self) -> int:
        """Edge of a patch, pixels."""

    @abstractmethod
    def width(self, channels: int) -> int:
        """Numbers in the code of a patch."""

    @abstractmethod
    def normalised(self, images: Tensor) -> Tensor:
        """Plain images as the encoder takes them: ``(N, C, H', W')`` float32, in whole patches.

        Args:
            images: ``(N, C, H, W)`` uint8.
        """

    def tokens(self, ciphertexts: Tensor) -> Tensor:
        """The codes of the patches in ciphertexts, ``(N, P, D)`` float32."""
        return ciphertexts

    def ciphertexts(self, tokens: Tensor, image_shape: ImageShape) -> Tensor:
        """The form in which codes ``(N, P, D)`` are published; undoes :meth:`tokens`."""
        return tokens

    @override
    def ciphertext_shape(self, image_shape: ImageShape) -> tuple[int, ...]:
        """The shape of one ciphertext."""
        return self.patches(image_shape), self.width(image_shape[0])

    @property
    @override
    def size_multiple(self) -> int:
        """Images are padded to whole patches."""
        return self.patch_size

    def patches(self, image_shape: ImageShape) -> int:
        """How many patches an image has."""
        _, height, width = self.padded_shape(image_shape)
        return height * width // self.patch_size**2

    def surrogate(self, generator: torch.Generator, image_shape: ImageShape) -> PrivateEncoder:
        """A freshly generated encoder, trainable, on the CPU, distributed like the victims'.

        Args:
            generator: on the CPU; the same state gives the same encoder.
            image_shape: ``(C, H, W)`` of the plain images.
        """
        from ppattack.target.private_encoder import PrivateEncoder

        made = PrivateEncoder.generate(generator, *self._geometry(image_shape))
        if self.config.batch_norm == "frozen" and len(made.blocks):
            edge = CALIBRATION_PATCHES * self.patch_size
            shape = (self.calibration_images, image_shape[0], edge, edge)
            made.calibrate(self.normalised(natural_images(generator, shape)))
        return made

    def encoder(self, key: Key) -> PrivateEncoder:
        """The encoder of one key, on the CPU, without gradients.

        Raises:
            KeyFileError: if its parts are not those of this scheme, settings and image size.
        """
        import torch

        from ppattack.target.private_encoder import PrivateEncoder

        parts = self.parts_of(key)
        with torch.device("meta"):
            made = PrivateEncoder(*self._geometry(key.image_shape))
        try:
            state = {name: torch.from_numpy(np.array(part)) for name, part in parts.items()}
            if any(tensor.dtype != torch.float32 for tensor in state.values()):
                raise TypeError("parts that are not float32")
            made.load_state_dict(state, assign=True)
        except (RuntimeError, TypeError, AttributeError) as error:
            why = str(error).splitlines()[-1].strip()
            raise KeyFileError(
                f"the key is not one of '{key.scheme}' with these settings and images of shape "
                f"{key.image_shape} ({why}): name the settings that it was made with."
            ) from None
        return made.requires_grad_(False)

    @override
    def for_contract(self) -> NeuralTarget:
        """The same scheme with narrow hidden layers, calibrated on few images.

        Depth, patches and normalisation stay: a key of the paper's width takes seconds.
        """
        narrow = {"hidden": min(self.hidden, CONTRACT_WIDTH)}
        has_width = "hidden" in as_dict(self.config)  # a subclass may have settings of its own
        made = type(self)(self.config, **(narrow if has_width else {}))
        made.calibration_images = CONTRACT_IMAGES
        return made

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """Every parameter of the encoder and, if frozen, every statistic, float32."""
        made = self.surrogate(torch_stream(draw("encoder").bytes(32)), image_shape)
        return {name: part.numpy() for name, part in made.state_dict().items()}

    @override
    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Encode; see :meth:`Target.encrypt`.

        Args:
            images: ``(N, C, H, W)`` uint8.
            key: a key for this scheme, these settings and this image size.
            generator: chooses the order of every image's patches. Without one, the order follows
                from key and image, so that encryption stays a function.

        Returns:
            float32 ciphertexts; if they exceed ``token_storage.IN_MEMORY_BYTES``, in a file that is
            mapped into memory and vanishes with them.
        """
        import torch

        image_ops.check(images, "plain images")
        self.check_key(images, key, key.image_shape)
        batches = self._batches(len(images), key)
        shape = self.ciphertext_shape(key.image_shape)
        out = empty_tokens((len(images), *shape), images.device)
        encoder = None
        with torch.no_grad():
            for part in batches:
                if encoder is None or key.count is not None:
                    encoder = self.encoder(key.rows(part)).to(images.device)
                codes = encoder(self.normalised(images[part]))
                if self.shuffles:
                    orders = _orders(images[part], encoder, codes.shape[1], generator)
                    codes = codes.gather(1, orders.to(codes.device)[..., None].expand_as(codes))
                out[part] = self.ciphertexts(codes, key.image_shape)
        return out

    @override
    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """There is no decryption.

        Raises:
            NotInvertible: always.
        """
        raise NotInvertible(
            f"'{self.card.name}' has no decryption: its codes are meant for training a network "
            "on them, and only an attack may turn them into images again."
        )

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """32 bits per parameter, as the paper counts; parameters are far from uniform bits."""
        import torch

        from ppattack.target.private_encoder import PrivateEncoder

        with torch.device("meta"):
            made = PrivateEncoder(*self._geometry(image_shape))
        return 32.0 * sum(part.numel() for part in made.parameters())

    def _geometry(
        self, image_shape: ImageShape
    ) -> tuple[int, int, int, int, int, int, Literal["frozen", "batch"]]:
        depth = -1 if self.config.depth == 1 else self.config.depth - NAMED_LAYERS
        channels, patches = image_shape[0], self.patches(image_shape)
        width, mode = self.width(channels), self.config.batch_norm
        return channels, self.hidden, self.patch_size, depth, patches, width, mode

    def _batches(self, count: int, key: Key) -> list[slice]:
        """How many images are encoded at a time.

        If images do not depend on each other, it is one: other sizes round differently.
        """
        frozen = self.config.batch_norm == "frozen"
        step = 1 if frozen or key.count is not None else self.config.batch_size
        parts = [slice(start, min(start + step, count)) for start in range(0, count, step)]
        alone = bool(parts) and parts[-1].stop - parts[-1].start == 1
        alone = alone and self.patches(key.image_shape) == 1
        if alone and not frozen and self.config.depth > NAMED_LAYERS:
            raise ImageError(
                f"target '{self.card.name}' with batch_norm=batch has a batch of one patch, which "
                "has no variance: use larger images, another number of them, or batch_norm=frozen."
            )
        return parts


def _orders(
    images: Tensor, encoder: PrivateEncoder, patches: int, generator: np.random.Generator | None
) -> Tensor:
    """``(N, P)`` int64: the patch at each place, uniformly random for every image."""
    import hashlib

    import torch

    keys: NDArray[np.float64]
    if generator is not None:
        keys = generator.random((len(images), patches))
    else:
        secret = encoder.embed.bias.cpu().numpy().tobytes()
        keys = np.empty((len(images), patches))
        for i, image in enumerate(images.cpu().contiguous()):
            digest = hashlib.sha256(secret + image.numpy().tobytes()).digest()
            keys[i] = numpy_stream(digest, "patches").random(patches)
    return torch.from_numpy(keys.argsort(axis=1))
