"""The statistics on arrays whose value is known, and against other implementations."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from ppattack.identify.borders import best_as_they_lie, border_steps, fit_alike
from ppattack.identify.coherence import Agreement, agreement, independent
from ppattack.identify.finding import Finding
from ppattack.identify.one_key import orders, signs
from ppattack.identify.properties import (
    combined,
    jpeg,
    key_scope,
    moved,
    noise,
    own_blocks,
    shared_blocks,
    smooth,
    unit,
)
from ppattack.identify.sample import Sample, block_sums, common_blocks, primes_of, step_profile
from ppattack.identify.seams import strength
from tests.support.folders_of_ciphertexts import encrypted, pads, photographs

RNG = np.random.default_rng(1)
SHARED = {
    name: Finding(name, "yes", "", "", None, "", what=what)
    for name, what in (("content", "shared blocks"), ("shared-blocks", 4))
} | {"jpeg": Finding("jpeg", "no", "", "", None, "")}


def test_folding_forgets_complements() -> None:
    images = pads(2)
    assert np.array_equal(Sample(images).folded, Sample(255 - images).folded)
    assert np.array_equal(Sample(images).levels, Sample(255 - images).levels)
    assert np.array_equal(Sample(images).signed, -Sample(255 - images).signed)
    assert Sample(images).levels.sum(axis=1).max() == 2 * 3


def test_steps_of_a_stripe() -> None:
    values = np.zeros((1, 1, 4, 6), np.float32)
    values[..., 3:] = 5
    across, down = step_profile(values)
    assert across.tolist() == [0, 0, 25, 0, 0]
    assert down.tolist() == [0, 0, 0]


def test_block_sums_of_a_shifted_grid() -> None:
    planes = np.arange(36, dtype=np.float32).reshape(1, 1, 6, 6)
    assert block_sums(planes, 2)[0, 0, 0, 0] == 0 + 1 + 6 + 7
    assert block_sums(planes, 2, 1, 1).shape == (1, 1, 2, 2)
    assert block_sums(planes, 2, 1, 1)[0, 0, 0, 0] == 7 + 8 + 13 + 14


def test_block_sizes_fit_both_edges() -> None:
    assert common_blocks((32, 32), 32) == [2, 4, 8, 16]
    assert common_blocks((28, 42), 32) == [2, 7, 14]
    assert common_blocks((31, 31), 32) == []
    assert primes_of(12) == [2, 3]


@pytest.mark.parametrize("freedom", [15, 127, 255, 5100])
@pytest.mark.parametrize("share", [0.8, 1.0, 1.15, 1.4])
def test_the_tail_of_chi_squared(freedom: int, share: float) -> None:
    exact = stats.chi2.sf(freedom * share, freedom)
    if exact > 1e-12:
        assert noise.chi_squared_tail(freedom * share, freedom) == pytest.approx(exact, rel=0.1)


def test_the_tails_of_the_normal() -> None:
    assert noise.upper_tail(1.2) == pytest.approx(stats.norm.sf(1.2))
    assert noise.two_sided(-2.5) == pytest.approx(2 * stats.norm.sf(2.5))


def test_p_of_noise_is_uniform() -> None:
    """The share of small p over many folders of noise is what it should be."""
    least = []
    for seed in range(200):
        chances = noise.histogram_chances(pads(1, 16, seed))
        least.append(chances["histograms of bytes"])
    assert stats.kstest(least, "uniform").pvalue > 1e-3


def test_one_bit_that_is_always_set_is_no_noise() -> None:
    images = pads(16)
    assert noise.test(Sample(images), {}).answer == "yes"
    images[:, 0, 3, 5] |= 0b111
    images[:, 1, 3, 5] &= 0b1
    assert noise.bits_over_images(pads(16)) > 1e-4
    fixed = np.repeat(pads(1), 16, axis=0)
    assert noise.bits_over_images(fixed) < 1e-12


def test_independent_signs_agree_no_more_than_chance() -> None:
    equal = np.ones((5, 9, 1), np.float32)
    assert agreement(equal).value == pytest.approx(1)
    assert agreement(-equal).value == pytest.approx(1)
    signs = RNG.choice([-1.0, 1.0], (400, 16, 1)).astype(np.float32)
    measured = agreement(signs)
    assert abs(measured.value) < 4 * measured.error
    assert measured.lean > 0.9 > -0.9 > agreement(np.repeat(equal, 40, axis=0)).lean


def test_one_key_makes_places_opposed() -> None:
    light = RNG.normal(100, 10, (24, 1, 1)).astype(np.float32)
    signs = np.array([1, 1, -1, 1], np.float32).reshape(1, 4, 1)
    assert agreement(light * signs).opposed < -4
    assert agreement(light * np.abs(signs)).opposed > 0


def test_the_cosine_transform_is_orthonormal() -> None:
    basis = jpeg.cosine_basis()
    assert np.allclose(basis @ basis.T, np.eye(8), atol=1e-6)


@pytest.mark.parametrize("quality", [30, 49, 50, 75, 90, 96])
def test_the_tables_are_those_of_the_encoder(quality: int) -> None:
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, format="JPEG", quality=quality)
    opened = Image.open(data)
    for own, theirs in zip(jpeg.tables(quality), opened.quantization.values(), strict=True):  # type: ignore[attr-defined]
        # Pillow hands tables out in row order.
        assert own.tolist() == list(theirs)


@pytest.mark.parametrize(("quality", "subsampling"), [(75, 0), (60, 2), (90, 0)])
def test_quality_and_subsampling_of_photographs(quality: int, subsampling: int) -> None:
    images = np.empty((8, 3, 64, 64), np.uint8)
    for made, image in zip(images, photographs(64), strict=False):
        data = io.BytesIO()
        rows = np.ascontiguousarray(image.transpose(1, 2, 0))
        Image.fromarray(rows).save(data, format="JPEG", quality=quality, subsampling=subsampling)
        made[:] = np.asarray(Image.open(data)).transpose(2, 0, 1)
    found = jpeg.test(Sample(images), {})
    assert found.what == f"{quality}:{'444' if subsampling == 0 else '420'}"
    assert jpeg.test(Sample(photographs(64)), {}).answer == "no"


def test_the_ratio_of_keys_of_their_own_is_one() -> None:
    """Closed forms against drawn keys: signs of values, orders of groups."""
    rows = RNG.normal(0, 3, (24, 40)) ** 3
    signs = [rows * RNG.choice([-1, 1], rows.shape) for _ in range(200)]
    drawn = np.mean([np.square((each @ each.T)[np.triu_indices(24, 1)]).mean() for each in signs])
    squares = np.square(rows)
    exact = (squares @ squares.T)[np.triu_indices(24, 1)].mean()
    assert drawn == pytest.approx(exact, rel=0.1)
    grouped = rows.reshape(24, 4, 10)
    grouped = grouped - grouped.mean(axis=2, keepdims=True)
    value, _ = key_scope.in_closed_form(RNG.permuted(grouped, axis=2), orders)
    assert value == pytest.approx(1, abs=0.35)


def test_scope_of_constant_folders_is_one_key() -> None:
    one = np.repeat(pads(1).reshape(1, -1).astype(np.float64) - 127.5, 6, axis=0)
    value, p = key_scope.in_closed_form(one, signs)
    assert value > 100
    assert p < 1e-9


def test_windows_of_a_periodic_pattern_agree() -> None:
    rng = np.random.default_rng(1)  # its own: one pattern in fourteen has windows that differ
    key = rng.choice([-1.0, 1.0], (4, 4))
    planes = np.tile(key, (8, 8))[None, None].astype(np.float32)
    planes = planes * (1 + rng.random((1, 1, 32, 32)).astype(np.float32))
    same = shared_blocks.agreement(planes, 4, 2, centred=False)
    assert same > 2
    assert shared_blocks.agreement(planes, 8, 4, centred=False) == pytest.approx(1, abs=0.2)
    pad = Sample(pads(1)).signed
    assert shared_blocks.agreement(pad, 4, 2, centred=False) == pytest.approx(1, abs=0.2)


def test_seams_of_swapped_blocks() -> None:
    plain, moved_ = photographs(), encrypted("patch-shuffle", patch_size=8)
    assert strength(Sample(moved_).signed, 8)[0] > 1
    assert strength(Sample(moved_).signed, 4)[0] < 0.2
    assert strength(Sample(plain).signed, 8)[0] < 0.5


def test_a_ramp_is_smooth_and_noise_is_not() -> None:
    ramp = np.broadcast_to(np.arange(32, dtype=np.float32), (1, 1, 32, 32))
    assert smooth.growth(ramp) == pytest.approx(4)
    assert smooth.growth(Sample(pads(4)).signed) == pytest.approx(1, abs=0.05)
    assert abs(smooth.neighbour_correlation(Sample(pads(4)).signed)) < 0.03


@pytest.mark.parametrize("block", [4, 8])
def test_shuffled_blocks_of_a_smooth_picture_are_not_smooth_inside(block: int) -> None:
    """Where blocks are small and detail is fine, two steps cross more edges than one does."""
    rows = np.arange(64)[:, None] + np.arange(64)[None]
    cut = (4 * rows).reshape(64 // block, block, 64 // block, block).transpose(1, 3, 0, 2)
    places = cut.reshape(block * block, -1)
    orders = [np.arange(len(places)), *(RNG.permutation(len(places)) for _ in range(20))]
    made = np.stack([places[order].reshape(cut.shape).transpose(2, 0, 3, 1) for order in orders])
    values = made.reshape(21, 1, 64, 64).astype(np.float32)
    assert smooth.least_growth_inside(values[:1]) == pytest.approx(4)
    assert smooth.least_growth_inside(values[1:]) == pytest.approx(1, abs=0.15)


def test_flat_blocks_say_nothing_of_what_is_inside() -> None:
    coarse = RNG.integers(0, 256, (1, 1, 8, 8)).repeat(4, axis=2).repeat(4, axis=3)
    values = coarse.astype(np.float32)
    assert 0 < smooth.least_growth_inside(values) < np.inf


def test_many_blocks_that_agree_a_little_are_not_changed() -> None:
    """0.045 is nothing of 64 blocks, and 300 standard errors of 3,136."""
    few, many = (Agreement(0.045, error, 0.0, 0.0) for error in (0.0049, 0.0001))
    assert independent(few, 20, 0.06) is True
    assert independent(many, 20, 0.06) is False


def test_much_white_does_not_make_half_bytes() -> None:
    """Low halves of white are as uneven as its high ones."""
    images = RNG.integers(0, 5, (5, 1, 64, 64)) << 4 | RNG.integers(0, 16, (5, 1, 64, 64))
    assert unit.unevenness(images.astype(np.uint8)) < unit.BAR / 2
    images = np.where(RNG.random(images.shape) < 0.9, 255, images)
    assert unit.unevenness(images.astype(np.uint8)) < unit.BAR
    halves = RNG.permuted(np.stack([images & 15, images >> 4]), axis=0)
    assert unit.unevenness((halves[0] | halves[1] << 4).astype(np.uint8)) > unit.BAR


def test_halves_of_bytes() -> None:
    halves = RNG.integers(0, 16, (1, 6144)).astype(np.uint8)
    assert unit.unevenness((halves << 4).astype(np.uint8)) > 0  # low halves are all 0
    high = (RNG.binomial(15, 0.5, (1, 6144)).astype(np.uint8) << 4) | halves
    assert unit.unevenness(high.astype(np.uint8)) < 0.05
    both = RNG.binomial(15, 0.5, (2, 1, 6144)).astype(np.uint8)
    assert unit.unevenness(((both[0] << 4) | both[1]).astype(np.uint8)) == pytest.approx(
        1, abs=0.15
    )


def test_blocks_of_their_own_distribution() -> None:
    values = RNG.integers(0, 256, (1, 3, 32, 32), dtype=np.uint8)
    assert abs(own_blocks.strengths(Sample(values).levels, 4)[0]) < 4
    scale = np.kron(RNG.integers(1, 9, (8, 8)), np.ones((4, 4))).astype(int)
    narrow = (128 + (values.astype(int) - 128) // scale).astype(np.uint8)
    assert own_blocks.strengths(Sample(narrow).levels, 4)[0] > 6


def test_neighbours_of_a_smooth_field_are_alike() -> None:
    field = np.add.outer(np.arange(8.0), np.arange(8.0))
    features = (field - field.mean())[None, :, :, None].astype(np.float32)
    assert moved.neighbours_alike(features)[0] > 0.5
    flat = RNG.permutation(features.ravel()).reshape(features.shape)
    assert moved.neighbours_alike(flat)[0] < 0.35


def test_steps_between_borders_by_hand() -> None:
    """The right side of the first block lies before the left one of the second, which is black."""
    image = np.full((1, 1, 4, 4), 10, np.float32)
    image[..., :2, 2:] = -10
    image[..., 0, 1], image[..., 1, 1] = 20, 30
    steps = border_steps(image, 2)[0]
    assert steps.shape == (4, 4, 4, 4, 4)
    assert np.exp(steps[0, 1, 3, 2]) == pytest.approx(
        [1 + (900 + 1600) / 2, 1 + (100 + 400) / 2] * 2
    )
    assert np.allclose(steps, steps.transpose(1, 0, 3, 2, 4))
    reversed_ = np.exp(steps[0, 0, 3, 3])  # 20, 30 against 20, 30 and against 30, 20
    assert reversed_ == pytest.approx([1, 1 + (1600 + 3600) / 2, 1 + 100, 1 + 2500], rel=1e-4)


@pytest.mark.parametrize("target", ["etc", "patch-shuffle"])
def test_borders_of_four_blocks_tell_the_key_scope(target: str) -> None:
    settings: dict[str, Any] = {"patch_size" if target == "patch-shuffle" else "block_size": 16}
    scopes: tuple[Literal["dataset"], Literal["image"]] = ("dataset", "image")
    one, each = (
        fit_alike(border_steps(Sample(encrypted(target, scope, **settings)).signed, 16))
        for scope in scopes
    )
    assert one[0] > key_scope.FEW_BAR
    assert one[1] < key_scope.LEVEL
    assert each[0] < key_scope.FEW_NEAR


def test_borders_under_keys_of_their_own_have_the_null() -> None:
    """A photograph a thousand times over under keys of its own is no one key."""
    quarters = photographs()[:1].reshape(1, 3, 2, 16, 2, 16).transpose(0, 2, 4, 1, 3, 5)
    least = []
    for _ in range(40):
        order = RNG.permuted(np.tile(np.arange(4), (8, 1)), axis=1)
        moved_ = quarters.reshape(4, 3, 16, 16)[order].reshape(8, 2, 2, 3, 16, 16)
        images = moved_.transpose(0, 3, 1, 4, 2, 5).reshape(8, 3, 32, 32)
        least.append(fit_alike(border_steps(Sample(images).signed, 16))[1])
    assert stats.kstest(least, "uniform").pvalue > 1e-3


def test_quarters_of_a_ramp_fit_best_as_they_lie() -> None:
    ramp = np.add.outer(3 * np.arange(32.0), np.arange(32.0)).astype(np.float32)[None, None]
    assert best_as_they_lie(border_steps(ramp, 16))
    swapped = np.concatenate([ramp[..., 16:], ramp[..., :16]], axis=3)
    assert not best_as_they_lie(border_steps(swapped, 16))


def test_a_secret_matrix_combines_the_values_of_a_block() -> None:
    found = combined.test(Sample(encrypted("SecretMatrix")), SHARED)
    assert found.answer == "yes"
    moved_ = combined.test(Sample(encrypted("block-defence", transformation="shf-np")), SHARED)
    assert moved_.answer == "no"
    few = Sample(encrypted("SecretMatrix")[: combined.FEWEST - 1])
    assert combined.test(few, SHARED).answer == "undecided"
    after = {**SHARED, "jpeg": replace(SHARED["jpeg"], answer="yes")}
    assert combined.test(Sample(encrypted("SecretMatrix")), after).answer == "undecided"


def test_channels_of_a_pixel_that_stay_together_in_blocks() -> None:
    grey = RNG.integers(0, 128, (4, 1, 16, 16)).astype(np.float32)
    assert unit.channels_apart(np.repeat(grey, 3, axis=1), 8) > 1e6
    each = RNG.integers(0, 128, (4, 3, 16, 16)).astype(np.float32)
    assert unit.channels_apart(each, 8) == pytest.approx(1, abs=0.1)
    across = np.zeros((1, 2, 4, 8), np.float32)
    across[..., 4:] = 9
    across[:, 1] += 1
    assert unit.channels_apart(across, 4) == pytest.approx(1)  # no step lies inside a block
    assert unit.channels_apart(across) > 10


def test_likeness_that_one_key_can_make_does_not_say_that_blocks_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(moved, "neighbours_alike", lambda features: (0.2, 0.025))
    whole = {
        name: Finding(name, "yes", "", "", None, "", what=what)
        for name, what in (("content", "whole blocks"), ("block-edges", 4))
    }
    sample = Sample(photographs())
    assert moved.test(sample, SHARED).answer == "no"
    assert moved.test(sample, whole).answer == "no"
    assert moved.test(Sample(photographs()[:, :1]), whole).answer == "undecided"
    quarters = {**SHARED, "shared-blocks": replace(SHARED["shared-blocks"], what=16)}
    assert moved.test(sample, quarters).answer == "undecided"
    assert moved.test(sample, quarters).lean >= -moved.FEW_LEAN
