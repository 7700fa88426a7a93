from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ppattack
from ppattack.errors import ConfigError, ReportError
from ppattack.isolation.parent import Child
from ppattack.reports.command import command
from ppattack.request import RunRequest
from ppattack.runs import entropy
from ppattack.runs.run import Finished

pytestmark = pytest.mark.process

PLUGINS = Path(__file__).parents[1] / "support" / "plugins"
GUESSING = f"{PLUGINS / 'guessing.py'}:Guessing"


def request(out: Path, attack: str = GUESSING, **changes: object) -> RunRequest:
    """An isolated run of a second."""
    base = RunRequest(attack, "pe", victims=12, adversary=12, size=16, out=out, isolate=True)
    return replace(base, save_images=0, **changes)  # type: ignore[arg-type]


def mean(done: Finished[Any]) -> float:
    """The mean SSIM of the reconstructions."""
    return float(done.report.scores.ssim.reconstruction.mean)


def test_an_isolated_attack_cannot_draw_the_victims_key_from_a_guessed_seed(tmp_path: Path) -> None:
    alone = request(tmp_path)
    assert mean(ppattack.run(replace(alone, isolate=False))) == 1.0  # a small seed is no secret
    assert mean(ppattack.run(alone)) < 0.5


def test_every_isolated_run_has_bits_of_its_own_and_one_id(tmp_path: Path) -> None:
    first, again = ppattack.run(request(tmp_path)), ppattack.run(request(tmp_path))
    assert again.reused
    assert again.report == first.report
    other = ppattack.run(request(tmp_path, force=True))
    assert other.report.id == first.report.id
    drawn = [each.report.provenance["entropy"] for each in (first, other)]
    assert [len(each) for each in drawn] == [64, 64]
    assert drawn[0] != drawn[1]
    keys = [each.report.provenance["key_fingerprint"] for each in (first, other)]
    assert keys[0] != keys[1]


def test_a_run_is_repeated_from_its_report_isolated_or_not(tmp_path: Path) -> None:
    first = ppattack.run(request(tmp_path, "fr", attack_settings={"mode": "advanced"}))
    asked = first.report.provenance["request"]
    assert asked["entropy_from"] == str(first.folder / "report.json")
    assert f"--entropy-from {first.folder / 'report.json'}" in command(asked)
    for isolate in (True, False):
        same = request(tmp_path / f"{isolate}", "fr", attack_settings={"mode": "advanced"})
        repeated = ppattack.run(replace(same, isolate=isolate, entropy_from=first.folder))
        assert not repeated.reused
        skip = {"timing", "provenance", "id"}
        assert repeated.report.model_dump(exclude=skip) == first.report.model_dump(exclude=skip)


def test_an_interrupted_run_goes_on_under_the_same_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("parent").write_text(str(os.getpid()))
    asked = request(tmp_path / "out", f"{PLUGINS / 'guessing.py'}:HalfWay", victims=9)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored here
    try:
        with pytest.raises(KeyboardInterrupt):
            ppattack.run(asked)
    finally:
        signal.signal(signal.SIGINT, before)
    (partial,) = (tmp_path / "out").glob("*.partial")
    kept = partial / entropy.FILE
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    bits = kept.read_bytes()
    done = ppattack.run(asked)
    assert done.report.attack.notes == {"seen": ["half-way"]}  # not the bits
    assert done.report.provenance["entropy"] == bits.hex()
    assert not partial.exists()


def test_the_bits_are_in_no_message_nor_name_that_the_attack_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    ask = Child.ask

    def listen(self: Child, facts: Mapping[str, Any], *parts: Any) -> Any:
        sent.append(json.dumps(facts, default=str))
        return ask(self, facts, *parts)

    monkeypatch.setattr(Child, "ask", listen)
    report = ppattack.run(request(tmp_path)).report
    assert len(sent) > 2
    assert not any(report.provenance["entropy"] in each for each in sent)
    assert not any(f'/{entropy.FILE}"' in each for each in sent)


def test_controls_under_other_keys_than_the_seed_gives_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PPATTACK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = tmp_path / "cache" / "ppattack" / "controls"
    ppattack.run(request(tmp_path, "fr", isolate=True, target="one-time-pad"))
    assert not place.exists()
    ppattack.run(request(tmp_path, "fr", isolate=False, target="one-time-pad"))
    assert len(list(place.iterdir())) == 1


def test_a_report_that_holds_no_bits_is_refused(tmp_path: Path) -> None:
    plain = ppattack.run(request(tmp_path, isolate=False))
    with pytest.raises(ConfigError, match="holds no entropy"):
        ppattack.run(request(tmp_path, entropy_from=plain.folder))
    with pytest.raises(ReportError):
        ppattack.run(request(tmp_path, entropy_from=tmp_path / "none.json"))


def test_without_isolation_a_seed_gives_what_it_gave(tmp_path: Path) -> None:
    report = ppattack.run(request(tmp_path, "fr", isolate=False)).report
    assert "entropy" not in report.provenance
    assert report.provenance["request"]["entropy_from"] is None


def test_checkpoints_whose_bits_are_lost_are_not_gone_on_from(tmp_path: Path) -> None:
    partial = tmp_path / "run.partial"
    partial.mkdir()
    for kept in (b"", b"short"):
        (partial / entropy.FILE).write_bytes(kept)
        found = entropy.secret_of(request(tmp_path), tmp_path / "run", None)
        assert isinstance(found, bytes)
        assert len(found) == entropy.BYTES
        assert not partial.exists()
        with (
            pytest.raises(KeyboardInterrupt),
            entropy.kept_if_interrupted(partial, found),
        ):
            assert not (partial / entropy.FILE).exists()
            raise KeyboardInterrupt
        assert entropy.secret_of(request(tmp_path), tmp_path / "run", None) == found
