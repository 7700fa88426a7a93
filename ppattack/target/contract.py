"""The contract of a scheme, tried on four images before anything rests on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ppattack.card import KeyScope
from ppattack.errors import NotInvertible, kept_running
from ppattack.images import ImageShape
from ppattack.seeding import numpy_stream
from ppattack.target import calls
from ppattack.target.base import Target, generate_scoped_key
from ppattack.target.key import Key

if TYPE_CHECKING:
    from torch import Tensor

IMAGES = 4
OTHER_KEYS = 4
"""Keys that may be another's equal before keys count as without effect."""
_kept: set[tuple[object, ...]] = set()


def check(target: Target, shape: ImageShape, scope: KeyScope) -> None:
    """Refuse a scheme that does not keep its contract; tried once per process.

    A scheme is tried at the size of :meth:`Target.for_contract`.

    Args:
        target: the scheme.
        shape: ``(C, H, W)`` of the plain images.
        scope: of the keys.

    Raises:
        PluginError: naming the class, the method at fault and the cure.
        PpattackError: if the scheme refuses such images or keys.
        RunFailed: if the plug-in tries to end the program.
    """
    facts = (type(target), repr(target), shape, scope)
    if facts in _kept:
        return
    with kept_running(calls.named(target)):
        _check(target.for_contract(), shape, scope)
    _kept.add(facts)


def _check(target: Target, shape: ImageShape, scope: KeyScope) -> None:
    import torch

    noise = numpy_stream(0, "contract").integers(0, 256, (IMAGES, *shape), dtype=np.uint8)
    images = torch.from_numpy(noise)
    key = _key(target, shape, scope, 0)
    print_before = key.fingerprint
    first = _encrypted(target, images, key)
    if target.card.deterministic and not torch.equal(first, _encrypted(target, images, key)):
        cure = "draw from 'generator' alone, or say deterministic=False on the card"
        words = f"gives another ciphertext for the same image, key and generator: {cure}"
        raise calls.fault(target, "encrypt", words)
    _check_keys_matter(target, images, key, first, scope)
    _check_decryption(target, images, key, first)
    if key.fingerprint != print_before:
        words = "or decrypt changes the key that it is given: work on copies of its parts"
        raise calls.fault(target, "encrypt", words)


def _key(target: Target, shape: ImageShape, scope: KeyScope, number: int) -> Key:
    """One of some keys, whose parts are arrays of numbers."""
    with calls.naming(target, "generate_key or key_parts"):
        key = generate_scoped_key(target, shape, scope, number, "contract key", IMAGES)
    for name, part in key.parts.items():
        if not isinstance(part, np.ndarray | np.generic) or part.dtype.kind not in "biuf":
            words = f"returned a part '{name}' that is a {type(part).__qualname__}: "
            cure = "return NumPy arrays of numbers, for example np.array(value)"
            raise calls.fault(target, "key_parts", words + cure)
    return key


def _encrypted(target: Target, images: Tensor, key: Key) -> Tensor:
    """Ciphertexts, of which the scheme keeps and changes nothing."""
    given = images.clone()
    with calls.naming(target, "encrypt"):
        made = calls.answered(target, given, key, numpy_stream(0, "contract encryption"))
    if not given.equal(images):
        words = "changes the images that it is given: work on a copy, images.clone()"
        raise calls.fault(target, "encrypt", words)
    calls.check_ciphertexts(target, made, images)
    return made


def _check_keys_matter(
    target: Target, images: Tensor, key: Key, first: Tensor, scope: KeyScope
) -> None:
    """Another key must give another ciphertext, unless the scheme says that it has no keys."""
    fixed = any(getattr(target.config, name) is not None for name in target.secret_settings)
    with calls.naming(target, "key_space_bits"):
        bits = target.key_space_bits(key.image_shape)
        said = "" if bits is None else f", of 2^{float(bits):g} (key_space_bits)"
    if fixed or bits == 0 or not target.draws_keys:
        return
    before, drawn = first.clone(), {key.fingerprint}
    for number in range(1, 1 + OTHER_KEYS):
        other = _key(target, key.image_shape, scope, number)
        if other.fingerprint in drawn:
            continue
        drawn.add(other.fingerprint)
        made = _encrypted(target, images, other)
        if not first.equal(before):
            words = "changes ciphertexts that it has returned: return a new tensor each time"
            raise calls.fault(target, "encrypt", words)
        if not made.equal(first):
            return
    if len(drawn) == 1:
        words = f"gives one key only{said}: draw its parts from draw(name)"
        raise calls.fault(target, "key_parts", words)
    words = f"gives the same ciphertexts for different keys{said}: "
    cure = "use the key, or let key_space_bits return 0 if there is none"
    raise calls.fault(target, "encrypt", words + cure)


def _check_decryption(target: Target, images: Tensor, key: Key, ciphertexts: Tensor) -> None:
    try:
        with calls.naming(target, "decrypt"):
            plain = calls.decrypt(target, ciphertexts, key)
    except NotInvertible:
        return
    if target.card.invertible and not plain.equal(images):
        wrong = int((plain != images).sum())
        words = (
            f"does not give the images back ({wrong} of {images.numel()} bytes differ): mend it, "
            "or say invertible=False on the card if the scheme loses information"
        )
        raise calls.fault(target, "decrypt", words)
