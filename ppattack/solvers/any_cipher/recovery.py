"""From an observation to pairs of rows, and from what the models found to a recovery."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ppattack.attack import Recovery
from ppattack.maps import CipherMap, Shuffle
from ppattack.permxor import PermXor
from ppattack.solvers.any_cipher import keyed
from ppattack.solvers.any_cipher.fit import Fit, Pairs
from ppattack.solvers.any_cipher.models import FITS, NAMES, try_models
from ppattack.solvers.any_cipher.models import too_few as models_with_too_few
from ppattack.solvers.known_pairs.symbols import too_few_pairs

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Context
    from ppattack.threat import Observation

AUTO = "auto"
WRONG_PROOF = "what came back passed the attack's own proof, which was then wrong"
"""Why a failure says nothing even if images were believed."""
OTHER_SIZE = "ciphertexts have another number of bytes than images, which no generic model fits"


def recover(
    observation: Observation,
    pairs: tuple[Tensor, Tensor],
    context: Context,
    *,
    model: str,
    victims: int,
    chosen: bool,
    otherwise: Recovery | None = None,
) -> Recovery:
    """Try the models of ciphers that nobody described.

    Args:
        observation: with the ciphertexts to decrypt.
        pairs: plain images, in the form that the scheme transforms, and their ciphertexts.
        context: for the progress bar and the device.
        model: the name of one model, or ``auto`` for all.
        victims: ciphertexts of unknown images that help, at most.
        chosen: whether the plain images were chosen.
        otherwise: what is returned, with limits of its own, if no model fits; None for the
            ciphertexts as they are.
    """
    what = f"{len(pairs[0])} {'chosen images' if chosen else 'known pairs'}"
    rows = _rows(observation, pairs, victims)
    if rows is None:
        return _nothing(observation, otherwise, OTHER_SIZE, {})
    names = NAMES if model == AUTO else (model,)
    outcome = try_models(rows, names, context.progress)
    notes: dict[str, Any] = {
        **({} if otherwise is None else otherwise.notes),
        **({"chosen plaintexts used": rows.count} if chosen else {}),
        "models tried": list(outcome.tried),
    }
    if outcome.fit is not None:
        return _found(observation, rows, outcome.fit, notes, chosen=chosen)
    more = models_with_too_few(rows.count, rows.size, names, chosen=chosen)
    words = f"no generic model fits {what}"
    if more:
        words += f"; too few for {more}"
    return _nothing(observation, otherwise, words, {**notes, "model": "none"})


def read_by_value(
    observation: Observation, pairs: tuple[Tensor, Tensor], context: Context
) -> Recovery:
    """The images of a scheme whose key follows from 256 values of a number of the image.

    Args:
        observation: with the ciphertexts to decrypt.
        pairs: the plain images of :func:`~ppattack.solvers.any_cipher.keyed.plaintexts`, and their
            ciphertexts.
        context: for the progress bar and the device.
    """
    rows = _rows(observation, pairs, len(observation.ciphertexts), once=False)
    if rows is None:
        return _nothing(observation, None, OTHER_SIZE, {})
    found = keyed.solved(rows, context.progress)
    notes = {
        "chosen plaintexts used": rows.count,
        "model": "a permutation of bytes and a mask for each value",
        "decided by": found.number,
        "values with a map": found.maps,
        "roughness": round(found.roughness, 3) if found.maps else None,
    }
    if not found.fits:
        words = "no map of any value makes images of the ciphertexts"
        return _nothing(observation, None, words, {**notes, "model": "none"})
    plain = torch.from_numpy(found.images.reshape(-1, *rows.plain_shape)).to(context.device)
    images = observation.scheme.representation.restore(plain, observation.image_shape)
    return Recovery(images=images, notes=notes, limits=WRONG_PROOF)


def with_map(found: Recovery, observation: Observation) -> Recovery:
    """A recovery with its key as a map too, if that decrypts."""
    if found.key is None or found.key.count is not None or not found.key.is_bijective:
        return found
    plain = observation.scheme.representation.shape(observation.image_shape)
    step = Shuffle(found.key.index, found.key.mask, found.key.unit)
    return replace(found, map=CipherMap(plain, _shape(observation.ciphertexts), (step,)))


def _rows(
    observation: Observation, pairs: tuple[Tensor, Tensor], victims: int, *, once: bool = True
) -> Pairs | None:
    """The pairs as rows, a pair that comes again left out if ``once``: it proves nothing."""
    plain, cipher = pairs
    if plain[0].numel() != cipher[0].numel():
        return None

    def flat(images: Tensor) -> Any:
        return np.ascontiguousarray(images.cpu().numpy().reshape(len(images), -1))

    rows, answers = flat(plain), flat(cipher)
    kept = list(range(len(rows)))
    if once:
        new: dict[bytes, int] = {}
        for number, pair in enumerate(zip(rows, answers, strict=True)):
            new.setdefault(np.concatenate(pair).tobytes(), number)
        kept = list(new.values())
    return Pairs(
        rows[kept],
        answers[kept],
        flat(observation.ciphertexts[:victims]),
        _shape(plain),
        _shape(cipher),
    )


def _shape(images: Tensor) -> tuple[int, int, int]:
    channels, height, width = images.shape[1:]
    return int(channels), int(height), int(width)


def _nothing(
    observation: Observation, otherwise: Recovery | None, words: str, notes: dict[str, Any]
) -> Recovery:
    """No model fits: nothing is said of the scheme, and a gain would be luck."""
    if otherwise is not None:
        if not otherwise.refuted:
            words = f"{otherwise.limits}; {words}"
        return replace(otherwise, limits=words, notes=notes)
    shape = observation.image_shape
    images = observation.ciphertexts
    if _shape(images) == observation.scheme.representation.shape(shape):
        images = observation.scheme.representation.restore(images, shape)
    else:
        images = images.new_zeros((len(images), *shape))
    return Recovery(images=images, notes=notes, limits=words, refuted=True)


def _found(
    observation: Observation, rows: Pairs, fit: Fit, notes: dict[str, Any], *, chosen: bool
) -> Recovery:
    found = fit.map(rows)
    plain = found.invert(observation.ciphertexts)
    images = observation.scheme.representation.restore(plain, observation.image_shape)
    notes |= {
        "model": fit.model,
        "proof": fit.proof,
        "certain": fit.certain,
        "pairs explained": _explained(found, rows),
    }
    limits = ""
    if fit.exact and fit.certain < FITS:
        limits = too_few_pairs(fit.certain, rows.count, rows.size)
        if chosen:
            limits = (
                f"{rows.count} chosen images tell {fit.certain:.1%} of the map: more are needed "
                "(--set attack.images=...)"
            )
    elif not fit.exact and fit.needed:
        limits = (
            f"too few pairs ({rows.count}): {fit.proof}. About {fit.needed} are needed "
            f"(--set attack.{'images' if chosen else 'pairs'}={fit.needed})"
        )
    return Recovery(images=images, key=_key(fit), map=found, notes=notes, limits=limits)


def _explained(found: CipherMap, rows: Pairs) -> float:
    made = rows.plain
    for step in found.steps:
        made = step.apply(made)
    return float((made == rows.cipher).mean())


def _key(fit: Fit) -> PermXor | None:
    """The map as a permutation and mask, if it is no more."""
    if len(fit.steps) != 1 or not isinstance(fit.steps[0], Shuffle):
        return None
    step = fit.steps[0]
    if step.symbol == "bit" or step.combine != "xor":
        return None
    return PermXor(step.index, step.mask, step.symbol)
