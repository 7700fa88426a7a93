"""Networks that tell photographs from what a generator makes from ciphertexts."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

SLOPE = 0.2
FEATURES = (64, 128)
PUBLISHED_POOL = 3
"""Edge of the part of the logits that the published network looks at."""
PUBLISHED_VIEW = 4 * PUBLISHED_POOL + 15
"""Edge of the part of the images that these logits depend on, pixels."""


class PatchDiscriminator(nn.Module):
    """Three strided convolutions that judge overlapping patches of 16 × 16 pixels.

    Args:
        channels: those of the images.
        pool: ``"corner"``: the largest of the top left 3 × 3 logits, which is what pooling 5 × 5
            logits by 3 with the default stride amounts to: the patches at the right and lower edges
            are never judged, and one good patch is enough; no layer has a bias.
            ``"mean"``: the mean over all patches, and a bias in the last layer.

    Reference: the discriminator of github.com/ito-hiroki/learnable_encryption_robustness
        (``"corner"``), which goes back to W. Sirichotedumrong, H. Kiya: A GAN-Based Image
        Transformation Scheme for Privacy-Preserving Deep Neural Networks. arXiv:2006.01342, 2020.
    """

    def __init__(self, channels: int = 3, pool: Literal["corner", "mean"] = "corner") -> None:
        super().__init__()
        first, second = FEATURES
        self.pool = pool
        self.layers = nn.Sequential(
            nn.Conv2d(channels, first, 4, stride=2, padding=1, bias=False),
            nn.LeakyReLU(SLOPE, inplace=True),
            spectral_norm(nn.Conv2d(first, second, 4, stride=2, padding=1, bias=False)),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(second, 1, 4, bias=pool == "mean"),
        )

    def forward(self, x: Tensor) -> Tensor:
        """One logit per image, ``(N,)``, of float images of at least 16 × 16 pixels."""
        if self.pool == "corner":
            x = x[..., :PUBLISHED_VIEW, :PUBLISHED_VIEW]
        logits: Tensor = self.layers(x)
        if self.pool == "mean":
            return logits.mean(dim=(1, 2, 3))
        return logits[..., :PUBLISHED_POOL, :PUBLISHED_POOL].amax(dim=(1, 2, 3))
