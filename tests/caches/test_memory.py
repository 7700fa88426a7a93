"""What is kept in memory: the last few results, by what decided them."""

from __future__ import annotations

import torch

from ppattack.caches.memory import Recent, content_of


def test_the_results_used_last_are_kept() -> None:
    made: list[str] = []
    recent: Recent[str] = Recent(2)

    def get(key: str) -> str:
        def make() -> str:
            made.append(key)
            return key * 2

        return recent.get(key, make)

    assert [get(key) for key in "abacab"] == ["aa", "bb", "aa", "cc", "aa", "bb"]
    assert "".join(made) == "abcb"
    recent.drop("b")
    get("b")
    assert "".join(made) == "abcbb"


def test_equal_bytes_of_another_shape_or_kind_are_another_content() -> None:
    found = [
        torch.zeros(2, 4, dtype=torch.uint8),
        torch.zeros(4, 2, dtype=torch.uint8),
        torch.zeros(2, 4, dtype=torch.int8),
        torch.ones(2, 4, dtype=torch.uint8),
    ]
    assert len({content_of(each) for each in found}) == 4
    assert content_of(found[0]) == content_of(found[1].T.clone())
