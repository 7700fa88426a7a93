"""Score decryptions of an InstaHide challenge whose answers are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ppattack.challenge.instahide import files
from ppattack.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

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
            no image in particular.
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
    scikit-image on bytes.

    Raises:
        DataError: for a folder or file that is missing or of another format.
    """
    import torch

    from ppattack.metrics.ssim_matrix import ssim_matrix
    from ppattack.runs.key_files import read_key_file

    numbers = files.read_encodings(submission / files.DECRYPTION)
    if not (gold / files.PRIVATE).is_file():
        raise DataError(f"there is no {files.PRIVATE} in {gold}: name the folder of the answers.")
    plain = files.read_encodings(gold / files.PRIVATE).to(torch.uint8)
    settings = read_key_file(gold / files.KEY).settings or {}
    target = files.scheme({name: each for name, each in settings.items() if name != "public"})
    private = _members(gold / files.MEMBERS, target.law.private, len(plain))
    if len(numbers) != len(private) or numbers.shape[1:] != plain.shape[1:]:
        raise DataError(
            f"{submission / files.DECRYPTION} has the shape {tuple(numbers.shape)} (channels "
            f"first), not {(len(private), *plain.shape[1:])}: one decryption for each encoding."
        )
    rows, place = different_rows(numbers)
    images = target.scale.levels(numbers[rows])
    similar = ssim_matrix(images, plain)  # (U, K)
    theirs = similar[place].gather(1, private)
    distances = _distances(numbers[rows], target.scale.numbers(plain))[place].gather(1, private)
    mean = plain.float().mean(0, keepdim=True).round().to(torch.uint8)
    blind = ssim_matrix(mean, plain)[0][private].amax(dim=1)
    best, which = similar.max(dim=0)
    own = similar[which].argmax(dim=1) == torch.arange(len(plain))
    return ChallengeScore(
        max_ssim=float(theirs.amax(dim=1).mean()),
        mean_ssim=float(theirs.mean()),
        min_l2=float(distances.amin(dim=1).mean()),
        mean_l2=float(distances.mean()),
        blind_ssim=float(blind.mean()),
        images=len(plain),
        found=int((best >= FOUND).sum()),
        clear=int((best >= CLEAR).sum()),
        best_ssim=float(best.mean()),
        reidentified=int((own & (best >= FOUND)).sum()),
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
