"""Sizes and quality of one codec on plain images and on ciphertexts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.compression.codecs import Codec
from ppattack.errors import RunFailed
from ppattack.evaluation.statistics import BOOTSTRAP_RESAMPLES, RESAMPLED_AT_ONCE, summarise
from ppattack.metrics.psnr import psnr
from ppattack.metrics.ssim import WINDOW, ssim
from ppattack.reports.compression import CodecRow, Quality
from ppattack.reports.scores import Summary
from ppattack.seeding import numpy_stream

Values = NDArray[np.float64]
Tick = Callable[[], None]


@dataclass(frozen=True)
class Files:
    """The files that a codec made of images.

    Args:
        sizes: ``(N,)``, bytes of each file.
        quality: ``(N,)`` by metric, of the images that came back; None if none did.
    """

    sizes: Values
    quality: dict[str, Values] | None


@dataclass(frozen=True)
class Measured:
    """One codec on both sides.

    Args:
        row: for the report.
        plain: bytes of each plain image's file; empty if the codec is not installed.
        encrypted: likewise for its ciphertext.
    """

    row: CodecRow
    plain: list[int]
    encrypted: list[int]


class PlainImages:
    """Plain images and what each codec makes of them, worked out once for all targets.

    Args:
        images: ``(N, C, H, W)`` uint8.
    """

    def __init__(self, images: Tensor) -> None:
        self.images = images
        self._files: dict[str, Files] = {}

    def files(self, codec: Codec, tick: Tick) -> Files:
        """The plain images through a codec; ``tick`` is called after each image."""
        if codec.name not in self._files:
            sizes, received = transport(codec, self.images, tick)
            self._files[codec.name] = Files(sizes, _quality(received, self.images))
        return self._files[codec.name]


def measure(
    codec: Codec,
    plain: PlainImages,
    ciphertexts: Tensor,
    decrypt: Callable[[Tensor], Tensor] | None,
    seed: int,
    tick: Tick = lambda: None,
) -> Measured:
    """Compress plain images and ciphertexts alike.

    Args:
        codec: the codec; if it cannot be used here, its row says why.
        plain: the plain images.
        ciphertexts: ``(N, C', H', W')`` uint8, in the same order.
        decrypt: gives plain images of decompressed ciphertexts; None if the scheme cannot decrypt.
        seed: of the bootstrap.
        tick: called after each image of either side.

    Raises:
        RunFailed: if a lossless codec changes an image.
    """
    obstacle = codec.obstacle()
    if obstacle:
        row = CodecRow(codec=codec.name, lossless=codec.lossless, absent=obstacle)
        return Measured(row, [], [])
    before = plain.files(codec, tick)
    sizes, received = transport(codec, ciphertexts, tick)
    quality = None if decrypt is None else _quality(decrypt(received), plain.images)
    after = Files(sizes, quality)
    found = summarise(_columns("plain", before) | _columns("encrypted", after), seed)
    row = CodecRow(
        codec=codec.name,
        lossless=codec.lossless,
        plain_bytes=found["plain bytes"],
        encrypted_bytes=found["encrypted bytes"],
        ratio=float(after.sizes.sum() / before.sizes.sum()),
        ratio_ci95=_ratio95(after.sizes, before.sizes, seed),
        plain_quality=_quality_part("plain", before, found),
        round_trip=_quality_part("encrypted", after, found),
    )
    return Measured(row, *(side.sizes.astype(int).tolist() for side in (before, after)))


def transport(codec: Codec, images: Tensor, tick: Tick = lambda: None) -> tuple[Values, Tensor]:
    """The size of each image's file and the images that the files hold.

    Args:
        codec: one that can be used here.
        images: ``(N, C, H, W)`` uint8.
        tick: called after each image.

    Raises:
        RunFailed: if a lossless codec changes an image.
    """
    sizes, received = np.empty(len(images)), torch.empty_like(images)
    for number, image in enumerate(images):
        data = codec.encode(image)
        sizes[number] = len(data)
        received[number] = codec.decode(data)
        tick()
    if codec.lossless and not torch.equal(received, images):
        raise RunFailed(
            f"the codec '{codec.name}' changed an image though it is lossless: "
            "install another version of its package."
        )
    return sizes, received


def _quality(received: Tensor, plain: Tensor) -> dict[str, Values]:
    columns = {
        "psnr": psnr(received, plain),
        "exact": (received == plain).flatten(1).all(dim=1).double(),
    }
    if min(plain.shape[2:]) >= WINDOW["skimage"]:
        columns["ssim"] = ssim(received, plain)
    return {name: column.numpy() for name, column in columns.items()}


def _columns(side: str, files: Files) -> dict[str, Values]:
    columns = {"bytes": files.sizes, **(files.quality or {})}
    return {f"{side} {name}": column for name, column in columns.items()}


def _quality_part(side: str, files: Files, found: dict[str, Summary]) -> Quality | None:
    if files.quality is None:
        return None
    return Quality(
        psnr=found[f"{side} psnr"],
        ssim=found.get(f"{side} ssim"),
        exact=found[f"{side} exact"].mean,
    )


def _ratio95(above: Values, below: Values, seed: int) -> tuple[float, float]:
    """The bootstrap interval of the ratio of sums; both sides are resampled at the same images."""
    count = len(above)
    rng = numpy_stream(seed, "bootstrap of ratios")
    ratios = np.empty(BOOTSTRAP_RESAMPLES)
    step = max(1, RESAMPLED_AT_ONCE // count)
    for start in range(0, BOOTSTRAP_RESAMPLES, step):
        part = ratios[start : start + step]
        sampled = rng.integers(0, count, (len(part), count))
        part[:] = above[sampled].sum(axis=1) / below[sampled].sum(axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(low), float(high)
