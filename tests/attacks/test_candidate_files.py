"""Candidate matching of files: folders of ciphertexts, of candidates and of other ciphertexts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ppattack.data.image_files import write_png
from ppattack.errors import ConfigError, DataError, NotGranted, ReportError
from ppattack.plugins import registry
from ppattack.render.html import report_html
from ppattack.reports.command import command
from ppattack.reports.found import SavedRun
from ppattack.reports.matches import read_matches
from ppattack.request import RunRequest
from ppattack.runs.run import run
from ppattack.seeding import numpy_stream
from ppattack_cli.tables import print_report
from tests.support.natural import natural_sets
from tests.support.run_requests import request

NO_VIEWS = {"views": False}


def folders(place: Path, present: int) -> tuple[Path, Path]:
    """Ciphertexts of 20 images, and candidates of which some are among them."""
    sets = natural_sets(120, 0, size=32)
    target = registry.target("etc")(block_size=8)
    keys = target.generate_keys((numpy_stream(9, i) for i in range(20)), (3, 32, 32))
    for i, image in enumerate(target.encrypt(sets.victims[:20], keys)):
        write_png(place / "secret" / f"{i:03d}.png", image)
    for i, image in enumerate(sets.victims[20 - present :]):
        write_png(place / "known" / f"photo-{i + 20 - present:03d}.png", image)
    return place / "secret", place / "known"


def matching(place: Path, **more: Any) -> RunRequest:
    """Candidate matching of files, under a key for each."""
    given: dict[str, Any] = {"target": "etc", "target_settings": {"block_size": 8}}
    given |= {"data": None, "key_scope": "image", **more}
    return request(place, attack="candidate-matching", **given)


def test_a_folder_of_ciphertexts_is_matched_with_a_folder_of_photographs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, known = folders(tmp_path, present=10)
    asked = matching(tmp_path, ciphertexts=secret, candidates=known, attack_settings=NO_VIEWS)
    finished = run(asked)
    rows = (finished.folder / "matching.csv").read_text().splitlines()
    assert rows[0] == "ciphertext,candidate,p_value,exact"
    named = [row.split(",") for row in rows[1:]]
    assert [name for name, *_ in named] == [f"{i:03d}.png" for i in range(20)]
    there = named[10:]
    assert [found for _, found, *_ in there] == [f"photo-{i:03d}.png" for i in range(10, 20)]
    present = [float(p) for _, _, p, _ in there]
    absent = [float(p) for _, _, p, _ in named[:10]]
    assert max(present) <= min(absent)
    assert [exact for *_, exact in named] == ["no"] * 10 + ["yes"] * 10
    members = [row.split(",") for row in (finished.folder / "membership.csv").read_text().split()]
    assert members[0] == ["candidate", "p_value", "exact", "ciphertext"]
    listed = {name: ciphertext for name, _, exact, ciphertext in members[1:] if exact == "yes"}
    assert listed == {f"photo-{i:03d}.png": f"{i:03d}.png" for i in range(10, 20)}
    assert len(members) == 111
    found = json.loads((finished.folder / "matching.json").read_text())
    assert found[12]["candidates"][0] == "photo-012.png"
    assert len(found[12]["candidates"]) == 10
    print_report(finished.report, finished.folder)
    said = capsys.readouterr().out
    first = said[said.index("exact copy") :].splitlines()[2].split()
    assert first[:2] == ["010.png", "photo-010.png"], "the surest come first"
    assert "of 110 candidates, in the encrypted set: 10 as exact copies" in said
    assert "of 20 ciphertexts 10 are of exact copies" in finished.report.reason


def test_candidates_of_an_array_are_printed_by_their_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, _ = folders(tmp_path, present=1)
    np.save(tmp_path / "known.npy", natural_sets(120, 0, size=32).victims[5:35].numpy())
    finished = run(matching(tmp_path, ciphertexts=secret, candidates=tmp_path / "known.npy"))
    print_report(finished.report, finished.folder)
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "010.png" in line)
    assert row.split()[:2] == ["010.png", "00000005"]


def test_candidates_of_another_size_are_refused(tmp_path: Path) -> None:
    secret, known = folders(tmp_path, present=10)
    for file in known.iterdir():
        file.unlink()
    write_png(known / "one.png", torch.zeros(3, 40, 40, dtype=torch.uint8))
    asked = matching(tmp_path, ciphertexts=secret, candidates=known)
    with pytest.raises(DataError, match=r"candidates have the shape \(3, 40, 40\)"):
        run(asked)


def test_grey_photographs_are_candidates_of_colour_images(tmp_path: Path) -> None:
    """Some of them, or all: a file of a grey picture often has one channel."""
    secret, known = folders(tmp_path, present=10)
    files = sorted(known.iterdir())
    asked = matching(tmp_path, ciphertexts=secret, candidates=known, attack_settings=NO_VIEWS)
    grey = torch.randint(256, (1, 32, 32), generator=torch.Generator().manual_seed(0))
    write_png(files[0], grey.byte())
    named = (run(asked).folder / "matching.csv").read_text().split()
    assert [row.endswith("yes") for row in named[1:]] == [False] * 11 + [True] * 9
    for file in files[1:30]:
        write_png(file, grey.byte().roll(int(file.stem[-3:]), dims=2))
    for file in files[30:]:
        file.unlink()
    named = (run(asked).folder / "matching.csv").read_text().split()
    assert len(named) == 21
    assert not any(row.endswith("yes") for row in named)


def test_an_image_that_is_there_twice_is_in_the_set_twice(tmp_path: Path) -> None:
    secret, known = folders(tmp_path, present=10)
    (known / "again.png").write_bytes((known / "photo-012.png").read_bytes())
    asked = matching(tmp_path, ciphertexts=secret, candidates=known, attack_settings=NO_VIEWS)
    rows = (run(asked).folder / "membership.csv").read_text().split()
    members = {name: rest for name, *rest in (row.split(",") for row in rows)}
    assert members["again.png"] == members["photo-012.png"]
    assert members["again.png"][1:] == ["yes", "012.png"]


def test_files_say_that_candidates_are_too_few_to_learn_from(tmp_path: Path) -> None:
    secret, known = folders(tmp_path, present=10)
    for file in sorted(known.iterdir())[20:]:
        file.unlink()
    asked = matching(tmp_path, ciphertexts=secret, candidates=known)
    reason = run(asked).report.reason
    assert reason.startswith("nothing could be scored")
    assert reason.endswith("20 candidates are too few to learn from: give 40 or more.")


def test_colour_candidates_of_grey_images_are_refused(tmp_path: Path) -> None:
    for name, channels in (("secret", 1), ("known", 3)):
        for i in range(3):
            image = torch.full((channels, 16, 16), i, dtype=torch.uint8)
            write_png(tmp_path / name / f"{i}.png", image)
    where = {"ciphertexts": tmp_path / "secret", "candidates": tmp_path / "known"}
    asked = matching(tmp_path, target="pe", target_settings={}, **where)
    with pytest.raises(DataError, match="in colour, the encrypted images grey"):
        run(asked)


def test_files_without_candidates_are_refused(tmp_path: Path) -> None:
    secret, _ = folders(tmp_path, present=1)
    with pytest.raises(NotGranted, match="name their folder with --candidates"):
        run(matching(tmp_path, ciphertexts=secret))


def test_candidates_without_ciphertexts_are_refused(tmp_path: Path) -> None:
    asked = request(tmp_path, attack="candidate-matching", target="pe", candidates=tmp_path)
    with pytest.raises(ConfigError, match="--candidates belongs to --ciphertexts"):
        run(asked)


def test_ciphertexts_are_no_candidates_for_themselves(tmp_path: Path) -> None:
    """Each would be an exact copy of itself."""
    secret, known = folders(tmp_path, present=1)
    with pytest.raises(ConfigError, match="--candidates and --ciphertexts are one folder"):
        run(matching(tmp_path, ciphertexts=secret, candidates=known / ".." / "secret"))


def test_two_folders_of_ciphertexts_are_linked(tmp_path: Path) -> None:
    secret, _ = folders(tmp_path, present=1)
    images = natural_sets(120, 0, size=32).victims
    target = registry.target("etc")(block_size=8)
    keys = target.generate_keys((numpy_stream(10, i) for i in range(40)), (3, 32, 32))
    for i, image in enumerate(target.encrypt(images[10:50], keys), 10):
        write_png(tmp_path / "other" / f"x{i}.png", image)
    asked = matching(tmp_path, ciphertexts=secret, link=tmp_path / "other")
    finished = run(asked)
    rows = (finished.folder / "matching.csv").read_text().splitlines()[1:]
    named = [row.split(",") for row in rows]
    assert [exact for *_, exact in named] == ["no"] * 10 + ["yes"] * 10
    assert [found for _, found, *_ in named[10:]] == [f"x{i}.png" for i in range(10, 20)]
    (tmp_path / "other" / "x10.png").unlink()
    again = run(asked)
    assert again.folder != finished.folder, "other files are another run"
    assert "x10.png" not in (again.folder / "matching.csv").read_text()
    assert " --link " in command(finished.report.provenance["request"])
    assert "attack.link" not in command(finished.report.provenance["request"])


def test_a_set_is_not_linked_with_itself_or_with_plain_images(tmp_path: Path) -> None:
    secret, known = folders(tmp_path, present=1)
    with pytest.raises(ConfigError, match="--link and --ciphertexts are one folder"):
        run(matching(tmp_path, ciphertexts=secret, link=secret))
    with pytest.raises(ConfigError, match="--link and --candidates are two questions"):
        run(matching(tmp_path, ciphertexts=secret, link=known, candidates=known))
    with pytest.raises(ConfigError, match="--link belongs to --ciphertexts"):
        run(matching(tmp_path, link=known))
    with pytest.raises(NotGranted, match="name the folder of those with --link"):
        run(matching(tmp_path, ciphertexts=secret, attack_settings={"link": True}))


def test_the_page_shows_the_query_its_candidates_and_the_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"views": False, "absent": 0.25}
    asked = request(
        tmp_path, attack="candidate-matching", target="pe", victims=16, attack_settings=settings
    )
    finished = run(asked)
    (shown, *_) = read_matches(finished.folder)
    assert shown.right == 0
    names = {path.name for path in (finished.folder / "matches").iterdir()}
    assert {"0-query.png", "0-1.png", "0-5.png", "0-truth.png"} <= names
    print_report(finished.report, finished.folder)
    scores = finished.report.scores.matching
    assert scores is not None
    named = f"named: {scores.reconstruction.mean:.1%} ["
    assert named in capsys.readouterr().out
    page = report_html([SavedRun(finished.folder, finished.report)])
    assert page.count('<figure class="right">') == sum(
        one.right is not None for one in read_matches(finished.folder)
    )
    assert "not among the candidates" in page
    assert "Matches, from the surest to the least sure" in page
    (finished.folder / "matches" / "matches.json").write_text("{")
    with pytest.raises(ReportError, match="is damaged"):
        report_html([SavedRun(finished.folder, finished.report)])
