"""What an attack gives back, and the contract that it must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ppattack.errors import ImageError, PluginError

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.maps import CipherMap
    from ppattack.permxor import PermXor
    from ppattack.threat import Observation


@dataclass(frozen=True)
class Recovery:
    """What an attack recovered; at least one of images, matching, key, map and classes.

    Args:
        images: ``(N, C, H, W)`` uint8 reconstructions, in the order of the ciphertexts. If
            they have the shape of the ciphertexts and not that of the plain images, they are
            taken for what the scheme transforms and turned back into plain images.
        matching: ``(N,)`` int64, for each ciphertext the index of its candidate plain image.
        key: the recovered transformation; one table for all images, or one each.
        notes: JSON-ready facts for the report (training loss, steps, decisions taken).
        failures: why the attack failed, by index of the ciphertext. Any failure makes the run
            INCONCLUSIVE.
        ranking: ``(N, K)`` int64, for each ciphertext its likeliest candidates, the best first.
        p_values: ``(N,)`` float, for each ciphertext how likely a match as good is if its image is
            not among the candidates.
        exact: ``(N,)`` bool, for each ciphertext whether its candidate is an exact copy of the
            image: all that no key changes is the same to the last bit.
        stages: the matching after each stage of the attack, ``(N,)`` int64 by name.
        up_to_state: whether the ciphertexts determine the images only up to a global state
            (orientation, negative, colour order); the best state is then reported beside the raw
            scores.
        limits: why a failure says nothing about the scheme, in words that follow "but": the
            attack's model does not fit it, or there are too few data. It is then never RESISTED.
        refuted: whether the model does not fit at all, so that a gain would be luck: it is then
            not BROKEN either, unless the key is exact.
        map: what the scheme does under the victims' one key, as a map that decrypts; it is saved
            in the run's folder, where ``ppattack decrypt`` takes it for a key.
        classes: ``(N,)`` int64, for each ciphertext the index of its image's class.
        unordered: whether the images are in no order, because a ciphertext holds several: each is
            scored where it fits best, and blind baselines likewise. It must be nearer there than
            among public images, and no level but ``images`` is measured on it: not
            ``up_to_state``, since each fits something in some state.
    """

    images: Tensor | None = None
    matching: Tensor | None = None
    key: PermXor | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    failures: Mapping[int, str] = field(default_factory=dict)
    ranking: Tensor | None = None
    p_values: Tensor | None = None
    exact: Tensor | None = None
    stages: Mapping[str, Tensor] = field(default_factory=dict)
    up_to_state: bool = False
    limits: str = ""
    refuted: bool = False
    map: CipherMap | None = None
    classes: Tensor | None = None
    unordered: bool = False


def checked(recovery: object, observation: Observation, attack: str) -> Recovery:
    """The recovery if it keeps the contract, with plain images and all tensors on the CPU.

    Raises:
        PluginError: naming the attack and what is wrong.
    """
    if not isinstance(recovery, Recovery):
        raise PluginError(
            f"attack '{attack}' returned a {type(recovery).__name__}, not a Recovery."
        )
    found = (recovery.images, recovery.matching, recovery.key, recovery.map, recovery.classes)
    if all(each is None for each in found):
        raise PluginError(f"attack '{attack}' returned an empty Recovery.")
    count = len(observation.ciphertexts)
    images = None
    if recovery.images is not None:
        images = _plain_images(recovery.images, observation, attack)
    _check_counts(recovery, count, attack)
    if recovery.classes is not None:
        _check_classes(recovery.classes, count, attack)
    if recovery.map is not None:
        _check_map(recovery.map, observation, attack)
    _check_facts(recovery, count, attack)
    return replace(
        recovery,
        images=images,
        matching=_on_cpu(recovery.matching),
        ranking=_on_cpu(recovery.ranking),
        classes=_on_cpu(recovery.classes),
        p_values=_on_cpu(recovery.p_values),
        exact=_on_cpu(recovery.exact),
        stages={stage: matching.cpu() for stage, matching in recovery.stages.items()},
    )


def _on_cpu(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.cpu()


def _plain_images(images: Tensor, observation: Observation, attack: str) -> Tensor:
    """Reconstructions in the shape of the plain images, one for each ciphertext."""
    from ppattack import images as image_ops

    try:
        image_ops.check(images, "reconstructions")
    except ImageError as error:
        raise PluginError(f"attack '{attack}': {error}") from None
    shape, given = observation.image_shape, tuple(images.shape[1:])
    if given != shape and given == tuple(observation.ciphertexts.shape[1:]):
        images = observation.scheme.representation.restore(images, shape)
    wanted = (len(observation.ciphertexts), *shape)
    if tuple(images.shape) != wanted:
        raise PluginError(
            f"attack '{attack}' returned images of shape {tuple(images.shape)}, not {wanted}."
        )
    return images.contiguous().cpu()


def _check_counts(recovery: Recovery, count: int, attack: str) -> None:
    """Refuse what is not there once for each ciphertext."""
    one_each = {
        "a matching": recovery.matching,
        "p-values": recovery.p_values,
        "exact copies": recovery.exact,
        **{f"a matching for its stage '{name}'": one for name, one in recovery.stages.items()},
    }
    for what, given in one_each.items():
        if given is not None and tuple(given.shape) != (count,):
            raise PluginError(
                f"attack '{attack}' returned {what} of shape {tuple(given.shape)}, not {(count,)}."
            )
    if recovery.ranking is not None and tuple(recovery.ranking.shape[:1]) != (count,):
        raise PluginError(
            f"attack '{attack}' ranked candidates in the shape {tuple(recovery.ranking.shape)}, "
            f"not {(count, 'K')}."
        )
    if recovery.key is not None and recovery.key.count not in (None, count):
        raise PluginError(
            f"attack '{attack}' returned keys for {recovery.key.count} images, not {count}."
        )


def _check_classes(found: Tensor, count: int, attack: str) -> None:
    """Refuse classes that are not one whole number for each ciphertext."""
    import torch

    if tuple(found.shape) != (count,) or found.dtype != torch.int64:
        raise PluginError(
            f"attack '{attack}' returned classes of shape {tuple(found.shape)} and type "
            f"{found.dtype}, not {(count,)} and torch.int64."
        )


def _check_map(found: CipherMap, observation: Observation, attack: str) -> None:
    """Refuse a map between other images than these."""
    plain = observation.scheme.representation.shape(observation.image_shape)
    cipher = tuple(observation.ciphertexts.shape[1:])
    if (found.plain_shape, found.cipher_shape) != (plain, cipher):
        raise PluginError(
            f"attack '{attack}' returned a map from {found.plain_shape} to {found.cipher_shape}, "
            f"not from {plain} to {cipher}."
        )


def _check_facts(recovery: Recovery, count: int, attack: str) -> None:
    """Refuse notes that no report can hold, and failures of ciphertexts that are not there."""
    from numbers import Integral

    from pydantic_core import PydanticSerializationError, to_json

    try:
        to_json(dict(recovery.notes))
    except (PydanticSerializationError, TypeError, ValueError) as error:
        raise PluginError(
            f"attack '{attack}' returned notes that are no JSON ({error}): use plain numbers and "
            "text, for example loss.item()."
        ) from None
    for place, why in recovery.failures.items():
        if not isinstance(place, Integral) or not 0 <= place < count or not isinstance(why, str):
            raise PluginError(
                f"attack '{attack}' returned the failure {place!r}: {why!r}: a failure is the "
                f"index of a ciphertext, 0 to {count - 1}, and why."
            )
