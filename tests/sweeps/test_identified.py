"""Audits of files whose scheme nobody named, or named wrongly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppattack.errors import ConfigError
from ppattack.evaluation.verdict import Judgement
from ppattack.request import RunRequest
from ppattack.runs.contradiction import contradiction, held_against_files
from ppattack.sweeps.identified import hypotheses
from tests.support.folders_of_ciphertexts import (
    encrypted,
    pads,
    photographs,
    shuffled,
    write_folder,
)
from tests.support.program import in_process


def _request(folder: Path, **named: Any) -> RunRequest:
    return RunRequest(attack="", ciphertexts=folder, **named)


def test_one_hypothesis_where_the_files_are_clear(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", encrypted("etc", block_size=4))
    ((request, words),) = hypotheses(_request(tmp_path / "files"))
    assert request.target == "etc"
    assert request.target_settings == {"block_size": "4"}
    assert request.key_scope == "dataset"
    assert words.startswith("assumed --target etc --set target.block_size=4 --key-scope dataset")


@pytest.mark.parametrize(
    ("scheme", "settings"),
    [
        ("pe", {}),
        ("ele", {"block_size": "4"}),
        ("vit-blocks", {"block_size": "4"}),
        ("neuracrypt", {"variant": "small"}),
    ],
)
def test_the_assumed_request_is_the_one_that_made_the_files(
    scheme: str, settings: dict[str, str], tmp_path: Path
) -> None:
    images = photographs()[:, :1].copy() if scheme == "neuracrypt" else None
    kind = "npy" if scheme == "neuracrypt" else "png"
    named: dict[str, Any] = {"variant": "small"} if scheme == "neuracrypt" else {}
    if scheme == "vit-blocks":
        named = {"block_size": 4}
    write_folder(tmp_path / "files", encrypted(scheme, images=images, **named), kind)
    ((request, _),) = hypotheses(_request(tmp_path / "files"))
    assert (request.target, request.target_settings) == (scheme, settings)
    assert request.key_scope == "dataset"


def test_codes_of_a_network_are_audited_as_if_named(tmp_path: Path) -> None:
    codes = encrypted("neuracrypt", images=photographs()[:4, :1].copy(), variant="small")
    write_folder(tmp_path / "files", codes, "npy")
    how = "audit --ciphertexts files --preset smoke -q --json"
    code, out, errors = in_process(how, tmp_path)
    assert code == 0, errors
    named = "--target neuracrypt --set target.variant=small --key-scope dataset"
    code, right, errors = in_process(f"{how} {named}", tmp_path)
    assert (code, errors) == (0, "")
    assert json.loads(out) == json.loads(right)


def test_both_key_scopes_where_few_files_leave_it_open(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", encrypted("etc", "image", block_size=4)[:4])
    tried = hypotheses(_request(tmp_path / "files"))
    assert [request.key_scope for request, _ in tried] == ["dataset", "image"]
    assert "hypothesis 2 of 2" in tried[1][1]


def test_what_the_user_says_is_kept(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", encrypted("etc", block_size=4))
    base = _request(tmp_path / "files", key_scope="image", target_settings={"variant": "paper"})
    ((request, _),) = hypotheses(base)
    assert request.key_scope == "image"
    assert request.target_settings == {"block_size": "4", "variant": "paper"}


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"target": "etc", "target_settings": {"block_size": "4"}}, None),
        ({"target": "etc", "target_settings": {"block_size": "8"}}, "block_size=4, not 8"),
        ({"target": "etc"}, "block_size=4, not 16"),
        ({"target": "le"}, "do not look like 'le'"),
        ({"target": "ele"}, "try --target etc --set target.block_size=4"),
        (
            {"target": "etc", "target_settings": {"block_size": "4"}, "key_scope": "image"},
            "--key-scope dataset, not image",
        ),
        ({"target": "elsewhere.py:Cipher"}, None),
    ],
)
def test_a_wrong_target_is_named_in_one_line(
    named: dict[str, Any], words: str | None, tmp_path: Path
) -> None:
    write_folder(tmp_path / "files", encrypted("etc", block_size=4))
    said = contradiction(_request(tmp_path / "files", **named))
    if words is None:
        assert said is None
    else:
        assert said is not None
        assert words in said
        assert "\n" not in said


def test_photographs_contradict_every_target(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", photographs())
    for target in ("etc", "elsewhere.py:Cipher"):
        said = contradiction(_request(tmp_path / "files", target=target))
        assert said is not None
        assert "photographs that are not encrypted" in said


def test_a_cipher_of_its_own_may_look_like_noise(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", pads())
    assert contradiction(_request(tmp_path / "files", target="elsewhere.py:Cipher")) is None
    assert contradiction(_request(tmp_path / "files", target="etc")) is not None


@pytest.mark.parametrize(("made", "other"), [("shf", "np"), ("np", "shf"), ("shf-np", "np")])
def test_every_kind_of_a_scheme_is_compared(made: str, other: str, tmp_path: Path) -> None:
    write_folder(tmp_path / "files", encrypted("block-defence", transformation=made))
    for said in (made, other):
        settings = {"transformation": said}
        request = _request(tmp_path / "files", target="block-defence", target_settings=settings)
        assert (contradiction(request) is None) == (said == made)


def test_nothing_is_resisted_by_a_target_that_did_not_make_the_files(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", encrypted("etc", block_size=4))
    right = {"target": "etc", "target_settings": {"block_size": "4"}}
    resisted = Judgement("RESISTED", "the control passed.", "nothing", {})
    broken = Judgement("BROKEN", "the images came back.", "images", {})
    assert held_against_files(_request(tmp_path / "files", **right), resisted) == resisted
    wrong = _request(tmp_path / "files", target="pe")
    judged = held_against_files(wrong, resisted)
    assert judged.verdict == "INCONCLUSIVE"
    assert "passed, but the files do not look like 'pe': etc" in judged.reason
    judged = held_against_files(wrong, broken)
    assert (judged.verdict, judged.leak) == ("BROKEN", "images")
    assert "But the files do not look like 'pe'" in judged.reason


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_run_says_so_too(kind: str, tmp_path: Path) -> None:
    made = encrypted("etc", block_size=4)
    write_folder(tmp_path / "folder", made)
    np.save(tmp_path / "all.npy", made)
    files = "folder" if kind == "folder" else "all.npy"
    how = f"run --attack fr --target pe --ciphertexts {files} --preset smoke -q --json"
    code, out, errors = in_process(how, tmp_path)
    assert code == 0, errors
    assert "But the files do not look like 'pe': etc" in json.loads(out)["reason"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--jpeg 75", "--jpeg compresses images that are encrypted here"),
        ("--candidates nothing", "holds no image files"),
        ("--candidates one", "there is one candidate"),
        ("--candidates small", "resize the candidates"),
    ],
)
def test_what_is_wrong_is_said_before_any_attack(options: str, words: str, tmp_path: Path) -> None:
    write_folder(tmp_path / "files", encrypted("pe"))
    (tmp_path / "nothing").mkdir()
    write_folder(tmp_path / "one", photographs()[:1])
    write_folder(tmp_path / "small", photographs()[:, :, ::2, ::2])
    how = f"audit --ciphertexts files --preset smoke -q {options}"
    code, _, errors = in_process(how, tmp_path)
    assert code == 2
    assert words in errors.splitlines()[-1]
    assert not (tmp_path / "runs").exists()


def test_files_that_fit_nothing_are_not_called_safe(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", shuffled("byte"))
    with pytest.raises(ConfigError, match="says nothing of how strong it is"):
        hypotheses(_request(tmp_path / "files"))


@pytest.mark.slow
def test_the_audit_reaches_the_verdict_of_the_right_target(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", encrypted("etc", block_size=4))
    write_folder(tmp_path / "plain", photographs())
    how = "audit --ciphertexts files --truth plain --preset smoke -q --json"
    code, out, errors = in_process(f"{how} --out a", tmp_path)
    assert code == 0, errors
    assert "assumed --target etc --set target.block_size=4 --key-scope dataset" in errors
    named = "--target etc --set target.block_size=4 --key-scope dataset"
    code, right, errors = in_process(f"{how} {named} --out b", tmp_path)
    assert (code, errors) == (0, "")
    for part in ("target", "verdict", "leak", "key_scope"):
        assert json.loads(out)[part] == json.loads(right)[part]
