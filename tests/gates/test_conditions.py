from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.errors import ConfigError
from ppattack.gates.conditions import known_names, parse, value_of
from ppattack.reports.run import WorstSample
from tests.support.saved import report

REPORT = report(
    gain=0.3, key=0.75, leak="identity", worst=WorstSample(index=0, name="a", scores={"ssim": 0.9})
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("ssim.gain > 0.1", True),
        ("ssim.gain>.3e0", False),
        ("ssim.gain >= 0.3", True),
        ("ssim.gain.low < 0.3", True),
        ("ssim.gain.high <= 0.3", False),
        ("ssim.reconstruction.median == 0.4", True),
        ("ssim.gain.n != 20", False),
        ("ssim.gain > -1", True),
        ("key.index > 0.7", True),
        ("key.reconstruction.max < 0.7", False),
        ("worst.ssim > 0.5", True),
        ("failures == 0", True),
        ("leak <= class", False),
        ("leak > class", True),
        ("leak == identity", True),
        ("leak < state and leak != nothing", True),
        ("leak >= images or leak == key", False),
        ("verdict == BROKEN", True),
        ("verdict != BROKEN", False),
        ("verdict == RESISTED or ssim.gain > 0.1", True),
        ("verdict == BROKEN and ssim.gain > 1 or key.mask > 0.5", True),
        ("verdict == BROKEN and (ssim.gain > 1 or key.mask > 0.9)", False),
        ("((ssim.gain > 0.1))", True),
        ("lpips.gain > 0", None),
        ("worst.lpips > 0", None),
        ("best_state_ssim > 0.5", None),
        ("lpips.gain > 0 or ssim.gain > 0.1", True),
        ("lpips.gain > 0 and ssim.gain > 0.1", None),
        ("lpips.gain > 0 or ssim.gain > 1", None),
        ("lpips.gain > 0 and ssim.gain > 1", False),
    ],
)
def test_conditions(text: str, holds: bool | None) -> None:
    assert parse(text).holds(REPORT) is holds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it ends"),
        ("ssim.gain", "after 'ssim.gain' one of"),
        ("ssim.gian > 0", "no score 'ssim.gian'; the nearest are: ssim.gain"),
        ("gain > 0", "no score 'gain'"),
        ("ssim.gain > x", "a number is needed"),
        ("leak > 3", "what leaks is one of nothing, class, identity, state, images, key"),
        ("leak <= faces", "what leaks is one of nothing,"),
        ("leak", "after 'leak' one of"),
        ("ssim.gain > nan", "a number is needed"),
        ("ssim.gain > 1e999", "a number is needed"),
        ("ssim.gain > 0.1.2", "a number is needed"),
        ("ssim.gain => 0", "one of"),
        ("0.1 < ssim.gain", "a score is missing before '0.1'"),
        ("ssim.gain > 0 and", "it ends"),
        ("ssim.gain > 0 ssim.gain < 1", "'ssim.gain' is not expected"),
        ("(ssim.gain > 0", "a bracket is not closed"),
        ("ssim.gain > 0)", "')' is not expected"),
        ("(" * 5000 + "ssim.gain > 0", "brackets are nested too deeply"),
        ("verdict > BROKEN", "== or !="),
        ("verdict == broken", "the verdicts are BROKEN, RESISTED, INCONCLUSIVE"),
        ("__import__('os').system('true')", "no score '__import__'"),
        ("ssim.__class__ == 0", "no score"),
        ("scores.model_fields == 0", "no score"),
    ],
)
def test_what_is_no_condition_is_explained(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert words in str(caught.value)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="(){}<>=! .0123456789eandorsimgkyvticfu\n'\"\\", max_size=40))
def test_any_text_is_a_condition_or_a_config_error(text: str) -> None:
    try:
        condition = parse(text)
    except ConfigError:
        return
    assert condition.holds(REPORT) in (True, False, None)


def test_every_known_name_can_be_asked_for() -> None:
    for name in known_names():
        value = value_of(REPORT, name)
        assert value is None or isinstance(value, str) or math.isfinite(value)
    assert {"ssim.gain", "key.high_index", "puzzle.direct", "matching.gain.low"} <= known_names()
    assert value_of(REPORT, "key.index") == 0.75
    assert value_of(REPORT, "ssim.ciphertext") == 0.02
