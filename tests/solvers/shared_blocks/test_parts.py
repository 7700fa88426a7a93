"""Signs, models and the search for the order of a block's bytes, each with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ppattack.blocks import COLOUR_ORDERS, merge, split
from ppattack.jpeg import Jpeg
from ppattack.solvers.shared_blocks import layout
from ppattack.solvers.shared_blocks.channels import grouping
from ppattack.solvers.shared_blocks.exchanges import by_pixels, changes, margin
from ppattack.solvers.shared_blocks.models import (
    Geometry,
    Misfit,
    public_models,
    stationary,
    turned,
)
from ppattack.solvers.shared_blocks.outcome import CLEAR, Outcome, least_margin
from ppattack.solvers.shared_blocks.pixels import Cipher, Found, Pixels
from ppattack.solvers.shared_blocks.search import Search
from ppattack.solvers.shared_blocks.statistics import (
    Spectrum,
    contents,
    contents_lost,
    correlations,
    covariance,
    lines,
    losses,
    signs,
    without,
)
from tests.support.natural import natural_sets

EDGE = 4
GEOMETRY = Geometry(3, EDGE)


def rows(count: int = 20) -> NDArray[np.float64]:
    return lines(natural_sets(count, 4, size=32).victims, EDGE)


def test_lines_hold_the_bytes_of_every_block_channels_first() -> None:
    images = torch.arange(2 * 3 * 8 * 8).reshape(2, 3, 8, 8).remainder(256).to(torch.uint8)
    found = lines(images, 4)
    assert found.shape == (8, 48)
    block = images[1, :, 4:8, 0:4].reshape(-1).numpy()
    assert (found[6] == block).all()


def test_signs_are_right_up_to_all_of_them() -> None:
    plain = rows()
    flips = np.random.default_rng(0).integers(0, 2, 48).astype(bool)
    found = signs(np.where(flips, 255 - plain, plain)) < 0
    assert (found == flips).all() or (found != flips).all()


def test_the_covariance_follows_the_order_and_forgets_brightness_and_contrast() -> None:
    plain = rows() - 127.5
    order = np.random.default_rng(1).permutation(48)
    assert covariance(plain[:, order]) == pytest.approx(covariance(plain)[np.ix_(order, order)])
    brighter = plain + np.random.default_rng(2).normal(size=(len(plain), 1)) * 40
    assert covariance(brighter) == pytest.approx(covariance(plain))
    assert covariance(-plain) == pytest.approx(covariance(plain))


def test_states_are_the_turns_and_colour_orders_of_a_block() -> None:
    block = np.random.default_rng(3).integers(0, 256, (3, EDGE, EDGE))
    line = block.reshape(-1)
    seen = {tuple(line[state]) for state in GEOMETRY.states}
    wanted = {
        tuple(np.rot90(flip, k, (1, 2))[order].reshape(-1))
        for flip in (block, block[:, :, ::-1])
        for k in range(4)
        for order in COLOUR_ORDERS
    }
    assert seen == wanted
    assert len(seen) == 48
    assert len(Geometry(1, EDGE).states) == 8


def kernel(reach: float = 3.0) -> NDArray[np.float64]:
    """The covariance of a stationary field in which channels differ."""
    row, column = np.divmod(np.tile(np.arange(EDGE**2), 3), EDGE)
    channel = np.repeat(np.arange(3), EDGE**2)
    down, right = row[:, None] - row, column[:, None] - column
    alike = np.array([[1.0, 0.8, 0.5], [0.8, 1.0, 0.7], [0.5, 0.7, 1.0]])
    far = np.sqrt(1.7 * down**2 + right**2)  # not the same in both directions
    return np.asarray(alike[channel[:, None], channel] * np.exp(-far / reach))


def centred(of: NDArray[np.float64]) -> NDArray[np.float64]:
    less = of - of.mean(0)
    return np.asarray(less - less.mean(1, keepdims=True))


def test_a_stationary_field_is_its_own_stationary_model() -> None:
    found = stationary(kernel(), kernel(1.0), 0.0, GEOMETRY).covariance
    assert found == pytest.approx(centred(kernel()), abs=1e-9)
    mixed = stationary(kernel(), kernel(), 0.4, GEOMETRY).covariance
    assert mixed == pytest.approx(centred(kernel()), abs=1e-9)


def test_the_misfit_is_least_at_the_truth_and_finds_the_state() -> None:
    misfit = Misfit(Spectrum(turned(kernel(), GEOMETRY)), GEOMETRY)
    seen = correlations(kernel()).astype(np.float32)
    at = np.arange(48)
    truth = misfit.of(seen, at)
    rng = np.random.default_rng(4)
    assert all(misfit.of(seen, rng.permutation(48)) > truth for _ in range(20))
    swapped = at.copy()
    swapped[[5, 30]] = swapped[[30, 5]]
    assert misfit.of(seen, swapped) > truth
    for state in GEOMETRY.states[::7]:
        found, cost = misfit.best(seen, np.argsort(state))
        assert cost == pytest.approx(truth, rel=1e-5)
        assert misfit.of(seen, found) == pytest.approx(truth, rel=1e-5)


def blocks(count: int, seed: int) -> NDArray[np.float64]:
    """Blocks drawn from the field, without brightness and contrast."""
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(kernel() + 1e-9 * np.eye(48))
    return contents(rng.normal(size=(count, 48)) @ root.T * 40)


def test_a_known_order_is_found_again_up_to_a_state() -> None:
    public = Spectrum(turned(centred(kernel(2.5)), GEOMETRY))
    order = np.random.default_rng(5).permutation(48)
    searches: list[int] = []
    seen = blocks(2000, 6)[:, order]
    outcome = Search(seen, [public], GEOMETRY, np.random.default_rng(6)).run(searches.append)
    placed = order[outcome.found.at]
    assert any((placed == state).all() for state in GEOMETRY.states)
    assert outcome.sure
    assert searches == list(range(1, outcome.rounds + 1))


@pytest.mark.parametrize(
    ("edge", "misfits", "searches"),
    [
        (12, [5.0, 6.0, 7.0, 5.0, 5.0], 3),  # two searches missed what the first found
        (12, [6.0, 5.0, 7.0, 7.5, 5.0], 4),
        (12, [8.0, 7.0, 6.0, 5.0, 4.0], 5),
        (12, [8.0, 5.0, 5.01, 4.0, 4.0], 3),  # two agree
        (8, [5.0, 6.0, 7.0, 5.0, 5.0], 5),  # small blocks are searched on; three agree
    ],
)
def test_searches_end_when_they_agree_or_miss_the_least(
    edge: int, misfits: list[float], searches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    geometry = Geometry(1, edge)
    known = Spectrum(np.eye(edge**2))
    rng = np.random.default_rng(0)
    search = Search(rng.normal(size=(30, edge**2)), [known], geometry, rng, 5)
    order = np.arange(edge**2)
    pixels = Pixels(search.cipher, order[None])
    monkeypatch.setattr(
        search, "_searched", lambda number, known: (Found(order, misfits[number]), pixels, order)
    )
    assert search.run().rounds == searches


def test_one_search_is_never_sure() -> None:
    public = Spectrum(turned(centred(kernel(2.5)), GEOMETRY))
    outcome = Search(blocks(2000, 6), [public], GEOMETRY, np.random.default_rng(6), 1).run()
    assert outcome.rounds == outcome.agreed == 1
    assert not outcome.sure


def test_noise_has_no_order_to_be_found() -> None:
    """What the search makes of noise fits worse than the truth would: the numbers tell."""
    public = Spectrum(turned(kernel(2.5), GEOMETRY))
    noise = contents(np.random.default_rng(7).normal(size=(400, 48)) * 40)
    outcome = Search(noise, [public], GEOMETRY, np.random.default_rng(8), 2).run()
    seen = correlations(centred(kernel())).astype(np.float32)
    truth = Misfit(public, GEOMETRY).best(seen, np.arange(48))[1]
    assert outcome.found.misfit > 1.5 * truth


def test_an_exchange_of_two_pixels_changes_the_misfit_as_foretold() -> None:
    rng = np.random.default_rng(9)
    seen, weights = (m @ m.T for m in rng.normal(size=(2, 48, 48)))
    foretold = changes(by_pixels(seen, 3), by_pixels(weights, 3))
    before = np.vdot(seen, weights)
    for one, other in ((0, 1), (3, 12), (15, 7)):
        order = np.arange(48).reshape(3, 16)
        order[:, [one, other]] = order[:, [other, one]]
        at = order.reshape(-1)
        change = np.vdot(seen[np.ix_(at, at)], weights) - before
        assert foretold[one, other] == pytest.approx(change)
        assert foretold[other, one] == pytest.approx(change)


def test_the_margin_is_that_of_the_likeliest_exchange() -> None:
    public = Misfit(Spectrum(turned(kernel(), GEOMETRY)), GEOMETRY)
    rows_of = blocks(300, 15)
    rows_of = rows_of / np.sqrt((rows_of**2).mean(0))
    seen = (rows_of.T @ rows_of / len(rows_of)).astype(np.float32)
    least = np.inf
    before = (rows_of @ public.weights * rows_of).sum(1)
    for one in range(48):
        for other in range(one):
            moved = rows_of.copy()
            moved[:, [one, other]] = moved[:, [other, one]]
            worse = (moved @ public.weights * moved).sum(1) - before
            least = min(least, worse.mean() / (worse.std() / np.sqrt(300)))
    assert margin(rows_of, seen, public.weights) == pytest.approx(least, rel=1e-3)
    wrong = np.arange(48)
    wrong[[5, 6]] = [6, 5]
    assert margin(rows_of[:, wrong], seen[np.ix_(wrong, wrong)], public.weights) < 0


def test_another_end_that_is_nearly_as_likely_narrows_the_margin() -> None:
    public = Spectrum(turned(kernel(), GEOMETRY))
    search = Search(blocks(300, 15), [public], GEOMETRY, np.random.default_rng(0))
    cipher, order = search.cipher, np.arange(48)
    moved = order.reshape(3, 16).copy()
    moved[:, [0, 1, 4, 5]] = moved[:, [5, 4, 1, 0]]
    there, other = (
        Found(at, cipher.misfit.of(cipher.seen, at)) for at in (order, moved.reshape(-1))
    )
    contents = search._contents
    alone = least_margin(cipher, contents, there, [])
    rows_of = contents / np.sqrt((contents**2).mean(0))
    each = [((r @ cipher.misfit.weights) * r).sum(1) for r in (rows_of, rows_of[:, other.at])]
    worse = each[1] - each[0]
    far = worse.mean() / (worse.std() / np.sqrt(300))
    found = least_margin(cipher, contents, there, [other.at])
    assert found == pytest.approx(min(alone, far), rel=1e-3)
    turned_over = least_margin(cipher, contents, other, [])
    found = least_margin(cipher, contents, other, [there.at])
    assert found == pytest.approx(min(turned_over, -far), rel=1e-3)


def test_bytes_too_alike_to_be_told_apart_are_no_sure_order() -> None:
    found = Found(np.arange(3), 1.0)
    assert Outcome(found, 2, 2, 2, CLEAR).sure
    assert not Outcome(found, 2, 2, 2, CLEAR - 0.1).sure
    assert not Outcome(found, 1, 2, 2, CLEAR).sure


def test_losses_of_compression_are_taken_off() -> None:
    sets = natural_sets(40, 4, size=32)
    key = np.random.default_rng(16).permutation(192)
    cut = split(sets.victims.numpy(), 8)
    flips = np.where(key % 2, 255, 0).astype(np.uint8)
    shuffled = cut.reshape(*cut.shape[:2], -1)[..., key] ^ flips
    sent = torch.from_numpy(merge(shuffled.reshape(cut.shape), 32, 32))
    jpeg = Jpeg(95)
    received = jpeg.transport(sent)
    lost = losses(received, 8, jpeg, np.random.default_rng(17))
    added = lines(received, 8) - lines(sent, 8)
    assert lost.diagonal().mean() == pytest.approx((added**2).mean(), rel=0.15)
    level = float(lost.diagonal().mean())
    undone = np.where(flips, -1.0, 1.0)
    lost = lost * undone * undone[:, None]
    before, after = ((lines(each, 8) - 127.5) * undone for each in (sent, received))
    clear, noisy = (contents(each, extra) for each, extra in ((before, level), (after, level)))
    goal, seen = (each.T @ each / len(each) for each in (clear, noisy))
    less = without(seen, contents_lost(after, lost))
    assert (less.diagonal() > 0).all()
    wrong = [np.linalg.norm(correlations(each) - correlations(goal)) for each in (less, seen)]
    assert wrong[0] < 0.5 * wrong[1]


def test_a_layout_of_a_turned_square_is_put_on_the_grid() -> None:
    row, column = np.divmod(np.arange(36), 6)
    places = np.stack([row, column], 1).astype(float)
    order = np.random.default_rng(10).permutation(36)
    far = np.sqrt(((places[order][:, None] - places[order]) ** 2).sum(2))
    for majorise in (False, True):
        found = order[layout.on_grid(layout.plane(far, majorise=majorise), 6)].reshape(6, 6)
        square = np.arange(36).reshape(6, 6)
        turns = [np.rot90(flip, k) for flip in (square, square.T) for k in range(4)]
        assert any((found == turn).all() for turn in turns)


def test_eigenvectors_without_variance_are_left_out() -> None:
    drawn = np.random.default_rng(14).normal(size=(7, 48))
    few = Spectrum(drawn.T @ drawn)
    assert few.dimensions == 7
    assert few.places() @ few.places().T == pytest.approx(few.covariance, abs=1e-3)
    assert Spectrum(few.covariance, most=5).dimensions == 5


def test_bytes_of_a_pixel_are_found_in_a_grey_photograph() -> None:
    """Three channels that are the same: any labels will do, but not any pixels."""
    grey = np.tile(np.random.default_rng(11).normal(size=(300, 16)) * 40, (1, 3))
    order = np.random.default_rng(12).permutation(48)
    public = [Spectrum(turned(kernel(), GEOMETRY))]
    cipher = Cipher(covariance(grey[:, order]), public, GEOMETRY)
    bytes_of = grouping(cipher, np.random.default_rng(13))
    assert (order[bytes_of] % 16 == order[bytes_of][0] % 16).all()


def test_public_images_are_sorted_into_kinds() -> None:
    images = natural_sets(4, 60, size=32).adversary
    models = public_models(images, GEOMETRY)
    assert len(models) > 2
    whole = models[0].covariance
    assert whole == pytest.approx(whole[np.ix_(GEOMETRY.turns[3], GEOMETRY.turns[3])])
    assert len(public_models(images[:10], GEOMETRY)) == 1
    again = public_models(images, GEOMETRY)
    assert all((a.covariance == b.covariance).all() for a, b in zip(models, again, strict=True))
