"""Every image metric of a batch at once; the work on the plain images is done only once."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping

import torch
from torch import Tensor

from ppattack.images import ImageShape
from ppattack.metrics import IMAGE_METRICS
from ppattack.metrics.lpips import VERSION, Lpips
from ppattack.metrics.pairs import check_pair, chunks
from ppattack.metrics.psnr import CAP_DB, mse, psnr_of_mse
from ppattack.metrics.ssim import WINDOW, Variant, ssim_of_all, too_small

CPU_PIXELS = 1 << 18
GPU_PIXELS = 1 << 22
"""Pixels scored at a time: what is kept for the plain images must not grow with their number."""
_SSIM: dict[str, Variant] = {"ssim": "skimage", "ssim_wang2004": "wang2004"}


class ImageScorer:
    """Scores images against the plain ones.

    Args:
        device: where scores are computed; images are moved there part by part.
        lpips: the metric, or why there is none.
    """

    def __init__(self, device: torch.device | str, lpips: Lpips | str) -> None:
        self.device = torch.device(device)
        self.lpips = lpips

    def absent(self, image_shape: ImageShape) -> dict[str, str]:
        """Metric to reason, for each metric that cannot be computed for images of ``(C, H, W)``."""
        _, height, width = image_shape
        reasons = {
            metric: too_small(variant, height, width)
            for metric, variant in _SSIM.items()
            if min(height, width) < WINDOW[variant]
        }
        lpips = self.lpips
        reason = lpips if isinstance(lpips, str) else lpips.obstacle(height, width)
        return reasons | ({"lpips": reason} if reason else {})

    def variants(self) -> dict[str, str]:
        """Metric to the exact variant that is computed, for reports."""
        lpips = self.lpips
        return {
            "ssim": "scikit-image defaults: uniform 7x7, sample covariance, range 255, RGB mean",
            "ssim_wang2004": "Gaussian 11x11, sigma 1.5, population covariance, range 255",
            "psnr": f"peak 255, at most {CAP_DB:g} dB",
            "mse": "grey levels 0..255",
        } | (
            {}
            if isinstance(lpips, str)
            else {"lpips": f"v{VERSION}, {lpips.net}, weights from {lpips.weights.source}"}
        )

    def score(
        self,
        plain: Tensor,
        others: Mapping[str, Tensor],
        metrics: Collection[str] = tuple(IMAGE_METRICS),
    ) -> dict[str, dict[str, Tensor]]:
        """Score batches of images against the plain ones.

        Args:
            plain: ``(N, C, H, W)`` uint8.
            others: label to images of the same shape (``{"reconstruction": x, ...}``).
            metrics: names of those to compute.

        Returns:
            metric to label to ``(N,)`` float64 on the CPU, without the metrics that
            :meth:`absent` names.

        Raises:
            ImageError: for images that break the convention or differ in shape from the plain ones.
        """
        for images in others.values():
            check_pair(images, plain)
        absent = self.absent((plain.shape[1], plain.shape[2], plain.shape[3]))
        scores = {
            metric: {label: torch.empty(len(plain), dtype=torch.float64) for label in others}
            for metric in IMAGE_METRICS
            if metric in metrics and metric not in absent
        }
        lpips = self.lpips if isinstance(self.lpips, Lpips) and "lpips" in scores else None
        budget = CPU_PIXELS if self.device.type == "cpu" else GPU_PIXELS
        for part in chunks(len(plain), budget // (plain.shape[2] * plain.shape[3])):
            truth = _moved(plain[part], self.device)
            found = {label: _moved(images[part], self.device) for label, images in others.items()}
            for metric, by_label in _measured(found, truth, scores):
                for label, values in by_label.items():
                    scores[metric][label][part] = values
            if lpips:
                seen = lpips.features(truth)
                for label, images in found.items():
                    scores["lpips"][label][part] = lpips.distance(lpips.features(images), seen)
        return scores


def _measured(
    images: Mapping[str, Tensor], plain: Tensor, wanted: Container[str]
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    for metric, variant in _SSIM.items():
        if metric in wanted:
            yield metric, ssim_of_all(plain, images, variant=variant)
    if "psnr" in wanted or "mse" in wanted:
        errors = {label: mse(each, plain) for label, each in images.items()}
        both = {"psnr": {label: psnr_of_mse(each) for label, each in errors.items()}, "mse": errors}
        yield from ((metric, values) for metric, values in both.items() if metric in wanted)


def _moved(images: Tensor, device: torch.device) -> Tensor:
    """Images on a device; one image expanded to many is moved once."""
    if len(images) > 1 and images.stride(0) == 0:
        return images[:1].to(device).expand_as(images)
    return images.to(device)
