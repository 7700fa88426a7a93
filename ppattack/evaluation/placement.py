"""Images in no order, each put where it fits best: for schemes whose ciphertexts hold several."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Recovery
    from ppattack.scenario import Scenario


def in_order(recovery: Recovery, scenario: Scenario) -> Recovery:
    """The same recovery; unordered images in the order of the victims that they resemble."""
    plain = scenario.truth.images
    if not recovery.unordered or recovery.images is None or plain is None:
        return recovery
    return replace(recovery, images=placed(recovery.images, plain))


def placed(images: Tensor, plain: Tensor) -> Tensor:
    """The permutation of some images that gives the largest sum of SSIM with as many others.

    Args:
        images: ``(N, C, H, W)`` uint8.
        plain: likewise.
    """
    import torch
    from scipy.optimize import linear_sum_assignment

    from ppattack.metrics.ssim_matrix import ssim_matrix

    plain = plain.to(images.device)
    if images.stride(0) == 0:  # one image for all
        return images
    _, chosen = linear_sum_assignment(ssim_matrix(plain, images).cpu().numpy(), maximize=True)
    return images[torch.from_numpy(chosen).to(images.device)]
