"""Statistics over images, with bootstrap intervals of their means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ppattack.reports.scores import Summary
from ppattack.seeding import numpy_stream

Values = NDArray[np.float64]
BOOTSTRAP_RESAMPLES = 2000
NORMAL_975 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
RESAMPLED_AT_ONCE = 1 << 18
"""Values resampled at a time: bounds the memory for many images."""
KEPT = 1 << 24
"""Numbers of draws that are kept for the next metric."""


def summarise(columns: Mapping[str, Values], seed: int) -> dict[str, Summary]:
    """Summaries with bootstrap intervals; every column is resampled at the same images."""
    table = np.stack(list(columns.values()))
    count = table.shape[1]
    low, high = np.quantile(_resampled_means(table, seed), [0.025, 0.975], axis=1)
    result = {}
    for row, (name, values) in enumerate(columns.items()):
        q1, median, q3 = (float(value) for value in np.quantile(values, [0.25, 0.5, 0.75]))
        result[name] = Summary(
            n=count,
            mean=float(values.mean()),
            median=median,
            q1=q1,
            q3=q3,
            min=float(values.min()),
            max=float(values.max()),
            ci95=(float(low[row]), float(high[row])),
        )
    return result


def wilson95(successes: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, which holds at 0 and at 1 too.

    Args:
        successes: among ``count``.
        count: at least one.
    """
    share, squared = successes / count, NORMAL_975**2 / count
    middle = share + squared / 2
    half = NORMAL_975 * ((share * (1 - share) + squared / 4) / count) ** 0.5
    low, high = ((middle + sign * half) / (1 + squared) for sign in (-1, 1))
    return low if successes else 0.0, high if successes < count else 1.0


def _resampled_means(table: Values, seed: int) -> Values:
    """``(rows, BOOTSTRAP_RESAMPLES)``: each row's mean over images sampled with replacement."""
    count = table.shape[1]
    few = BOOTSTRAP_RESAMPLES * count <= KEPT
    parts = _kept_draws(seed, count) if few else _draws(seed, count)
    sums = [table @ part.T.astype(float) for part in parts]
    means: Values = np.concatenate(sums, axis=1) / count
    return means


def _draws(seed: int, count: int) -> Iterator[NDArray[np.uint16]]:
    """How often each of ``count`` images is drawn, ``(resamples, count)``, part by part."""
    rng = numpy_stream(seed, "bootstrap")
    step = max(1, RESAMPLED_AT_ONCE // count)
    for start in range(0, BOOTSTRAP_RESAMPLES, step):
        size = min(step, BOOTSTRAP_RESAMPLES - start)
        drawn = rng.integers(0, count, (size, count)) + count * np.arange(size)[:, None]
        often = np.bincount(drawn.ravel(), minlength=size * count)
        yield often.astype(np.uint16).reshape(size, count)


@lru_cache(maxsize=2)
def _kept_draws(seed: int, count: int) -> tuple[NDArray[np.uint16], ...]:
    """The same for all metrics of a run."""
    return tuple(_draws(seed, count))
