"""The published robustness evaluation: its cells, its statistics, its table and picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.cbook import boxplot_stats
from PIL import Image

from ppattack.errors import ConfigError
from ppattack.plugins import registry
from ppattack.render.robustness import markdown
from ppattack.reports.robustness import (
    ATTACKS,
    BOXES,
    EXAMPLE,
    PROTOCOLS,
    TARGETS,
    Protocol,
    RobustnessTable,
    Row,
)
from ppattack.request import RunRequest
from ppattack.sweeps import published_robustness
from ppattack.sweeps.published_robustness import VARIANTS, Variant, box, requests
from tests.support.program import in_process

BASE = RunRequest(attack="", target="", preset="smoke", victims=12, adversary=24)


def test_every_published_figure_has_its_run() -> None:
    cells = requests(BASE, ("published",), gan_epochs=3)
    assert {(variant.name, request.target) for _, variant, request in cells} == set(BOXES)
    for _, _, request in cells:
        assert request.target_settings["variant"] == "ito"
        assert request.target_settings["legacy_seed"] == 0
        assert request.overlap == (request.attack == "gan")
        assert request.attack_settings.get("epochs") == (3 if request.attack == "gan" else None)


def test_the_corrected_protocol_keeps_nobodys_images_on_both_sides() -> None:
    for _, _, request in requests(BASE, ("corrected",), gan_epochs=None):
        assert not request.overlap
        assert "variant" not in request.target_settings
        assert "legacy_seed" not in request.target_settings
        assert request.attack_settings.get("variant") not in {"paper", "published-evaluation"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_cell_is_a_valid_configuration(protocol: Protocol) -> None:
    for _, _, request in requests(BASE, (protocol,), gan_epochs=2):
        registry.attack(request.attack)(preset=request.preset, **request.attack_settings)
        target = registry.target(request.target)(**request.target_settings)
        assert target.card.name in TARGETS


def test_figures_are_those_of_the_plot() -> None:
    for found in BOXES.values():
        assert found.q1 <= found.median <= found.q3 <= found.whisker <= found.highest <= 1
    assert {name for name in EXAMPLE if name != "encrypted"} == set(ATTACKS)
    assert all(set(row) == set(TARGETS) for row in EXAMPLE.values())
    assert BOXES["gan", "ele"] == BOXES["gan", "etc"]


def test_boxes_are_those_of_matplotlib() -> None:
    values = np.random.default_rng(0).gamma(2.0, 0.1, 500)
    found, expected = box(values), boxplot_stats(values)[0]
    for ours, theirs in (("q1", "q1"), ("median", "med"), ("q3", "q3"), ("whisker", "whishi")):
        assert found[ours] == pytest.approx(expected[theirs])
    assert found["highest"] == values.max()


@pytest.fixture
def only_fr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        published_robustness,
        "VARIANTS",
        {"published": VARIANTS["published"][:1], "corrected": (Variant("fr", "fr"),)},
    )


@pytest.mark.long
@pytest.mark.usefixtures("only_fr")
def test_the_command_prints_and_writes_the_table(tmp_path: Path) -> None:
    arguments = "reproduce isotropic-robustness --preset smoke -n 12 --adversary 24 --size 16"
    code, out, errors = in_process(f"{arguments} --out runs", tmp_path)
    assert (code, "Traceback" in errors) == (0, False)
    assert "0.3098" in out
    text = (tmp_path / "runs" / "isotropic-robustness.json").read_text()
    table = json.loads(text)
    assert [(row["protocol"], row["target"]) for row in table["rows"]] == [
        (protocol, target) for protocol in PROTOCOLS for target in TARGETS
    ]
    pe = next(row for row in table["rows"] if row["target"] == "pe")
    assert pe["verdict"] == "BROKEN"
    assert pe["published"]["median"] == 0.3098
    assert pe["published_example"] == 0.303
    assert 0 < pe["absolute"]["q1"] < pe["absolute"]["median"] < pe["absolute"]["q3"] <= 1
    assert "target.legacy_seed=0" in pe["command"]
    written = (tmp_path / "runs" / "isotropic-robustness.md").read_text()
    assert f"| {pe['absolute']['median']:.4f} |" in written
    assert "const128" in written
    with Image.open(tmp_path / "runs" / "isotropic-robustness.png") as picture:
        assert picture.width > picture.height > 300
    again, repeated, _ = in_process(f"{arguments} --out runs --json -q", tmp_path)
    assert again == 0
    assert json.loads(repeated) == table


@pytest.mark.usefixtures("only_fr")
def test_a_row_without_a_result_stands_in_the_table(tmp_path: Path) -> None:
    row = Row(
        protocol="corrected",
        attack="fr",
        target="pe",
        absolute=None,
        mean=None,
        gain=None,
        verdict="failed",
        collapsed=False,
        example=None,
        published=None,
        published_example=None,
        run=None,
        command="ppattack run",
    )
    text = markdown(RobustnessTable("photos", 3, {"const128": 0.1}, (row,)))
    assert "| corrected | fr | `pe` |" in text
    assert "failed" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--protocol publishd", "--protocol publishd is not known"),
        ("--preset smok", "no preset 'smok'"),
        ("--data folder:nowhere", "nowhere"),
        ("-n 0", "-n 0"),
    ],
)
def test_bad_options_are_one_line(arguments: str, words: str, tmp_path: Path) -> None:
    code, out, errors = in_process(f"reproduce isotropic-robustness {arguments}", tmp_path)
    assert (code, out) == (2, "")
    assert words in errors
    assert len(errors.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_no_protocol_is_refused(tmp_path: Path) -> None:
    from ppattack.sweeps.executors import InThisProcess
    from ppattack_cli.watch import Nobody

    with pytest.raises(ConfigError, match="no protocol"):
        published_robustness.reproduce(BASE, (), None, InThisProcess(), Nobody())
    assert list(tmp_path.iterdir()) == []
