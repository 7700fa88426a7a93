"""Images in no order, each put where it fits best: for schemes whose ciphertexts hold several.

That takes the truth, and whatever is handed in fits something: pictures that know nothing of the
ciphertexts gain by it too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ppattack.seeding import numpy_stream

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Recovery
    from ppattack.scenario import Scenario

NO_ORDER = "the images are in no order, so that none is said to be a certain victim's"
"""Why nothing is said of whose an image is, or of its class."""


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

    Returns:
        ``images`` as they are if SSIM is not defined for so small ones, or all are one image.
    """
    import torch
    from scipy.optimize import linear_sum_assignment

    from ppattack.metrics.ssim_matrix import EDGE, ssim_matrix

    plain = plain.to(images.device)
    if images.stride(0) == 0 or min(images.shape[2:]) < EDGE:
        return images
    _, chosen = linear_sum_assignment(ssim_matrix(plain, images).cpu().numpy(), maximize=True)
    return images[torch.from_numpy(chosen).to(images.device)]


def other_images(public: Tensor, count: int, seed: int) -> Tensor:
    """Some public images ``(count, C, H, W)``, each once if there are as many.

    Args:
        public: ``(M, C, H, W)`` uint8, M > 0.
        count: how many.
        seed: chooses.
    """
    import torch

    rng = numpy_stream(seed, "other images")
    return public[torch.from_numpy(rng.choice(len(public), count, replace=len(public) < count))]
