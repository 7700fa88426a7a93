from __future__ import annotations

import dataclasses
import importlib
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

import ppattack.request
import ppattack_cli.commands
from ppattack.config import Doc, Interval, as_dict
from ppattack.errors import ConfigError, RunFailed
from ppattack.options import Flag
from ppattack.reports.command import command
from ppattack.request import RunRequest, check
from ppattack.runs import run as experiment
from ppattack_cli.option_table import from_table
from tests.support.program import in_process

PLAIN = RunRequest("fr", "pe")
REQUESTS = {
    "defaults": PLAIN,
    "numbers": replace(PLAIN, size=64, victims=9, adversary=0, seed=7, save_images=None),
    "texts": replace(PLAIN, data="folder:a b", key_scope="image", jpeg="85:420", preset="smoke"),
    "settings": replace(
        PLAIN,
        attack_settings={"bright": True, "pairs": 3},
        target_settings={"block_size": "4", "seed": None},
    ),
    "files": replace(PLAIN, data=None, ciphertexts=Path("c d"), truth=Path("t"), save_images=None),
    "public": replace(PLAIN, data="photos", ciphertexts=Path("c"), save_images=None),
    "no images": replace(PLAIN, save_images=0),
    "some images": replace(PLAIN, save_images=7),
    "isolated": replace(PLAIN, isolate=True, entropy_from=Path("r r/report.json"), threads=2),
    "limits": replace(PLAIN, isolate=True, time_limit=0.5, memory_limit=8.0),
    "lpips": replace(PLAIN, lpips_net="vgg", lpips_weights=Path("w"), download=True, device="cpu"),
}


def _as_text(settings: Any) -> dict[str, Any]:
    return {name: v if v is None else str(v).lower() for name, v in settings.items()}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_program_reads_the_command_as_the_same_request(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[RunRequest] = []

    def stop(request: RunRequest, *others: object) -> None:
        seen.append(request)
        raise RunFailed("enough")

    monkeypatch.setattr(experiment, "run", stop)
    asked = REQUESTS[name]
    line = command(json.loads(json.dumps(as_dict(asked), default=str)))
    words = shlex.split(line)
    assert words[:2] == ["ppattack", "run"]
    in_process(shlex.join(words[1:]), tmp_path)
    (request,) = seen
    for field in ("attack_settings", "target_settings"):
        assert _as_text(getattr(request, field)) == _as_text(getattr(asked, field))
    same: dict[str, Any] = {"attack_settings": {}, "target_settings": {}}
    assert replace(request, **same) == replace(asked, **same)


def test_what_is_the_default_is_left_out() -> None:
    assert command(as_dict(PLAIN)) == "ppattack run --attack fr --target pe"
    assert command({"attack": "a", "target": "b;rm"}) == ("ppattack run --attack a --target 'b;rm'")


def test_one_field_is_an_option_a_check_and_a_part_of_the_command() -> None:
    kind = Annotated[int, Interval(ge=3), Flag("--rounds"), Doc("How often to try.")]
    wider: Any = dataclasses.make_dataclass(
        "Wider", [("rounds", kind, 5)], bases=(RunRequest,), frozen=True
    )
    seen: list[Any] = []
    app = typer.Typer()

    @app.command()
    @from_table(wider, after={})
    def run(request: RunRequest) -> None:
        seen.append(request)

    program = CliRunner()
    shown = program.invoke(app, ["--help"]).output
    assert "--rounds" in shown
    assert "How often to try." in shown
    asked = ["--attack", "fr", "--target", "pe", "--rounds"]
    for value in ("7", "2"):
        assert program.invoke(app, [*asked, value]).exit_code == 0
    valid, invalid = seen
    check(valid)
    with pytest.raises(ConfigError, match="--rounds 2 is not valid: it must be at least 3"):
        check(invalid)
    assert command(as_dict(valid), wider) == "ppattack run --attack fr --target pe --rounds 7"


@pytest.mark.parametrize(
    ("name", "words"),
    [("run", []), ("bench", []), ("audit", []), ("reproduce", ["isotropic-robustness"])],
)
def test_one_field_is_an_option_of_every_command_that_runs_attacks(
    name: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = Annotated[Literal["up", "down"], Flag("--way"), Doc("Which way to go.")]
    wider: Any = dataclasses.make_dataclass(
        "Wider", [("way", kind, "up")], bases=(RunRequest,), frozen=True
    )
    module = f"ppattack_cli.commands.{name}"
    before = importlib.import_module(module)
    with monkeypatch.context() as patch:
        patch.setattr(ppattack.request, "RunRequest", wider)
        patch.delitem(sys.modules, module)
        again = importlib.import_module(module)
    monkeypatch.setattr(ppattack_cli.commands, name, before)
    app = getattr(again, "app", None)
    if app is None:
        app = typer.Typer()
        app.command()(getattr(again, name))
    program = CliRunner()
    shown = program.invoke(app, [*words, "--help"]).output
    assert "--way" in shown
    assert "Which way to go." in shown
    asked = {"run": ["--attack", "fr", "--target", "pe"], "audit": ["--target", "pe"]}
    refused = program.invoke(app, [*words, *asked.get(name, []), "--way", "left"])
    assert str(refused.exception) == "--way 'left' is not valid: use up or down."


def test_an_audit_has_settings_of_its_target_only(tmp_path: Path) -> None:
    code, _, errors = in_process("audit --target pe --set attack.epochs=5", tmp_path)
    assert code == 2
    assert "there is no part 'attack'; the parts are: target" in errors
