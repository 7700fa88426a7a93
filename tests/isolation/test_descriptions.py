"""What an isolated attack says of itself is checked, and loads nothing here."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

import ppattack
from ppattack.errors import PluginError
from ppattack.plugins import registry
from ppattack.plugins.names import check_names
from ppattack.request import RunRequest

pytestmark = pytest.mark.process

MISLEADING = Path(__file__).parents[1] / "support" / "plugins" / "misleading.py"
BAD = (
    *("../../x", "/abs", "a/b", "a\\b", "new\nline", "nul\0x", "x" * 65, "CON", "com1.png", "a."),
    *(".hidden", "", " ", "ä", "-x", "..", "[red]"),
)


def request(out: Path, attack: str, **changes: object) -> RunRequest:
    """An isolated run of a second."""
    base = RunRequest(f"{MISLEADING}:{attack}", "pe", victims=12, adversary=12, size=16, out=out)
    return replace(base, save_images=0, isolate=True, **changes)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.mark.parametrize("name", BAD)
def test_names_that_are_no_folder_names_are_refused(name: str) -> None:
    with pytest.raises(PluginError) as refused:
        check_names("attack", "mine.py:Mine", name)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("name", ["fr", "one-time-pad", "a.b_c+d", "x" * 64, "console"])
def test_other_names_are_taken(name: str) -> None:
    check_names("attack", "mine.py:Mine", name)


def test_names_of_settings_are_checked() -> None:
    with pytest.raises(PluginError, match="setting 'a b'"):
        check_names("attack", "mine.py:Mine", "mine", ["good", "a b"])


@pytest.mark.parametrize("isolate", [True, False])
@pytest.mark.parametrize("name", ["../../x", "new\nline"])
def test_a_misnamed_attack_writes_nothing(tmp_path: Path, name: str, isolate: bool) -> None:
    Path("card-name").write_text(name, "utf-8")
    with pytest.raises(PluginError, match="the name on its card"):
        ppattack.run(replace(request(tmp_path / "a/b/c", "Misnamed"), isolate=isolate))
    assert not (tmp_path / "a").exists()


def test_a_name_that_arrives_by_message_is_checked_here_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ppattack.isolation.parent import Child

    opened = Child.open

    def lie(self: Child) -> dict[str, object]:
        facts = opened(self)
        return {**facts, "card": {**facts["card"], "name": "../../x"}}

    monkeypatch.setattr(Child, "open", lie)
    with pytest.raises(PluginError, match="the name on its card"):
        ppattack.run(request(tmp_path / "out", "Misnamed"))


def test_a_control_that_is_a_file_is_not_loaded_here(tmp_path: Path) -> None:
    report = ppattack.run(request(tmp_path / "out", "OwnPositive")).report
    assert report.verdict == "INCONCLUSIVE"
    assert report.controls.positive is None
    assert "no positive control" in report.reason
    assert "loads no code for an isolated attack" in report.reason
    with pytest.raises(PluginError, match="loads no code for an isolated attack"):
        ppattack.run(request(tmp_path / "out", "OwnNegative"))
    loaded = (tmp_path / "loaded-misleading").read_text().split()
    assert loaded
    assert str(os.getpid()) not in loaded


def test_the_target_that_the_user_named_may_be_a_control(tmp_path: Path) -> None:
    report = ppattack.run(request(tmp_path / "out", "OwnPositive", target=f"{MISLEADING}:Own"))
    assert report.report.controls.positive is not None


def test_a_description_of_another_form_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="its ThreatModel is not valid, pairs"):
        ppattack.run(request(tmp_path / "out", "Untyped"))


@pytest.mark.parametrize("kind", ["target", "dataset"])
def test_targets_and_image_sources_are_named_likewise(tmp_path: Path, kind: str) -> None:
    base = {"target": "targets.pe:PE", "dataset": "ppattack.data.digits:Digits"}[kind]
    module, _, name = base.partition(":")
    file = tmp_path / "named.py"
    file.write_text(
        f"from dataclasses import replace\nfrom {module} import {name}\n"
        f"class Mine({name}):\n    card = replace({name}.card, name='../../x')\n"
    )
    load = registry.target if kind == "target" else registry.dataset
    with pytest.raises(PluginError, match=r"the name on its card, '../../x'"):
        load(f"{file}:Mine")
