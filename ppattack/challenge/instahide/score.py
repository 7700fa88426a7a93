"""Score decryptions of an InstaHide challenge whose answers are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ppattack.challenge import layout
from ppattack.challenge.instahide import files
from ppattack.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from ppattack.target.mixing import MixingPlan, Scale

FOUND = 0.5
"""SSIM from which a private image counts as found."""
CLEAR = 0.8
"""SSIM from which it is called clear."""


@dataclass(frozen=True)
class ChallengeScore:
    """What a submission shows of the private images.

    Args:
        max_ssim: mean over encodings of the larger SSIM of their decryption with a private member.
        mean_ssim: likewise of the mean over the private members.
        min_l2: mean over encodings of the smaller mean squared difference, in the numbers' scale.
        mean_l2: likewise of the mean.
        blind_ssim: ``max_ssim`` of the mean of all private images, for every encoding: what shows
            no image in particular. It is cropped as the members are.
        images: private images.
        found: of which some decryption has an SSIM of .5 or more.
        clear: of .8 or more.
        best_ssim: mean over private images of the best SSIM of any decryption.
        reidentified: private images whose best decryption resembles no other private image more.
    """

    max_ssim: float
    mean_ssim: float
    min_l2: float
    mean_l2: float
    blind_ssim: float
    images: int
    found: int
    clear: int
    best_ssim: float
    reidentified: int


def score(submission: Path, gold: Path) -> ChallengeScore:
    """Score by the challenge's measures, and by private image.

    Decryptions become images by the scale that the challenge was made with; SSIM is that of
    scikit-image on bytes. If private images were cropped and mirrored before they were mixed, a
    decryption is compared with them as they are in its encoding.

    Raises:
        DataError: for a folder or file that is missing or of another format.
    """
    import torch

    from ppattack.runs.key_files import read_key_file

    numbers = files.read_encodings(submission / files.DECRYPTION)
    if not (gold / files.PRIVATE).is_file():
        raise DataError(f"there is no {files.PRIVATE} in {gold}: name the folder of the answers.")
    plain = files.read_encodings(gold / files.PRIVATE).to(torch.uint8)
    held = read_key_file(gold / files.KEY)
    settings = held.settings or {}
    target = files.scheme({name: each for name, each in settings.items() if name != "public"})
    private = _members(gold / files.MEMBERS, target.law.private, len(plain))
    if len(numbers) != len(private) or numbers.shape[1:] != plain.shape[1:]:
        raise DataError(
            f"{submission / files.DECRYPTION} has the shape {tuple(numbers.shape)} (channels "
            f"first), not {(len(private), *plain.shape[1:])}: one decryption for each encoding."
        )
    if target.law.augment:
        names = layout.read_json(gold / files.NAMES)
        if not isinstance(names, dict) or not isinstance(names.get("public"), list):
            raise DataError(f"{gold / files.NAMES} does not name the public images.")
        plan = target.plan(held.key, len(plain), max(1, len(names["public"])))
        compared = _in_poses(numbers, plain, plan, target.scale)
    else:
        compared = _as_they_are(numbers, plain, private, target.scale)
    return ChallengeScore(
        max_ssim=float(compared.ssim.amax(dim=1).mean()),
        mean_ssim=float(compared.ssim.mean()),
        min_l2=float(compared.distance.amin(dim=1).mean()),
        mean_l2=float(compared.distance.mean()),
        blind_ssim=float(compared.blind.amax(dim=1).mean()),
        images=len(plain),
        found=int((compared.best >= FOUND).sum()),
        clear=int((compared.best >= CLEAR).sum()),
        best_ssim=float(compared.best.mean()),
        reidentified=int((compared.own & (compared.best >= FOUND)).sum()),
    )


def _members(path: Path, private: int, images: int) -> Tensor:
    """``(E, private)`` int64: the private images of each encoding.

    Raises:
        DataError: if the file does not belong to the other answers.
    """
    import torch

    found = torch.from_numpy(files.read_numbers(path, 2)[:, :private])
    whole = bool(((found >= 0) & (found < images) & (found == found.round())).all())
    if found.shape[1] != private or not whole:
        raise DataError(
            f"{path} does not name {private} of {images} private images for each encoding: the "
            "answers do not belong together."
        )
    return found.long()


@dataclass(frozen=True)
class _Compared:
    """Decryptions beside the P private members of their encodings, and beside every image.

    Args:
        ssim: ``(E, P)``.
        distance: ``(E, P)`` mean squared.
        blind: ``(E, P)`` SSIM of the mean image.
        best: ``(K,)`` the best SSIM of any decryption with each private image.
        own: ``(K,)`` whether that decryption resembles no other private image more.
    """

    ssim: Tensor
    distance: Tensor
    blind: Tensor
    best: Tensor
    own: Tensor


def _as_they_are(numbers: Tensor, plain: Tensor, private: Tensor, scale: Scale) -> _Compared:
    """Beside private images that were mixed as they are."""
    import torch

    from ppattack.metrics.ssim_matrix import ssim_matrix

    rows, place = different_rows(numbers)
    similar = ssim_matrix(scale.levels(numbers[rows]), plain)  # (U, K)
    distances = _distances(numbers[rows], scale.numbers(plain))
    best, which = similar.max(dim=0)
    return _Compared(
        similar[place].gather(1, private),
        distances[place].gather(1, private),
        ssim_matrix(_mean(plain), plain)[0][private],
        best,
        similar[which].argmax(dim=1) == torch.arange(len(plain)),
    )


def _in_poses(numbers: Tensor, plain: Tensor, plan: MixingPlan, scale: Scale) -> _Compared:
    """Beside private images as each encoding has them, cropped and mirrored.

    So is the mean image: black frames show how members were cropped, but no image.
    """
    import torch

    from ppattack.metrics.ssim import ssim
    from ppattack.metrics.ssim_matrix import ssim_matrix
    from ppattack.target.mixing import as_mixed, in_pose_of

    shown, means = scale.levels(numbers), _mean(plain).expand(len(plain), -1, -1, -1)
    similar, distances, blind = [], [], []
    for slot in range(plan.private):
        mixed = as_mixed(plan, plain, slot)
        similar.append(ssim(shown, mixed))
        distances.append((numbers - scale.numbers(mixed)).square().flatten(1).mean(1))
        blind.append(ssim(as_mixed(plan, means, slot), mixed))
    table = torch.stack(similar, dim=1)
    best, own = torch.zeros(len(plain), dtype=table.dtype), torch.zeros(len(plain)).bool()
    members = torch.from_numpy(plan.members[:, : plan.private])
    for image in range(len(plain)):
        held = torch.where(members == image, table, -1.0).flatten()
        row, slot = divmod(int(held.argmax()), plan.private)
        best[image] = held.max().clamp_min(0)
        others = in_pose_of(plan, row, slot, plain)
        own[image] = int(ssim_matrix(shown[row : row + 1], others)[0].argmax()) == image
    return _Compared(table, torch.stack(distances, dim=1), torch.stack(blind, dim=1), best, own)


def _mean(plain: Tensor) -> Tensor:
    """The mean image, ``(1, C, H, W)`` uint8."""
    import torch

    return plain.float().mean(0, keepdim=True).round().to(torch.uint8)


def different_rows(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """The first of every different image, and for each image its place among them."""
    import torch

    seen: dict[bytes, int] = {}
    first: list[int] = []
    place: NDArray[np.int64] = np.empty(len(numbers), np.int64)
    for i, image in enumerate(numbers.numpy()):
        content = image.tobytes()
        if content not in seen:
            seen[content] = len(first)
            first.append(i)
        place[i] = seen[content]
    return torch.tensor(first), torch.from_numpy(place)


def _distances(numbers: Tensor, plain: Tensor) -> Tensor:
    """Mean squared differences ``(U, K)``."""
    ours, theirs = numbers.flatten(1).double(), plain.flatten(1).double()
    squares = ours.square().sum(1)[:, None] + theirs.square().sum(1) - 2 * ours @ theirs.T
    return squares.clamp_min(0) / ours.shape[1]
