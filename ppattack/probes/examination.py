"""All probes of one cipher, in order, and the kind of cipher that they amount to."""

from __future__ import annotations

from dataclasses import dataclass

from ppattack.card import KeyScope
from ppattack.images import ImageShape
from ppattack.probes import footprints as prints
from ppattack.probes.box import Box
from ppattack.probes.chaining import chaining
from ppattack.probes.contents import contents
from ppattack.probes.declared import contradiction, declares
from ppattack.probes.finding import Finding
from ppattack.probes.key_space import key_space
from ppattack.probes.kinds import hides, in_words, kind_of
from ppattack.probes.modular_affine import modular_affine
from ppattack.probes.moves import moves, sources
from ppattack.probes.noise import noise
from ppattack.probes.periodicity import periodicity
from ppattack.probes.randomness import randomness
from ppattack.probes.real_affine import real_affine
from ppattack.probes.repeatability import repeatability
from ppattack.probes.superposition import keyed, separate, superposed
from ppattack.probes.xor_affine import xor_affine
from ppattack.target.base import Target


@dataclass(frozen=True)
class Examination:
    """What the probes say of a cipher.

    Args:
        kind: one of :data:`ppattack.probes.kinds.KINDS`.
        words: the same for people.
        findings: every property that was tried.
        asked: images that were encrypted.
        hides: whether every ciphertext is noise of its own, so that nothing is left to attack.
        contradiction: what speaks against the structure that the scheme declares, or None.
    """

    kind: str
    words: str
    findings: tuple[Finding, ...]
    asked: int
    hides: bool = False
    contradiction: str | None = None


def examine(target: Target, shape: ImageShape, scope: KeyScope, seed: int) -> Examination:
    """Probe a scheme under one key that nobody keeps.

    Args:
        target: the scheme.
        shape: ``(C, H, W)`` of the images to try.
        scope: one key for all images, or one each.
        seed: of the key and the chosen images.
    """
    few = key_space(target.key_space_bits(shape), drawn=target.draws_keys)
    if target.card.cipher == "tokens":
        return Examination("tokens", in_words("tokens", {}), (few,), 0)
    box = Box(target, shape, scope, seed)
    again = repeatability(box)
    if not again.holds:
        found = {each.name: each for each in (again, randomness(box), noise(box), few)}
        kind = kind_of(found)
        words, every = in_words(kind, found), tuple(found.values())
        return Examination(kind, words, every, box.asked, hides(kind, found))
    taken = prints.take(box)
    tried = (
        again,
        prints.footprint(taken),
        prints.unit(taken),
        prints.avalanche(taken),
        chaining(taken),
        xor_affine(box),
        modular_affine(box),
        real_affine(box),
        contents(box),
        periodicity(box),
        randomness(box),
        few,
    )
    found = {each.name: each for each in tried}
    if not (found["xor-affine"].holds or found["modular-affine"].holds):
        halves = superposed(box)
        found["separate"] = separate(halves)
        found["keyed-by-contents"] = keyed(halves, taken.size)
    if found["avalanche"].holds:
        found["noise"] = noise(box)
    places = None
    if box.shape == box.cipher_shape and _symbols_apart(found):
        places = sources(box, bits=found["unit"].facts["unit"] in ("bit", "nibble"))
        found["moves"] = moves(places, shape)
    against = None
    if declares(target) and not target.structure().lossy:
        against = _other_shape(target, box)
        if against is None and box.shape == box.cipher_shape:
            against = contradiction(target.structure(), found, places, shape)
    kind = kind_of(found)
    words = in_words(kind, found)
    hidden = hides(kind, found)
    return Examination(kind, words, tuple(found.values()), box.asked, hidden, against)


def _other_shape(target: Target, box: Box) -> str | None:
    """What the shape of ciphertexts says against a declared structure; None if nothing."""
    plain = target.padded_shape(box.shape)
    if box.cipher_shape == plain:
        return None
    return (
        f"says where symbols of {plain} go, but ciphertexts have the shape {box.cipher_shape} "
        "(channels, height, width)"
    )


def _symbols_apart(found: dict[str, Finding]) -> bool:
    """Whether every symbol decides one symbol, so that it can be followed."""
    unit = found["unit"].facts["unit"]
    alone = found["local"].facts["bytes"] <= 1 and unit == "byte"
    return alone or (unit in ("bit", "nibble") and bool(found["xor-affine"].holds))
