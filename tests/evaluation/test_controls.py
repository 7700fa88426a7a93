"""Controls: what counts as having broken the target that an attack must break."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ppattack.attack import Context, ControlTarget, Recovery
from ppattack.data.source import ImageSets
from ppattack.evaluation.controls import CONTROL_VICTIMS, ControlBench
from ppattack.metrics.images import ImageScorer
from ppattack.reports.run import ControlResult
from ppattack.target.base import PublicScheme
from ppattack.threat import Observation, ThreatModel
from targets.keyless import Keyless
from tests.support.natural import natural_sets
from tests.support.probe import Probe

CONTEXT = Context(torch.device("cpu"), seed=0)
SCORER = ImageScorer(torch.device("cpu"), "not needed here")


class Recoloured(Probe):
    """Puts the colours of the keyless control back, and perhaps undoes the complement."""

    def __init__(self, *, complements: bool, up_to_state: bool) -> None:
        super().__init__(ThreatModel())
        self._complements, self._up_to_state = complements, up_to_state

    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """The transformation that it undoes."""
        del scheme
        return ControlTarget("keyless")

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Undo the rotation of the colours."""
        del context
        images = observation.ciphertexts.roll(-1, dims=1)
        images = 255 - images if self._complements else images
        return Recovery(images=images, up_to_state=self._up_to_state)


@pytest.mark.parametrize(
    ("complements", "up_to_state", "passes"),
    # The ciphertexts are negatives themselves: showing one is no work of an attack.
    [(True, False, True), (True, True, True), (False, True, False), (False, False, False)],
)
def test_an_attack_works_if_it_shows_more_than_the_ciphertexts_in_some_state(
    tmp_path: Path, complements: bool, up_to_state: bool, passes: bool
) -> None:
    attack = Recoloured(complements=complements, up_to_state=up_to_state)
    sets = natural_sets(16, 32, size=16)
    bench = ControlBench(attack, sets, SCORER, CONTEXT, 0, tmp_path, "1")
    result = bench.positive(Keyless().public())
    assert result is not None
    assert result.passed == passes
    assert "complemented" not in result.words
    again = bench.positive(Keyless().public())
    assert again == result


def counting(
    sets: ImageSets, cache: Path | None, seed: int = 0
) -> tuple[ControlResult | None, int]:
    """A positive control's result, and how often the attack ran for it."""
    runs = []

    class Counted(Recoloured):
        def run(self, observation: Observation, context: Context) -> Recovery:
            """Note that it runs."""
            runs.append(1)
            return super().run(observation, context)

    attack = Counted(complements=True, up_to_state=False)
    bench = ControlBench(attack, sets, SCORER, CONTEXT, seed, cache, "1")
    return bench.positive(Keyless().public()), len(runs)


def test_a_result_is_kept_by_what_decides_it(tmp_path: Path) -> None:
    sets = natural_sets(16, 32, size=16)
    first, runs = counting(sets, tmp_path)
    assert runs == 1
    assert counting(sets, tmp_path) == (first, 0)
    assert counting(sets, tmp_path, seed=1)[1] == 1
    assert counting(natural_sets(15, 32, size=16), tmp_path)[1] == 1
    assert counting(sets, None)[1] == 1
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"passed": true}', b"[1, 2]"])
def test_a_damaged_result_is_made_again(tmp_path: Path, content: bytes) -> None:
    sets = natural_sets(16, 32, size=16)
    first, _ = counting(sets, tmp_path)
    (place,) = tmp_path.iterdir()
    place.write_bytes(content)
    assert counting(sets, tmp_path) == (first, 1)
    assert counting(sets, tmp_path) == (first, 0)


def test_a_cache_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    found, runs = counting(natural_sets(16, 32, size=16), tmp_path / "file")
    assert found is not None
    assert (found.passed, runs) == (True, 1)


def test_a_negative_control_is_held_against_the_gain_alone(tmp_path: Path) -> None:
    attack = Recoloured(complements=False, up_to_state=True)
    bench = ControlBench(attack, natural_sets(16, 32, size=16), SCORER, CONTEXT, 0, tmp_path, "1")
    result = bench.negative()
    assert result is not None
    assert result.passed
    assert "complemented" not in result.words


class NeedsMany(Recoloured):
    """Works from many ciphertexts only, and at its control budget not at all."""

    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """The transformation that it undoes."""
        return ControlTarget("keyless", same_count=True)

    def for_control(self, scheme: PublicScheme) -> Recoloured:
        """As it is."""
        return self

    def at_control_budget(self) -> Recoloured:
        """Useless."""
        return Recoloured(complements=False, up_to_state=False)


def test_a_control_takes_as_many_ciphertexts_as_the_run_if_their_number_decides(
    tmp_path: Path,
) -> None:
    sets = natural_sets(CONTROL_VICTIMS + 6, 32, size=16)
    results = {}
    for kind in (Recoloured, NeedsMany):
        attack = kind(complements=True, up_to_state=False)
        bench = ControlBench(attack, sets, SCORER, CONTEXT, 0, tmp_path, kind.__name__)
        found = bench.positive(Keyless().public())
        assert found is not None
        assert found.passed
        results[kind.__name__] = found.victims
    assert results == {"Recoloured": CONTROL_VICTIMS, "NeedsMany": CONTROL_VICTIMS + 6}
