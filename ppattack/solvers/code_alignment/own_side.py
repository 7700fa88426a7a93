"""Own codes of public images: the cloud over which the victims' is laid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ppattack.data.token_storage import empty_tokens
from ppattack.solvers.code_alignment.components import Components
from ppattack.solvers.kept import NOTHING, Kept, Tensors
from ppattack.solvers.neuracrypt.own_keys import OwnEncoders

WIDE = 256
"""Units of a layer from which own codes are computed in bfloat16 where the CPU multiplies it."""
EACH = 128
"""Components of every own encoder that enter the common ones."""
MOST_ROWS = 1 << 16
"""Codes of one own encoder from which its components are found."""
OF_TWO = 24
"""Components of the first two keys that are kept apart, to show what keys have in common."""
LEAST_SHARE = 0.05
"""Common components count as long as other keys predict this share of them. On codes of CIFAR-10,
components 64 to 96, of which .08 is predicted, raised the SSIM by .007."""
FEWEST = 8
"""Components that always count: images of low depth need no more."""
AT_ONCE = 32
"""Images whose codes are worked on at a time."""
SMALLEST = 1e-12


@dataclass(frozen=True)
class OwnSide:
    """Several own encoders side by side: inner products of codes are means over keys.

    Args:
        own: the scheme and its geometry.
        encoders: one for each key.
        each: the components of each.
        common: those of all of them side by side.
        components: ``(M, P, K)`` of the public images.
        share: ``(K,)`` of the variance of a component under one key, the share that other keys
            predict.
        noise: ``(K, K)`` covariance of an image's mean components under one key around the mean
            over keys.
        two: at most 24 components ``(M, P, K'')`` under the first and under the second key.
    """

    own: OwnEncoders
    encoders: tuple[nn.Module, ...]
    each: tuple[Components, ...]
    common: Components
    components: Tensor
    share: Tensor
    noise: Tensor
    two: tuple[Tensor, Tensor]

    @classmethod
    def of(
        cls, own: OwnEncoders, images: Tensor, keys: int, count: int, kept: Kept = NOTHING
    ) -> OwnSide:
        """Encode public images under own keys and find what the keys have in common.

        Args:
            own: draws encoders.
            images: ``(M, C, H, W)`` normalised.
            keys: own encoders, at least 2.
            count: of common components, at most: those that keys have in common are kept.
            kept: results of stages; encoding takes most of the time.
        """
        encoders, each, found = [], [], []
        with own.context.progress.task("own encoders", keys) as task:
            for number in range(keys):
                encoder = own.generate_encoder(number).requires_grad_(False)
                made = partial(_of_key, own, encoder, images)
                parts = kept.stage(f"own-encoder-{number}", made, own.context.device)
                encoders.append(encoder)
                found.append(parts.pop("laid"))
                each.append(Components(**parts))
                task.update(number + 1)
        stacked = _side_by_side(found)
        common = Components.of(lambda: stacked.split(AT_ONCE), count)
        laid = common.of_parts(lambda: stacked.split(AT_ONCE))
        others = _side_by_side(found[1:])
        shared = shared_count(predicted_share(found[0], others, count))
        if shared < count:
            count, common, laid = shared, common.first(shared), laid[..., :shared].clone()
        share = predicted_share(found[0], others, count)
        noise = key_noise(found, laid)
        few = min(count, OF_TWO)
        two = (found[0][..., :few].clone(), found[1][..., :few].clone())
        return cls(own, tuple(encoders), tuple(each), common, laid, share, noise, two)

    def of_images(self, images: Tensor) -> Tensor:
        """Common components ``(n, P, K)`` of normalised images."""
        found = [
            components(_encoded(encoder, images, self.own.at_once))
            for encoder, components in zip(self.encoders, self.each, strict=True)
        ]
        return self.common(_side_by_side(found))

    def upside_down(self, images: Tensor, at_once: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Components under one key of public images, as in ``two``, and of the same upside down.

        Args:
            images: the first of the normalised public images ``(M, C, H, W)``.
            at_once: images of one part; all are gone through under one key, then the other.
        """
        for encoder, components, known in zip(self.encoders, self.each, self.two, strict=False):
            for start in range(0, len(images), at_once):
                part = slice(start, min(start + at_once, len(images)))
                codes = _encoded(encoder, images[part].flip(2), self.own.at_once)
                yield known[part], components(codes)[..., : known.shape[2]]


def _of_key(own: OwnEncoders, encoder: nn.Module, images: Tensor) -> Tensors:
    """The components of codes under one key, and ``laid``, those of all images."""
    parts = _encoded(encoder, images, own.at_once).split(AT_ONCE)
    components = Components.of(lambda: parts, EACH, MOST_ROWS)
    return {**vars(components), "laid": components.of_parts(lambda: parts)}


def predicted_share(first: Tensor, others: Tensor, count: int) -> Tensor:
    """``(K,)`` in 0 to 1: how much of one key's components a rotation of other keys' gives.

    This is what the best alignment can bring back under a key that nobody knows.

    Args:
        first: ``(M, P, K')`` components under one key.
        others: ``(M, P, K'')`` of the same images under other keys.
        count: K.
    """
    left, right = first.flatten(0, 1)[:, :count], others.flatten(0, 1)
    _, vectors = torch.linalg.eigh(right.T @ right)
    right = right @ vectors.flip(1)[:, :count]
    outer, _, inner = torch.linalg.svd(left.T @ right)
    predicted = right @ (outer @ inner).T
    product = (left * predicted).mean(dim=0)
    power = left.square().mean(dim=0) * predicted.square().mean(dim=0)
    share: Tensor = product.clamp_min(0).square() / power.clamp_min(SMALLEST)
    return share


def shared_count(share: Tensor) -> int:
    """How many components are worth aligning, of which other keys predict these shares ``(K,)``."""
    return min(len(share), max(FEWEST, int((share >= LEAST_SHARE).sum())))


def key_noise(found: list[Tensor], common: Tensor) -> Tensor:
    """``(K, K)`` covariance, over keys, of the mean over places of an image's components.

    Args:
        found: components ``(M, P, K')`` of the same images under each key.
        common: ``(M, P, K)`` those of all keys; each key's are turned into their frame.
    """
    flat = common.flatten(0, 1)
    turned = []
    for each in found:
        outer, _, inner = torch.linalg.svd(each.flatten(0, 1).T @ flat, full_matrices=False)
        turned.append(each.mean(dim=1) @ (outer @ inner))
    means = torch.stack(turned)  # (keys, M, K)
    apart = (means - means.mean(dim=0)).flatten(0, 1)
    covariance: Tensor = apart.T @ apart / (means.shape[1] * (len(found) - 1))
    return covariance


def _side_by_side(components: list[Tensor]) -> Tensor:
    joined: Tensor = torch.cat(components, dim=2) / len(components) ** 0.5
    return joined


@torch.no_grad()
def _encoded(encoder: nn.Module, images: Tensor, at_once: int) -> Tensor:
    """Codes ``(n, P, D)`` float32, in a file mapped into memory if they are large.

    A CPU that multiplies bfloat16 does so for wide layers, four times as fast: what it rounds is
    far below what a key adds of its own.
    """
    out: Tensor | None = None
    wide = max(len(each) for each in encoder.parameters()) >= WIDE
    halved = wide and multiplies_bfloat16()
    for start in range(0, len(images), at_once):
        with torch.autocast("cpu", torch.bfloat16, enabled=halved):
            codes = encoder(images[start : start + at_once])
        if out is None:
            out = empty_tokens((len(images), *codes.shape[1:]), codes.device)
        out[start : start + len(codes)] = codes
    if out is None:
        raise ValueError("there are no images to encode")
    return out


def multiplies_bfloat16() -> bool:
    """Whether own codes are computed in bfloat16 here."""
    ask: Callable[[], dict[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)
    capabilities = ask()  # of an older PyTorch nobody knows
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
