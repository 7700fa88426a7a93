"""The order of a block's bytes: pixels first, then their places, then single bytes.

A search starts afresh from random rotations, which tell the bytes of one pixel, and lays pixels out
in several ways. Separate searches that come to the same least misfit are believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ppattack.solvers.shared_blocks import layout
from ppattack.solvers.shared_blocks.channels import grouping, refined
from ppattack.solvers.shared_blocks.exchanges import best_exchanges
from ppattack.solvers.shared_blocks.models import Geometry, Places, stationary
from ppattack.solvers.shared_blocks.outcome import ENOUGH, Outcome, least_margin
from ppattack.solvers.shared_blocks.pixels import Cipher, Found, Pixels
from ppattack.solvers.shared_blocks.slides import slid
from ppattack.solvers.shared_blocks.statistics import Array, Spectrum, without

LAYOUTS = tuple((kept, near) for kept in (80, 160, 40) for near in (10, 7))
"""Eigenvectors and neighbours of the layouts of the first search, and of any in small blocks."""
MOST_LAYOUTS = 12
"""Layouts of each further search, in which blocks count unequally, at random."""
MOST_LARGE, LARGE = 6, 128
"""Likewise for blocks of more pixels than that, whose layouts take ten times as long."""
FEW_LARGE = 3
"""Likewise once two searches disagreed."""
UNEQUAL = 4.0
"""Shape of the gamma distribution of their weights: smaller is more unequal."""
CLIMBS = ((0.1, 50), (0.3, 20))
"""Weight of public images, and dimensions believed at first, when a layout is refined."""
PROMISING, NEAR = 1.25, 1.03
"""Misfit, times the least, above which exchanges of pixels, or of bytes, are not tried."""
HOPELESS = 1.25
"""Misfit, times the least of earlier searches, that ends a search of small blocks."""
MISSED = 2
"""Searches of large blocks in a row that miss the least misfit and end the searching."""
SAME = 0.05
"""Misfits this near are of one arrangement."""
ENOUGH_SMALL = 3
"""Searches of small blocks that must come to the same end: wrong ones come back more often."""
MOST_ROUNDS, MOST_ROUNDS_SMALL = 5, 9
"""Searches, at most, and those for small blocks."""
MOST_IN_ALL = 22
"""Layouts of small blocks in all searches, after which no further search begins."""
BYTES = (50, 50, 65, 80, 100, 130, 160)
"""Dimensions in which single bytes are refined."""
BYTE_PUBLIC = 0.1
"""Weight of public images in the model of the image when single bytes are refined."""
MOST_REPAIRS, MOST_EXCHANGES = 4, 60
"""Rounds of repairs of single bytes, and of exchanges in each, at most."""
TOLERATED = 0.002
"""Rise of the misfit, relative, at which the image's own model is believed over public images."""


def usual_rounds(geometry: Geometry) -> int:
    """How many searches are made, at most, if nobody says."""
    return MOST_ROUNDS_SMALL if geometry.small else MOST_ROUNDS


class Search:
    """Arranges the bytes of one ciphertext's blocks, or of several under one key.

    Args:
        contents: ``(n, D)`` blocks without brightness and contrast.
        models: of plain blocks, the one of all public images first.
        geometry: of a block.
        rng: draws starts and layouts.
        rounds: searches, at most.
        lost: ``(D, D)``, what compression added to their second moments; None: nothing.
    """

    def __init__(
        self,
        contents: Array,
        models: Sequence[Spectrum],
        geometry: Geometry,
        rng: np.random.Generator,
        rounds: int = MOST_ROUNDS,
        lost: Array | None = None,
    ) -> None:
        self._contents, self._rng, self._lost = contents, rng, lost
        self._enough = ENOUGH_SMALL if geometry.small else ENOUGH
        self._rounds = rounds
        seen = contents.T @ contents / len(contents)
        if lost is not None:
            seen = without(seen, lost)
        self.cipher = Cipher(seen, list(models), geometry)
        self._curves: dict[int, tuple[Array, Array]] = {}
        self._laid = 0

    def run(self, tick: Callable[[int], None] = lambda done: None) -> Outcome:
        """Search afresh until enough searches agree; the likeliest arrangement of all.

        Args:
            tick: is told how many searches are done.
        """
        ends: list[tuple[Found, Pixels, Places]] = []
        agreed, least = 0, np.inf
        for done in range(self._rounds):
            ends.append(self._searched(done, least))
            tick(done + 1)
            least = min(found.misfit for found, _, _ in ends)
            agreed = sum(found.misfit < least + SAME for found, _, _ in ends)
            if agreed >= self._enough or self._hopeless([found.misfit for found, _, _ in ends]):
                break
        found, pixels, order = min(ends, key=lambda each: each[0].misfit)
        others = [other.at for other, _, _ in ends if other.misfit >= found.misfit + SAME]
        own = pixels.found(pixels.exchanged(order, pixels.own_weights(order)))
        if own.misfit < found.misfit * (1 + TOLERATED):
            found = own
        margin = least_margin(self.cipher, self._contents, found, others)
        return Outcome(found, agreed, len(ends), self._enough, margin)

    def _hopeless(self, misfits: list[float]) -> bool:
        """Whether the last searches in large blocks, which take long, all missed the least.

        In small ones, whether there were many layouts.
        """
        if self.cipher.geometry.small:
            return self._laid >= MOST_IN_ALL
        return len(misfits) > MISSED and min(misfits[:-MISSED]) < min(misfits[-MISSED:]) - SAME

    def _layouts(self, number: int) -> int:
        """Layouts of the search of this number, at most."""
        if number == 0 or self.cipher.geometry.small:
            return len(LAYOUTS)
        if self.cipher.geometry.edge**2 <= LARGE:
            return MOST_LAYOUTS
        return MOST_LARGE if number < ENOUGH else FEW_LARGE

    def _searched(self, number: int, known: float = np.inf) -> tuple[Found, Pixels, Places]:
        """The best end of the search of this number.

        Args:
            number: of the search.
            known: the least misfit of earlier ones, of which it takes nothing else.
        """
        bytes_of = grouping(self.cipher, self._rng)
        best: tuple[Found, Pixels, Places] | None = None
        misfits: list[float] = []
        for layout_number in range(self._layouts(number)):
            least = best[0].misfit if best else np.inf
            pixels = Pixels(self.cipher, bytes_of)
            laid_out = self._laid_out(pixels, None if number else layout_number)
            self._laid += 1
            end = self._climbed(pixels, laid_out, least)
            if self.cipher.geometry.small and end[0].misfit < PROMISING * least:
                end = self.unswirled(*end)
            elif end[0].misfit < NEAR * least:
                end = self._repaired(*end)
            misfits.append(end[0].misfit)
            if best is None or end[0].misfit < least - SAME:
                best, bytes_of = end, end[0].at.reshape(pixels.channels, -1)
            near = sum(each < best[0].misfit + SAME for each in misfits)
            if near >= ENOUGH or (self.cipher.geometry.small and best[0].misfit > HOPELESS * known):
                break
        assert best is not None  # noqa: S101 - there is one layout at least
        return best if self.cipher.geometry.small else self.unswirled(*best)

    def _laid_out(self, pixels: Pixels, number: int | None) -> Places:
        """Pixels on the grid: the layout of this number, or one drawn at random."""
        geometry, rng = self.cipher.geometry, self._rng
        seen, majorise = pixels.covariance, True
        if number is None:
            kept, near = LAYOUTS[rng.integers(len(LAYOUTS))][0], int(rng.integers(5, 14))
            weights = rng.gamma(UNEQUAL, size=len(self._contents))
            rows = self._contents[:, pixels.bytes_of.reshape(-1)]
            rows = (rows * np.sqrt(weights / weights.sum())[:, None]).astype(np.float32)
            seen, majorise = rows.T @ rows, bool(rng.random() < 0.5)
            if self._lost is not None:
                order = pixels.bytes_of.reshape(-1)
                seen = without(seen, self._lost.take(order, 0).take(order, 1))
        else:
            kept, near = LAYOUTS[number]
        kept = min(kept, self.cipher.own.dimensions)
        if kept not in self._curves:
            public = self.cipher.models[0].covariance
            self._curves[kept] = layout.curve(public, kept, geometry)
        differing = layout.differences(seen, kept, geometry.channels)
        near = min(near, geometry.edge**2 - 1)
        far = layout.distances(differing, self._curves[kept], near)
        return layout.on_grid(layout.plane(far, majorise=majorise), geometry.edge)

    def _climbed(self, pixels: Pixels, order: Places, least: float) -> tuple[Found, Pixels, Places]:
        """The better of two ways to refine a layout."""
        pixels = pixels.coloured(order)
        ends = []
        for public, believed in CLIMBS:
            moved = pixels.fitted(order, public, believed)
            if pixels.found(moved).misfit < PROMISING * least:
                moved = pixels.exchanged(moved)
            ends.append((pixels.found(moved), pixels, moved))
        return min(ends, key=lambda each: each[0].misfit)

    def _repaired(
        self, found: Found, pixels: Pixels, order: Places
    ) -> tuple[Found, Pixels, Places]:
        """Bytes that were taken for another pixel's put right, as long as that gains."""
        for _ in range(MOST_REPAIRS):
            tried = [self._exchanged(found.at)]
            tried.append(self._exchanged(self._byte_by_byte(found.at)))
            unturned = self._unturned(found.at) if self.cipher.geometry.small else None
            if unturned is not None:
                tried.append(self._exchanged(unturned))
            better = min(tried, key=lambda each: each.misfit)
            again = Pixels(self.cipher, better.at.reshape(pixels.channels, -1))
            place = np.arange(again.count)
            moved = again.exchanged(again.fitted(place, *CLIMBS[0]))
            if again.found(moved).misfit < better.misfit:
                better, place = again.found(moved), moved
            if better.misfit > found.misfit - SAME / 5:
                break
            found, pixels, order = better, again, place
        return found, pixels, order

    def _unturned(self, at: Places) -> Places | None:
        """Channels that were laid out turned against each other put right; None if none was."""
        misfit, geometry = self.cipher.misfit, self.cipher.geometry
        least, best = misfit.of(self.cipher.seen, at) - SAME, None
        pixels = geometry.edge**2
        for channel in range(geometry.channels):
            part = slice(channel * pixels, (channel + 1) * pixels)
            for turn in geometry.turns[1:, :pixels]:
                moved = at.copy()
                moved[part] = at[part][turn]
                found = misfit.of(self.cipher.seen, moved)
                if found < least:
                    least, best = found, moved
        return best

    def unswirled(
        self, found: Found, pixels: Pixels, order: Places
    ) -> tuple[Found, Pixels, Places]:
        """Rings that went round, and lines in reverse order, put right, as long as that gains.

        In small blocks they may be any that a rectangle has.

        Every pixel keeps its neighbours but where rings or lines meet the others, so that no
        exchange leads out of such an end, and separate searches come to the same one.
        """
        misfit, geometry = self.cipher.misfit, self.cipher.geometry
        if geometry.small:
            return self._slid(found, pixels, order)
        moves = np.concatenate([geometry.swirls, geometry.folds])
        while True:
            tried = [found.at[move] for move in moves]
            fits = [misfit.of(self.cipher.seen, at) for at in tried]
            if min(fits) > found.misfit - SAME:
                return found, pixels, order
            at = tried[int(np.argmin(fits))]
            pixels, order = (
                Pixels(self.cipher, at.reshape(pixels.channels, -1)),
                np.arange(geometry.edge**2),
            )
            found, pixels, order = self._repaired(pixels.found(order), pixels, order)

    def _slid(self, found: Found, pixels: Pixels, order: Places) -> tuple[Found, Pixels, Places]:
        """Parts of a small block slid, and bytes repaired, in turn, as long as that gains."""
        while True:
            before = found.misfit
            pixels = Pixels(self.cipher, found.at.reshape(pixels.channels, -1))
            order = slid(pixels, SAME)
            found, pixels, order = self._repaired(pixels.found(order), pixels, order)
            if found.misfit > before - SAME:
                return found, pixels, order

    def _byte_by_byte(self, at: Places) -> Places:
        own = self.cipher.own.covariance.take(at, 0).take(at, 1)
        geometry = self.cipher.geometry
        public, most = self.cipher.models[0].covariance, self.cipher.own.dimensions
        model = stationary(own, public, BYTE_PUBLIC, geometry, most)
        return refined(self.cipher, model, at, BYTES)

    def _exchanged(self, at: Places) -> Found:
        """Single bytes exchanged while that makes an arrangement likelier."""
        seen = self.cipher.seen.take(at, 0).take(at, 1)
        order = best_exchanges(seen, self.cipher.misfit.weights, MOST_EXCHANGES)
        return Found(*self.cipher.misfit.best(self.cipher.seen, at[order]))
