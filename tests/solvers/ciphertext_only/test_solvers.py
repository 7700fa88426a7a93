"""The parts of ciphertext-only, each on its own, where the truth is known."""

from __future__ import annotations

import numpy as np
import torch

from ppattack.solvers.ciphertext_only import (
    block_matrix,
    byte_table,
    clipping,
    differences,
    masks,
    own_matrices,
    places,
    proof,
    spectra,
    transform_signs,
)
from tests.conftest import smooth_images

SHAPE = (3, 16, 16)


def rows(count: int, seed: int = 0) -> np.ndarray:
    return smooth_images(count, seed=seed).numpy().reshape(count, -1)


def test_masks_by_exclusive_or_follow_from_neighbours() -> None:
    plain, public = rows(200), rows(300, seed=1)
    keystream = np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8)
    found = masks.solved(plain ^ keystream, keystream & np.uint8(128), public, SHAPE)
    assert (found >> 3 == keystream >> 3).mean() > 0.98


def test_added_masks_follow_from_differences() -> None:
    plain, public = rows(200), rows(300, seed=1)
    keystream = np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8)
    found = differences.masks(plain + keystream, public, SHAPE)
    apart = (found - keystream).astype(np.int8).astype(int)
    assert np.abs(apart - np.median(apart)).mean() < 4


def test_regions_that_went_astray_are_seen_where_black_turns_white() -> None:
    plain, public = (
        (rows(count, seed).astype(int) * 2 - 128).clip(0, 255).astype(np.uint8)
        for count, seed in ((200, 0), (300, 1))
    )
    keystream = np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8)
    astray = np.zeros(SHAPE, np.uint8)
    astray[:, 4:12, 4:12] = 6
    found = (keystream + astray.reshape(-1)).astype(np.intp) % 256
    tables = differences.value_tables(public, SHAPE)
    scores = differences.moved_together(plain + keystream, found, tables, SHAPE)
    best = scores.argmax(1).reshape(SHAPE)
    right = best == keystream.reshape(SHAPE)
    assert right[:, 5:11, 5:11].mean() > 0.9
    assert right[:, :3].mean() > 0.9


def uneven(count: int, seed: int) -> np.ndarray:
    """Images whose channels differ, and whose tops are brighter."""
    images = smooth_images(count, seed=seed).numpy().astype(float)
    contrast = np.array([1.0, 0.6, 0.3])[:, None, None]
    slope = np.linspace(60, 0, SHAPE[1])[:, None]
    return np.asarray((images * 0.7 * contrast + slope).reshape(count, -1))


def test_a_rotation_is_found_with_its_sign() -> None:
    plain, public = uneven(400, 0), uneven(400, 1)
    numbers = block_matrix.block_numbers(SHAPE, 2)
    matrix = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
    ours = block_matrix.moments(plain[:, numbers] @ matrix.T + 30)
    theirs = block_matrix.moments(public[:, numbers])
    found, misfit = block_matrix.rotation(ours, theirs)
    assert misfit < 0.1
    blocks = plain[:, numbers].reshape(-1, 12)
    blocks -= blocks.mean(0)
    wrong = blocks @ (found - matrix).T
    assert (wrong**2).mean() < 0.1 * (blocks**2).mean()


def own(blocks: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Every block turned by a matrix of its own, and the matrices."""
    size = blocks.shape[2]
    normal = np.random.default_rng(seed).normal(size=(blocks.shape[1], size, size))
    matrices = np.linalg.qr(normal)[0]
    return np.einsum("npj,pkj->npk", blocks, matrices), matrices


def skewed(count: int, seed: int) -> np.ndarray:
    """Images that are mostly dark, and whose channels go together."""
    mixed = np.array([[0.6, 0.3, 0.1], [0.6, 0.0, -0.1], [0.6, -0.3, 0.1]])
    images = smooth_images(count, seed=seed).numpy().astype(float) ** 2 / 255
    return np.asarray(np.einsum("dc,ncij->ndij", mixed, images).reshape(count, -1))


def test_every_blocks_own_rotation_is_found_with_its_sign_whatever_is_added() -> None:
    numbers = block_matrix.block_numbers(SHAPE, 2).reshape(-1, 12)
    plain, public = skewed(400, 0)[:, numbers], skewed(400, 1)[:, numbers]
    cipher, matrices = own(plain)
    theirs = own_matrices.moments(public)
    added = np.random.default_rng(1).normal(size=cipher.shape[1:]) * 30
    for middle in (cipher + 127.5 - matrices.sum(2) * 127.5, cipher + added):
        found = own_matrices.turned(own_matrices.moments(middle), theirs, 3)
        assert np.abs(found @ found.swapaxes(1, 2) - np.eye(12)).max() < 1e-5
        centred = plain - plain.mean(0)
        wrong = np.einsum("npj,pkj->npk", centred, found - matrices)
        assert (wrong**2).mean() < 0.1 * (centred**2).mean()


def test_rotations_keep_the_variances_of_their_blocks_and_not_of_smaller_ones() -> None:
    plain, public = uneven(300, 0), uneven(300, 1)
    large = block_matrix.block_numbers(SHAPE, 4).reshape(-1, 48)
    small = block_matrix.block_numbers(SHAPE, 2).reshape(-1, 12)
    made = np.zeros_like(plain)
    made[:, large] = own(plain[:, large])[0]
    assert spectra.stretch(made[:, large], public[:, large]) < spectra.STRETCHED
    assert spectra.stretch(made[:, small], public[:, small]) > spectra.STRETCHED


def test_block_numbers_hold_every_byte_once() -> None:
    for shape, edge in (((3, 16, 16), 4), ((1, 8, 24), 8)):
        numbers = block_matrix.block_numbers(shape, edge)
        assert sorted(numbers.reshape(-1)) == list(range(int(np.prod(shape))))


def test_clipped_values_are_estimated_within_their_bounds() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(500, 1)) * 80 + 128
    true = base + rng.normal(size=(500, 6)) * 5 + np.array([90, -90, 0, 0, 0, 0])
    seen = true.clip(0, 255)
    found = clipping.unclipped(seen, true.mean(0), np.cov(true.T))
    clipped = seen != true
    assert clipped.sum() > 100
    assert np.abs(found - true)[clipped].mean() < 0.5 * np.abs(seen - true)[clipped].mean()
    assert np.array_equal(
        found[~clipped & (seen > 0) & (seen < 255)], seen[~clipped & (seen > 0) & (seen < 255)]
    )


def test_the_table_follows_from_histograms() -> None:
    plain, public = rows(400), rows(400, seed=1)
    table = np.random.default_rng(0).permutation(256).astype(np.uint8)
    moved = plain[:, np.random.default_rng(1).permutation(768)]
    levels = byte_table.level_of_values(table[moved], public)
    apart = np.abs(levels[table].astype(int) - np.arange(256))
    assert min(apart.mean(), np.abs(255 - levels[table].astype(int) - np.arange(256)).mean()) < 12


def test_signs_climb_out_of_groups_that_hold_each_other() -> None:
    pull = np.array([[0, 9, 1], [9, 0, 1], [1, 1, 0]], np.float32)
    start = np.array([-1, -1, 1], np.float32)
    alone = transform_signs.climbed(pull, start, [np.arange(3)[:, None]])
    pairs = [np.arange(3)[:, None], np.array([[0, 1]])]
    together = transform_signs.climbed(pull, start, pairs)
    assert abs(alone.sum()) == 3
    assert abs(together.sum()) == 3


def test_only_images_pass_as_images() -> None:
    public = smooth_images(60, seed=1)
    noise = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (40, *SHAPE), dtype=np.uint8)
    )
    flat = (smooth_images(40) // 16) + 120
    shuffled = smooth_images(40).reshape(40, -1)[
        :, torch.randperm(768, generator=torch.Generator().manual_seed(0))
    ]
    assert proof.prove(smooth_images(40), public).holds
    assert not proof.prove(noise, public).holds
    assert not proof.prove(flat, public).holds
    assert not proof.prove(shuffled.reshape(40, *SHAPE), public).holds


def test_correlations_forget_the_masks() -> None:
    plain = smooth_images(300, channels=1).numpy().reshape(300, -1)
    keystream = np.random.default_rng(0).integers(0, 256, 256, dtype=np.uint8)
    added = places.correlations(plain + keystream, "add")
    assert np.corrcoef(added.ravel(), places.correlations(plain, "add").ravel())[0, 1] > 0.99
    marked = places.correlations(plain ^ keystream, "xor")
    assert np.abs(np.abs(marked) - np.abs(places.correlations(plain, "xor"))).max() < 0.01
