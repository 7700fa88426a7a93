"""LPIPS v0.1, the learned perceptual distance, in batches and with cached features."""

from __future__ import annotations

import contextlib
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ppattack import images as image_ops
from ppattack.errors import ImageError, MetricUnavailable
from ppattack.metrics.lpips_trunks import Trunk, trunk
from ppattack.metrics.lpips_weights import (
    WeightsFound,
    find_weights,
    network,
    nothing_found,
    read_linear_layers,
    read_weights,
    unreadable,
)
from ppattack.metrics.pairs import check_pair, chunks
from ppattack.metrics.small_maps import quicken

__all__ = ["Lpips", "WeightsFound", "find_weights"]

VERSION = "0.1"
CPU_PIXELS = 1 << 19
"""Pixels run through the network at a time; half as many take a twentieth longer on a CPU."""
GPU_PIXELS = 1 << 22
EPSILON = 1e-10
"""What the ``lpips`` package adds to norms."""
SCALING = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""What the ``lpips`` package subtracts from pixels in [-1, 1], and then divides them by."""


class Lpips:
    """The distance between images in the features of AlexNet, VGG16 or SqueezeNet.

    Args:
        net: ``alex``, ``vgg`` or ``squeeze``.
        weights: a file with the network's convolutions under torchvision's names (``.pth`` or
            ``.safetensors``); None to look for them (see
            :func:`~ppattack.metrics.lpips_weights.find_weights`).
        device: where the network runs.
        download: whether torchvision may fetch the weights if they are not found.
        unit_range: whether to feed the network pixels in [0, 1], as some publications do by
            mistake, instead of [-1, 1]: lower numbers, only for comparison with theirs.

    Raises:
        ConfigError: for an unknown network.
        MetricUnavailable: if weights are not found, or are unusable.

    Reference: R. Zhang, P. Isola, A. A. Efros, E. Shechtman, O. Wang: The unreasonable
        effectiveness of deep features as a perceptual metric. CVPR (2018). arXiv:1801.03924
    """

    def __init__(
        self,
        net: str = "alex",
        *,
        weights: Path | None = None,
        device: torch.device | str = "cpu",
        download: bool = False,
        unit_range: bool = False,
    ) -> None:
        found = find_weights(net, weights, download=download)
        if found is None:
            raise MetricUnavailable(nothing_found(net))
        self.net, self.unit_range = net, unit_range
        self.weights = found
        self.device = torch.device(device)
        # Channels last is twice as fast on a CPU.
        self.trunk = _trunk(net, found).to(self.device).to(memory_format=torch.channels_last)
        shift, scale = (torch.tensor(each, device=self.device).view(3, 1, 1) for each in SCALING)
        # From grey levels straight to what the network takes.
        self._middle = 255.0 * shift if unit_range else 127.5 * (shift + 1.0)
        self._scale = 1.0 / ((255.0 if unit_range else 127.5) * scale)
        self._gains = [each.sqrt().to(self.device) for each in read_linear_layers(net)]

    def __reduce__(self) -> tuple[Any, ...]:
        """Other processes read the weights themselves, once."""
        return _same, (self.net, self.weights.path, str(self.device), self.unit_range)

    def obstacle(self, height: int, width: int) -> str | None:
        """Why images of this size have no LPIPS, in one line; None if they have."""
        least = network(self.net).least_edge
        if min(height, width) >= least:
            return None
        return (
            f"LPIPS ({self.net}) needs images of at least {least}x{least} pixels, "
            f"not {height}x{width}: use larger images, or pad them."
        )

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """What the network sees of each image: LPIPS is a squared distance of these vectors.

        Args:
            images: ``(N, C, H, W)`` uint8 on any device; one channel counts as three equal ones.
                A batch that is one image expanded is computed once.

        Returns:
            ``(N, D)`` float32 on the metric's device; D is 5,760 for ``alex`` at 32 px and
            485,000 at 224 px, so pass large sets in parts.

        Raises:
            ImageError: for images that break the convention.
            MetricUnavailable: for images too small for the network.
        """
        image_ops.check(images)
        reason = self.obstacle(*images.shape[2:])
        if reason:
            raise MetricUnavailable(reason)
        if len(images) == 0:
            return self.features(images.new_zeros((1, *images.shape[1:])))[:0]
        if len(images) > 1 and images.stride(0) == 0:
            return self.features(images[:1]).expand(len(images), -1)
        step = self.images_at_once(*images.shape[2:])
        with _full_precision(self.device):
            parts = [self._features(images[part]) for part in chunks(len(images), step)]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    @torch.inference_mode()
    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """LPIPS from two batches of features.

        Args:
            x: ``(N, D)`` from :meth:`features`.
            y: likewise, of images of the same size.

        Returns:
            ``(N,)`` float64 on the metric's device, 0 (equal) or more; two
            unrelated photographs have 0.2 at 32 px and 0.7 at 224 px.
        """
        if x.shape != y.shape:
            raise ImageError(
                f"features of shapes {tuple(x.shape)} and {tuple(y.shape)} cannot be compared: "
                "both must come from the same number of images of one size."
            )
        return (x - y).square_().sum(dim=1).double()

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """LPIPS of each pair of images, ``(N,)`` float64; see :meth:`features` for the images.

        Raises:
            ImageError: for images that break the convention or differ in shape.
            MetricUnavailable: for images too small for the network.
        """
        check_pair(x, y)
        step = max(1, self.images_at_once(*x.shape[2:]) // 2)
        parts = []
        for part in chunks(max(1, len(x)), step):
            both = self.features(torch.cat([x[part], y[part]]))
            parts.append(self.distance(*both.tensor_split(2)))
        return torch.cat(parts)

    def images_at_once(self, height: int, width: int) -> int:
        """How many images of a size are worth passing at a time."""
        budget = CPU_PIXELS if self.device.type == "cpu" else GPU_PIXELS
        return max(1, budget // (height * width))

    def _features(self, images: Tensor) -> Tensor:
        # Channel by channel, and channels last only then: steps of three numbers are slow.
        levels = images.to(self.device).expand(-1, 3, -1, -1).float()
        scaled = levels.sub_(self._middle).mul_(self._scale)
        maps = self.trunk(scaled.contiguous(memory_format=torch.channels_last))
        sizes = [seen[0].numel() for seen in maps]
        vectors = torch.empty((len(images), sum(sizes)), device=self.device)
        for seen, gain, part in zip(
            maps, self._gains, torch.split(vectors, sizes, dim=1), strict=True
        ):
            # Channels last is how maps lie in memory; every vector has the same order.
            last = seen.permute(0, 2, 3, 1)
            pixels_of_map = last.shape[1] * last.shape[2]
            norm = torch.linalg.vector_norm(last, dim=3, keepdim=True).add_(EPSILON)
            torch.mul(last, gain / math.sqrt(pixels_of_map), out=part.view(last.shape)).div_(norm)
        return vectors


@lru_cache(maxsize=1)
def _same(net: str, weights: Path | None, device: str, unit_range: bool) -> Lpips:
    return Lpips(net, weights=weights, device=device, unit_range=unit_range)


def _trunk(net: str, found: WeightsFound) -> Trunk:
    """The network with the weights found."""
    model = trunk(net)
    state = {name: value.float() for name, value in read_weights(net, found).items()}
    try:
        model.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        raise unreadable(net, found, f"they do not fit the network ({error})") from None
    quicken(model.features)
    return model.eval().requires_grad_(False)


def _full_precision(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """Convolutions without TensorFloat-32, which would cost three digits."""
    if device.type != "cuda":
        return contextlib.nullcontext()
    flags: contextlib.AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, allow_tf32=False
    )
    return flags
