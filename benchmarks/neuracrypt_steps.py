"""Steps of the matching attack on NeuraCrypt against the published ways of doing them.

The published algorithms are written again here: moments by SciPy, one order at a time;
squared differences of all pairs of patches in one array; products of all pairs of patches summed
in one array, then an assignment, pair of images by pair of images. Both sides get the same inputs,
in one process, with one thread::

    python benchmarks/neuracrypt_steps.py [--images 60] [--device cuda]
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import linear_sum_assignment
from side_by_side import Ratio, compare, finish
from torch import Tensor

from ppattack.attack import Context
from ppattack.data.source import ImageRequest
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.seeding import torch_stream
from ppattack.solvers.neuracrypt import embedding, features, pairwise, unshuffle
from ppattack.solvers.neuracrypt.case import Case
from ppattack.solvers.neuracrypt.own_keys import OwnEncoders, training_features
from ppattack.target.neural import NeuralTarget

Floats = NDArray[np.floating]


def main() -> int:
    """Print the ratios; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=60, help="images of the first matching")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(given.device)
    ratios = [*_features(device), _unshuffle(device), *_first_matching(given.images, device)]
    return finish(ratios)


def _features(device: torch.device) -> list[Ratio]:
    vectors = torch.randn(50, 256, 2048, generator=torch_stream(0, "features"))
    ratios = []
    for dtype, bound in ((torch.float32, 12), (torch.float64, 6)):
        ours = vectors.to(device, dtype)
        theirs = vectors.to(dtype).numpy()
        _check_features(ours, theirs)
        ratios.append(
            compare(
                f"15 features, 50 x 256 x 2048, {dtype}".replace("torch.", ""),
                partial(_finished, features.moment_features, ours),
                partial(published_features, theirs),
                sense="faster",
                bound=bound if device.type == "cpu" else 100,
            )
        )
    return ratios


def _check_features(ours: Tensor, theirs: Floats) -> None:
    """Even moments, which are far from 0, must agree."""
    found = features.moment_features(ours[:3]).cpu().numpy()[..., ::2]
    wanted = published_features(theirs[:3])[..., ::2]
    bound = 1e-9 if theirs.dtype == np.float64 else 1e-5
    np.testing.assert_allclose(found[..., 1:], wanted[..., 1:], rtol=bound)


def _unshuffle(device: torch.device) -> Ratio:
    stream = torch_stream(0, "unshuffle")
    codes = torch.randn(256, 2048, generator=stream) + 0.5 * torch.randn(
        12, 256, 2048, generator=stream
    )
    order = torch.stack([torch.randperm(256, generator=stream) for _ in codes])
    codes = unshuffle.in_order(codes, order)
    theirs, ours = codes.numpy(), codes.to(device)
    np.testing.assert_array_equal(_in_one_order(ours).cpu().numpy(), published_unshuffle(theirs))
    return compare(
        "local unshuffling, 12 x 256 x 2048",
        partial(_finished, _in_one_order, ours),
        partial(published_unshuffle, theirs),
        sense="faster",
        bound=25 if device.type == "cpu" else 100,
        repeats=3,
    )


def _first_matching(count: int, device: torch.device) -> list[Ratio]:
    codes, plain = _embeddings(count)
    theirs = published_first_matching(plain.numpy(), codes.numpy())
    ours = [each.to(device) for each in (codes, plain)]
    exact, few = pairwise.exact_matching(*ours), pairwise.bounded_matching(*ours)
    for found in (exact, few):
        np.testing.assert_array_equal(found.matching.cpu().numpy(), theirs)
    print(f"pre-filter: {few.solved} of {few.pairs} assignments solved, the same matching")
    title = f"first matching, {count} images of 256 patches"
    return [
        compare(
            f"{title}, {name}",
            partial(work, *ours),
            partial(published_first_matching, plain.numpy(), codes.numpy()),
            sense="faster",
            bound=bound,
            repeats=1,
        )
        for name, work, bound in (
            ("exact", pairwise.exact_matching, 1.8),
            ("pre-filter", pairwise.bounded_matching, 10),
        )
    ]


def _embeddings(count: int) -> tuple[Tensor, Tensor]:
    """Embeddings, as in the attack, of codes and patches of photograph crops, 256 patches each."""
    sets = registry.dataset("photos").load(ImageRequest(count, 0, size=64))
    attack = registry.attack("neuracrypt-matching")()
    target = registry.target("neuracrypt")(variant="small", patch_size=4)
    seen = simulate(attack, target, sets, "dataset", 0).observation
    scheme = cast(NeuralTarget, target)
    own = OwnEncoders(scheme, seen.image_shape, Context(torch.device("cpu"), 1))
    case = Case.of(own, seen.ciphertexts, seen.public_images).unshuffled()
    pairs = training_features(own, case.images, 10, 50)
    network = embedding.learn(*pairs, 1500, 256, 3e-3, own.context).network
    with torch.no_grad():
        pixels = features.patches(case.images, scheme.patch_size)
        return (
            network.code(features.moment_features(case.codes.whole())),
            network.plain(features.moment_features(pixels)),
        )


def _in_one_order(codes: Tensor) -> Tensor:
    return unshuffle.in_order(codes, unshuffle.patch_orders(codes))


def _finished(work: Callable[[Tensor], Tensor], vectors: Tensor) -> None:
    """Do it, and wait until an accelerator is done."""
    if work(vectors).device.type == "cuda":
        torch.cuda.synchronize(vectors.device)


def published_features(vectors: Floats) -> Floats:
    """Mean and root moments, order by order."""
    centred = vectors - vectors.mean(axis=0, keepdims=True)
    rows = [centred.mean(axis=2)]
    rows += [np.abs(stats.moment(centred, order=i, axis=2)) ** (1 / i) for i in range(1, 15)]
    return np.stack(rows).transpose(1, 2, 0)


def published_unshuffle(codes: Floats) -> Floats:
    """By image 0, then by the mean code; distances of all pairs of patches in one array."""
    for from_mean in (False, True):
        reference = codes.mean(axis=0) if from_mean else codes[0]
        codes = np.stack([code[np.argsort(_assigned(reference, code))] for code in codes])
    return codes


def _assigned(reference: Floats, code: Floats) -> NDArray[np.int64]:
    distances = np.sum((reference[None, :, :] - code[:, None, :]) ** 2, axis=2)
    columns: NDArray[np.int64] = linear_sum_assignment(distances)[1]
    return columns


def published_first_matching(plain: Floats, codes: Floats) -> NDArray[np.int64]:
    """The candidate of each ciphertext; one pair of images after the other."""
    scores = np.empty((len(plain), len(codes)))
    for i, image in enumerate(plain):
        for j, code in enumerate(codes):
            similar = np.sum(image[None, :, :] * code[:, None, :], axis=2)
            rows, columns = linear_sum_assignment(-similar)
            scores[i, j] = similar[rows, columns].mean()
    order: NDArray[np.int64] = np.argsort(linear_sum_assignment(-scores)[1])
    return order


if __name__ == "__main__":
    raise SystemExit(main())
