"""A loss that rewards what SSIM does: mean absolute error plus one minus structural similarity."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ppattack.metrics.ssim import C1, C2, WINDOW

EDGE = WINDOW["skimage"]


def structural_loss(output: Tensor, wanted: Tensor, *, low: float) -> Tensor:
    """The loss of a batch; 0 for equal images.

    Args:
        output: ``(N, C, H, W)`` float, black ``low`` and white 1; larger values count too.
        wanted: likewise.
        low: the level of black, 0 or -1.

    Deviations: windows shrink to fit images smaller than them, and the covariance is that of the
        population.
    """
    scale = 255 / (1 - low)
    x, y = (output - low) * scale, (wanted - low) * scale
    edge = min(EDGE, *x.shape[-2:])

    def mean(values: Tensor) -> Tensor:
        return functional.avg_pool2d(values, edge, stride=1)

    mean_x, mean_y = mean(x), mean(y)
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    covariance, variances = mean(x * y) - product, mean(x * x + y * y) - squares
    similarity = (2 * product + C1) * (2 * covariance + C2) / (squares + C1) / (variances + C2)
    error: Tensor = (x - y).abs().mean() / 255 + 1 - similarity.mean()
    return error
