"""Metrics of every recovered image and baseline: a map over parts of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ppattack.context import Alone, Workers
from ppattack.evaluation.statistics import Values
from ppattack.metrics.pairs import chunks

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.metrics.images import ImageScorer

IMAGES_AT_ONCE = 256
"""Images in a part."""
WORTH_SENDING = 1 << 25
"""Levels of all images from which on workers are asked: they take seconds to start."""


@dataclass(frozen=True)
class _Part:
    """Some of the images, as they are sent to workers.

    Args:
        plain: ``(n, C, H, W)`` uint8.
        others: label to as many, or to one that stands for all.
    """

    plain: NDArray[np.uint8]
    others: Mapping[str, NDArray[np.uint8]]


def image_values(
    images: Tensor,
    plain: Tensor,
    blind: Mapping[str, Tensor],
    scorer: ImageScorer,
    metrics: Collection[str],
    workers: Workers | None = None,
) -> dict[str, dict[str, Values]]:
    """The values of every image, part by part: the same parts whoever computes them.

    Args:
        images: ``(N, C, H, W)`` uint8 reconstructions.
        plain: the truth.
        blind: label to baselines of the same shape.
        scorer: computes the metrics.
        metrics: those that are wanted.
        workers: compute parts, if there is enough to do; None for this process.

    Returns:
        metric to label (``reconstruction`` and those of the baselines) to one value per image.
    """
    candidates = {"reconstruction": images, **blind}
    parts = [
        _Part(
            plain[part].cpu().numpy(),
            {label: _sent(stack[part]) for label, stack in candidates.items()},
        )
        for part in chunks(len(plain), IMAGES_AT_ONCE)
    ]
    there = workers if workers is not None and plain.numel() >= WORTH_SENDING else Alone()
    found = there.map(partial(_scored, scorer, metrics), parts)
    rows: dict[str, dict[str, list[Values]]] = {}
    for by_metric in found:
        for metric, by_label in by_metric.items():
            for label, row in by_label.items():
                rows.setdefault(metric, {}).setdefault(label, []).append(row)
    return {
        metric: {label: np.concatenate(each) for label, each in by_label.items()}
        for metric, by_label in rows.items()
    }


def best_states(images: Tensor, plain: Tensor, workers: Workers | None = None) -> Tensor:
    """``(N,)`` float64: SSIM of images each in its best global state, part by part.

    Args:
        images: ``(N, C, H, W)`` uint8 reconstructions.
        plain: the truth.
        workers: as for :func:`image_values`.
    """
    import torch

    parts = [
        _Part(plain[part].cpu().numpy(), {"": images[part].cpu().numpy()})
        for part in chunks(len(plain), IMAGES_AT_ONCE)
    ]
    there = workers if workers is not None and plain.numel() >= WORTH_SENDING else Alone()
    found = [torch.from_numpy(each) for each in there.map(_best_states, parts)]
    return torch.cat(found)


def _best_states(part: _Part) -> Values:
    import torch

    from ppattack.metrics.states import best_state_ssim

    plain, images = torch.from_numpy(part.plain), torch.from_numpy(part.others[""])
    return best_state_ssim(images, plain, shared=False).numpy()


def _sent(images: Tensor) -> NDArray[np.uint8]:
    """Images as an array; of one image expanded to many, that one."""
    found: NDArray[np.uint8] = (images if images.stride(0) else images[:1]).cpu().numpy()
    return found


def _scored(
    scorer: ImageScorer, metrics: Collection[str], part: _Part
) -> dict[str, dict[str, Values]]:
    """Metric → label → one value per image of a part."""
    import torch

    plain = torch.from_numpy(part.plain)
    others = {
        label: torch.from_numpy(images).expand_as(plain) for label, images in part.others.items()
    }
    return {
        metric: {label: value.cpu().numpy().astype(np.float64) for label, value in by_label.items()}
        for metric, by_label in scorer.score(plain, others, metrics).items()
    }
