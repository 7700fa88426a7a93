"""What is said of reconstructions whose truth nobody knows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ppattack.evaluation.by_sight import same_values, seen
from tests.support.folders_of_ciphertexts import encrypted, pads, photographs, write_folder
from tests.support.program import in_process

PLAIN = photographs(64)[:6]


def _of(array: object) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


@pytest.mark.parametrize("target", ["pe", "le", "ele", "etc", "vit-blocks"])
def test_photographs_from_the_values_of_ciphertexts_are_seen(target: str) -> None:
    made = encrypted(target, images=PLAIN)
    words = seen(_of(PLAIN), _of(made))
    assert words.startswith("6 of 6 reconstructions that were looked at are photographs")
    turned = np.rot90(255 - PLAIN, axes=(2, 3))
    assert seen(_of(turned), _of(made)) == words


def test_what_an_attack_made_up_is_not() -> None:
    made = encrypted("etc", images=PLAIN)
    others = _of(photographs(64)[6:12])
    assert not seen(others, _of(made))  # photographs, but of other values
    assert not seen(_of(made), _of(made))  # values of the ciphertexts, but no photographs
    assert not seen(_of(PLAIN), _of(PLAIN))  # nothing was hidden
    assert not seen(_of(PLAIN), torch.zeros(6, 4, 7))  # codes
    assert not seen(_of(PLAIN[:, :, :1, :1]), _of(255 - PLAIN[:, :, :1, :1]))
    step = np.array([[0, 9, 18]] * 3, np.uint8)
    assert not seen(_of(step[None, None]), _of(step[None, None][..., [0, 2, 1]]))  # too small


def test_one_value_that_is_not_the_ciphertexts_is_enough() -> None:
    one = pads(1)[0]
    other = one.copy()
    assert same_values(one, 255 - other[:, ::-1])
    other[0, 0, 0] ^= 1
    assert not same_values(one, other)


def test_the_right_truth_is_not_doubted() -> None:
    made = encrypted("le", images=PLAIN)
    wrong_order = np.roll(PLAIN, 8, axis=3)
    assert seen(_of(wrong_order), _of(made), _of(np.roll(PLAIN, 1, axis=0)))
    assert not seen(_of(wrong_order), _of(made), _of(PLAIN))


@pytest.mark.parametrize(("target", "told"), [("etc", True), ("one-time-pad", False)])
def test_the_reason_of_a_run_says_so(target: str, told: bool, tmp_path: Path) -> None:
    block = "--set target.block_size=32" if target == "etc" else ""
    code, _, _ = in_process(
        f"encrypt --target {target} {block} --data photos --size 128 -n 4 --out files", tmp_path
    )
    assert code == 0
    code, out, _ = in_process(
        "run --attack jigsaw --target etc --set target.block_size=32 --ciphertexts files --out o "
        "--json",
        tmp_path,
    )
    assert code == 0
    assert ("of 4 reconstructions that were looked at are photographs" in out) is told
    assert '"verdict": "INCONCLUSIVE"' in out


def test_the_wrong_truth_is_no_resistance(tmp_path: Path) -> None:
    plain = photographs(64)[:12]
    write_folder(tmp_path / "files", encrypted("pe", images=plain))
    write_folder(tmp_path / "others", np.roll(plain, 5, axis=0))
    how = "run --attack fr --target pe --ciphertexts files --truth others --preset smoke -q --json"
    code, out, errors = in_process(how, tmp_path)
    assert code == 0, errors
    report = json.loads(out)
    assert report["verdict"] == "INCONCLUSIVE"
    assert report["reason"].endswith("The images of --truth hold other values: are they theirs?")
