from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ppattack.errors import ConfigError
from ppattack.evaluation.statistics import summarise, wilson95
from ppattack.plugins import registry
from ppattack.reports.audit import Audit
from ppattack.reports.found import ImageScores, SavedRun, read_image_scores
from ppattack.reports.run import Report, read_report
from ppattack.reports.scores import MatchingScores, Scores
from ppattack.reports.sweep import Cell, Outcome, Sweep, read_sweep
from ppattack.request import RunRequest
from ppattack.runs.store import Finished
from ppattack.sweeps.audit import run_audit
from ppattack.sweeps.executors import InThisProcess
from ppattack.sweeps.levels import cheapest_first
from ppattack.sweeps.merged_audit import merge, worst_report
from ppattack.sweeps.sweep import run_sweep
from ppattack.sweeps.worst_case import worst_case
from tests.support.folders_of_ciphertexts import pads, photographs, write_folder
from tests.support.program import in_process
from tests.support.sweeps import SWEEPING, Watch

pytestmark = pytest.mark.long


def base(out: Path, **changes: object) -> RunRequest:
    """A little audit."""
    made = RunRequest("", "pe", victims=12, adversary=24, size=16, preset="smoke", out=out)
    return replace(made, save_images=4, **changes)  # type: ignore[arg-type]


def audited(asked: RunRequest, *attacks: str) -> Finished[Audit]:
    """An audit with these attacks alone."""
    requests = [replace(asked, attack=attack) for attack in attacks]
    sweep, _ = run_sweep(requests, InThisProcess(), Watch())
    return merge(sweep, asked)


def mine(name: str) -> str:
    """An attack of the tests."""
    return f"{SWEEPING}:{name}"


def test_one_attack_that_breaks_it_is_enough(tmp_path: Path) -> None:
    done = audited(base(tmp_path), mine("Grey"), "chosen-plaintext", "fr", "jigsaw", mine("Broken"))
    assert done.report.verdict == "BROKEN"
    # The one that needs least comes first.
    assert done.report.reason.startswith(
        "2 of 3 attacks broke it, by least need: "
        "fr (images; ciphertext-only; one key for all images); "
        "chosen-plaintext (the key; 6 chosen plaintexts"
    )
    states = [one.state for one in done.report.attacks]
    assert states == ["done", "done", "done", "not applicable", "failed"]
    assert json.loads((done.folder / "audit.json").read_text())["verdict"] == "BROKEN"
    report = read_report(done.folder)
    assert report.attack.name == "audit"
    assert report.verdict == "BROKEN"
    assert report.threat.chosen == 6


def test_the_strongest_result_of_every_image_is_kept(tmp_path: Path) -> None:
    done = audited(base(tmp_path), mine("Grey"), "fr")
    columns = []
    for one in done.report.attacks:
        assert one.run is not None
        scores = read_image_scores(tmp_path / one.run)
        assert scores is not None
        columns.append(scores.columns["ssim.reconstruction"])
    expected = np.max(columns, axis=0)
    kept = read_image_scores(done.folder)
    assert kept is not None
    np.testing.assert_allclose(kept.columns["ssim.reconstruction"], expected)
    worst = worst_report(done.folder)
    assert worst is not None
    assert worst.scores.ssim is not None
    assert worst.scores.ssim.reconstruction.mean == pytest.approx(expected.mean())
    wins = [one.strongest_on for one in done.report.attacks]
    assert wins == [int((np.argmax(columns, axis=0) == k).sum()) for k in (0, 1)]
    assert sum(wins) == 12
    first = int(np.argmax(columns, axis=0)[0])
    run = done.report.attacks[first].run
    assert run is not None
    ours, theirs = (
        (folder / "reconstructions" / "00000.png").read_bytes()
        for folder in (done.folder, tmp_path / run)
    )
    assert ours == theirs


def test_resisting_every_attack_that_applies_is_resisting(tmp_path: Path) -> None:
    done = audited(base(tmp_path, target="one-time-pad", victims=32), "fr", "jigsaw")
    assert done.report.attacks[0].verdict == "RESISTED"
    assert done.report.verdict == "RESISTED"
    assert done.report.reason == "all 1 attacks that apply, whose controls passed: fr."


def test_what_was_not_tried_was_not_resisted(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", pads(24))
    write_folder(tmp_path / "plain", photographs()[:24])
    files = {"ciphertexts": tmp_path / "files", "truth": tmp_path / "plain", "data": None}
    asked = base(tmp_path, target="one-time-pad", size=None, **files)
    done = audited(asked, "fr", "itn", "jigsaw", "principal-components")
    assert [one.verdict for one in done.report.attacks] == ["RESISTED", None, None, None]
    assert done.report.verdict == "INCONCLUSIVE"
    assert done.report.reason.endswith("and were not tried: itn.")


@pytest.mark.parametrize("spoiler", ["Broken", "Grey"])
def test_an_attack_that_failed_or_proves_nothing_leaves_it_open(
    tmp_path: Path, spoiler: str
) -> None:
    asked = base(tmp_path, target="one-time-pad", victims=32)
    done = audited(asked, "fr", mine(spoiler))
    assert done.report.verdict == "INCONCLUSIVE"
    assert f"no attack broke it, but {mine(spoiler)}: " in done.report.reason


def test_without_any_attack_nothing_is_known(tmp_path: Path) -> None:
    done = audited(base(tmp_path), "jigsaw")
    assert done.report.verdict == "NOTHING APPLIED"
    assert done.report.reason.startswith("no installed attack can be tried on it; that is no proof")
    assert worst_report(done.folder) is None
    assert not (done.folder / "report.json").exists()


def test_runs_over_other_images_are_not_mixed(tmp_path: Path) -> None:
    """A run whose images are not those of the rest takes no part in the worst case."""

    def saved(name: str, value: float, cipher: float) -> SavedRun:
        folder = tmp_path / name
        folder.mkdir()
        rows = "".join(f"{i:05d},{value},{cipher}\n" for i in range(12))
        (folder / "scores.csv").write_text("image,ssim.reconstruction,ssim.ciphertext\n" + rows)
        return SavedRun(folder, report)

    made = worst_report(audited(base(tmp_path / "runs"), mine("Grey")).folder)
    assert isinstance(made, Report)
    report = made
    runs = [saved("a", 0.1, 0.0), saved("b", 0.3, 0.0), saved("other", 0.9, 0.5)]
    found = worst_case(runs, 0)
    assert isinstance(read_image_scores(tmp_path / "a"), ImageScores)
    assert {run.folder.name for run in found.kept} == {"b"}
    assert found.scores.ssim is not None
    assert found.scores.ssim.reconstruction.mean == pytest.approx(0.3)


def _matching(folder: Path, report: Report, right: str, images: str = "") -> SavedRun:
    """A saved run that names the images of the ciphertexts marked with 1."""
    folder.mkdir()
    share, chance = right.count("1") / len(right), 1 / len(right)
    values = summarise(
        {
            "reconstruction": np.array([float(each) for each in right]),
            "baseline": np.full(len(right), chance),
            "gain": np.array([float(each) - chance for each in right]),
        },
        0,
    )
    scores = MatchingScores(better="higher", baseline_name="chance", ciphertext=None, **values)
    assert scores.reconstruction.mean == pytest.approx(share)
    heading = "image,matching.reconstruction,matching.baseline,matching.gain"
    rows = [f"{k:05d},{each},{chance:.6g},{int(each) - chance:.6g}" for k, each in enumerate(right)]
    if images:
        heading += ",ssim.reconstruction"
        rows = [f"{row},0.{each}" for row, each in zip(rows, images, strict=True)]
    (folder / "scores.csv").write_text("\n".join([heading, *rows, ""]))
    return SavedRun(folder, report.model_copy(update={"scores": Scores(matching=scores)}))


def test_a_ciphertext_counts_as_matched_where_any_attack_named_its_image(tmp_path: Path) -> None:
    report = worst_report(audited(base(tmp_path / "runs"), mine("Grey")).folder)
    assert report is not None
    runs = [
        _matching(tmp_path / "few", report, "110000000000"),
        _matching(tmp_path / "more", report, "011100000000"),
        _matching(tmp_path / "other", report, "11111"),
    ]
    found = worst_case(runs, 0)
    assert found.scores.matching is not None
    assert found.scores.matching.reconstruction.mean == pytest.approx(4 / 12)
    assert found.scores.matching.gain is not None
    assert found.scores.matching.gain.mean == pytest.approx(4 / 12 - 1 / 12)
    assert found.scores.matching.wilson95 == wilson95(4, 12)
    assert found.columns["matching.reconstruction"].tolist() == [1.0] * 4 + [0.0] * 8
    assert len(found.names) == 12
    # The run that named most is kept where both or neither did.
    assert [run.folder.name for run in found.kept] == ["few"] + ["more"] * 11
    assert found.strongest.folder.name == "more"
    assert found.worst is None


def test_matchings_stand_beside_the_images_that_are_kept(tmp_path: Path) -> None:
    report = worst_report(audited(base(tmp_path / "runs"), mine("Grey")).folder)
    assert report is not None
    runs = [
        _matching(tmp_path / "a", report, "1000", images="1911"),
        _matching(tmp_path / "b", report, "0010", images="2222"),
    ]
    found = worst_case(runs, 0)
    assert [run.folder.name for run in found.kept] == ["b", "a", "b", "b"]
    assert found.columns["ssim.reconstruction"].tolist() == [0.2, 0.9, 0.2, 0.2]
    assert found.columns["matching.reconstruction"].tolist() == [1, 0, 1, 0]
    assert found.scores.matching is not None
    assert found.scores.matching.reconstruction.mean == 0.5
    assert found.worst is not None
    assert found.worst.index == 1


def test_a_target_that_is_wrong_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="blocksize"):
        run_audit(
            base(tmp_path / "runs", target_settings={"blocksize": 3}), InThisProcess(), Watch()
        )
    assert not (tmp_path / "runs").exists()


def test_an_unfinished_cell_is_no_result() -> None:
    """The record tells a cell that ended from one that is queued."""
    cell = Cell(attack="fr", target="pe", key_scope=None, seed=0, isolated=False, command="")
    assert Sweep(id="", cells=(cell,)).counts()["queued"] == 1
    ended = cell.model_copy(update={"outcome": Outcome(state="failed", reason="no")})
    assert Sweep(id="", cells=(ended,)).counts()["failed"] == 1


def test_the_command_gives_one_verdict(tmp_path: Path) -> None:
    arguments = "audit --target pe --preset smoke -n 12 --adversary 24 --size 16 -q"
    code, out, errors = in_process(arguments, tmp_path)
    assert code == 0, errors
    first = out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert any(line.startswith("BROKEN: the key. ") for line in lines)
    assert any(line.startswith("the key shown ") for line in lines)
    assert any(line.startswith("class follows ") for line in lines)
    assert "worst case over attacks: SSIM 1.000" in out
    assert "whole blocks" in out
    (record,) = (tmp_path / "runs").glob("bench-*.json")
    cells = read_sweep(record).cells
    assert [c.attack for c in cells if c.key_scope == "dataset"] == cheapest_first(
        registry.attacks()
    )
    second = {c.attack for c in cells if c.key_scope == "image"}
    assert "candidate-matching" in second
    assert not second & {"known-plaintext", "chosen-plaintext"}
    assert "pe, one key for all images" in out
    assert "pe, one key per image" in out
    again, out, _ = in_process(arguments + " --json", tmp_path)
    assert again == 0
    document = json.loads(out)
    assert document["verdict"] == "BROKEN"
    assert [one["attack"] for one in document["attacks"]] == cheapest_first(registry.attacks())
    assert document["probe"]["kind"] == "permutation"
    assert document["key_scope"] == "dataset"
    other = document["per_image"]
    assert other["key_scope"] == "image"
    assert other["probe"]["key_scope"] == "image"
    assert (
        json.loads((tmp_path / "runs" / document["per_image_folder"] / "audit.json").read_text())[
            "attacks"
        ]
        == (other["attacks"])
    )
    (named,) = [one for one in other["attacks"] if one["attack"] == "candidate-matching"]
    assert named["verdict"] == "BROKEN"
    report = read_report(tmp_path / "runs" / document["per_image_folder"])
    assert report.threat.key_scope == "image"
    assert report.threat.words.endswith("; one key per image")
    assert "probes: an exclusive-or mask; bytes stay in their places" in first


def test_a_failed_attack_is_no_success_but_the_verdict_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(_: object, *, undescribed: bool) -> list[str]:
        assert not undescribed
        return [mine("Broken"), "fr"]

    monkeypatch.setattr("ppattack.sweeps.audit.cheapest_first", some)
    arguments = "audit --target pe --preset smoke -n 12 --adversary 24 --size 16 -q --no-isolate"
    arguments += " --key-scope dataset"
    code, out, errors = in_process(arguments, tmp_path)
    assert code == 3
    assert "BROKEN" in out
    (audit,) = (tmp_path / "runs").glob("audit-*/audit.json")
    assert json.loads(audit.read_text())["verdict"] == "BROKEN"
    assert errors.startswith("ppattack: 1 of 2 attacks failed (")
    assert errors.count("\n") == 1


def test_ciphertexts_of_somebody_else(tmp_path: Path) -> None:
    made = "encrypt --target pe -n 12 --size 16 --out coded --plain-out plain -q"
    code, _, errors = in_process(made, tmp_path)
    assert code == 0, errors
    arguments = "audit --target pe --ciphertexts coded --truth plain --preset smoke -q"
    code, out, errors = in_process(arguments, tmp_path)
    assert code == 0, errors
    assert "BROKEN" in out
