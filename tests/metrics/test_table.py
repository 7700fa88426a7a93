"""Names and directions can be listed without loading what computes them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ppattack.metrics import IMAGE_METRICS, OTHER_METRICS
from ppattack.reports.scores import Scores


def test_the_names_are_those_of_reports() -> None:
    assert list(IMAGE_METRICS) == ["ssim", "ssim_wang2004", "psnr", "mse", "lpips"]
    assert [*IMAGE_METRICS, *OTHER_METRICS] == list(Scores.model_fields)
    for name, card in {**IMAGE_METRICS, **OTHER_METRICS}.items():
        assert card.name == name
        assert card.title


def test_blind_scores_are_worse_than_perfect_ones() -> None:
    for card in IMAGE_METRICS.values():
        assert card.blind is not None
        low, high = card.blind
        assert low < high
        assert high < card.perfect if card.better == "higher" else low > card.perfect


@pytest.mark.process
def test_listing_loads_neither_numpy_nor_torch() -> None:
    program = (
        "import sys, ppattack.metrics; "
        "print(sorted({'numpy', 'torch', 'lpips', 'skimage'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
