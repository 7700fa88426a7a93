"""Security regression tests: run ``pytest`` in this folder."""

from __future__ import annotations

from typing import Any

from stream_cipher import StreamCipher

from ppattack.testing import AttackRun, assert_broken, assert_resists

QUICK: dict[str, Any] = {"preset": "smoke", "victims": 32, "adversary": 64, "device": "cpu"}


def test_a_fresh_keystream_an_image_gives_nothing_back() -> None:
    """The promise that must hold: the worst of two keys stays below the bound."""
    assert_resists(StreamCipher, "fr", max_gain=0.05, seeds=(0, 1), key_scope="image", **QUICK)


def test_a_keystream_used_twice_is_broken_by_one_known_image() -> None:
    """The known weakness: if this fails, the tests above have lost their teeth."""
    assert_broken(StreamCipher, "known-plaintext", key_scope="dataset", **QUICK)


def test_no_image_is_an_exception(attack_run: AttackRun) -> None:
    """Any number in a report can be used."""
    report = attack_run(StreamCipher, "fr", key_scope="image", **QUICK).report
    assert report.scores.ssim is not None
    assert report.scores.ssim.reconstruction.max < 0.3
