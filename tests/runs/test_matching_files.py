"""Which candidates are in the encrypted set, and how surely."""

from __future__ import annotations

import pytest

from ppattack.runs.matching_files import membership


def test_the_surest_ciphertext_that_names_a_candidate_counts() -> None:
    found = membership([2, 2, 0], [0.5, 0.01, 0.2], candidates=4)
    assert found == [(0.2, 2), (1.0, None), (0.01, 1), (1.0, None)]


def test_more_ciphertexts_than_candidates_name_one_by_chance_more_often() -> None:
    found = membership([1] * 6, [0.5, 0.3, 0.01, 0.2, 0.9, 0.4], candidates=2)
    assert found == [(1.0, None), (pytest.approx(0.03), 2)]
