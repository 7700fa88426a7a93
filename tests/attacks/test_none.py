"""No attack: the ciphertexts are measured as they are, and no verdict is made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage import metrics
from torch import Tensor

from ppattack.attack import Context
from ppattack.errors import NotApplicable
from ppattack.metrics.psnr import psnr
from ppattack.plugins import registry
from ppattack.reports.found import read_image_scores
from ppattack.reports.run import Report
from ppattack.request import RunRequest
from ppattack.runs.run import Finished, run
from ppattack.scenario import simulate
from ppattack.sweeps.matrix import read_matrix, requests
from ppattack.target import Target
from tests.conftest import smooth_sets

pytestmark = pytest.mark.long

METRICS: Any = metrics
CONTEXT = Context(torch.device("cpu"), seed=0)
LIKE_PLAIN = ("plain", "le", "ele", "pe", "etc", "one-time-pad")
REASON = "no attack was run: the ciphertexts themselves were compared with the plain images."


def measured(out: Path, target: str, **changes: Any) -> Finished[Report]:
    """A small run."""
    asked = RunRequest("none", target, victims=12, adversary=0, size=32, out=out, save_images=0)
    return run(replace(asked, **changes))


def returned(target: Target, size: int = 32) -> tuple[Tensor, Tensor, Tensor]:
    """What comes back, the ciphertexts and the plain images."""
    sets = smooth_sets(victims=8, adversary=0, size=size)
    attack = registry.attack("none")()
    scenario = simulate(attack, target, sets, target.card.key_scopes[0], seed=0)
    images = attack(scenario.observation, CONTEXT).images
    assert images is not None
    assert scenario.truth.images is not None
    return images, scenario.observation.ciphertexts, scenario.truth.images


@pytest.mark.parametrize("target", LIKE_PLAIN)
def test_no_scheme_gets_a_verdict_and_no_control_is_run(tmp_path: Path, target: str) -> None:
    report = measured(tmp_path, target).report
    assert report.verdict == "INCONCLUSIVE"
    assert report.reason.startswith(REASON)
    assert report.controls.positive is None
    assert report.controls.negative is None
    assert report.threat.words.startswith("ciphertext-only")
    assert report.scores.ssim is not None
    assert report.scores.ssim.reconstruction == report.scores.ssim.ciphertext


@pytest.mark.process
def test_it_is_the_same_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = measured(tmp_path / "outside", "pe", isolate=True)
    outside = done.report
    inside = measured(tmp_path / "inside", "pe", entropy_from=done.folder).report
    assert outside.verdict == "INCONCLUSIVE"
    assert outside.reason == inside.reason
    assert outside.scores == inside.scores


def test_what_is_not_hidden_scores_as_the_image_itself(tmp_path: Path) -> None:
    scores = measured(tmp_path, "plain").report.scores
    assert scores.ssim is not None
    assert scores.ssim.reconstruction.min == 1.0
    if scores.lpips is not None:
        assert scores.lpips.reconstruction.max == 0.0


@pytest.mark.parametrize("name", ["le", "ele", "pe", "etc"])
def test_scores_are_those_of_the_ciphertext_and_the_plain_image(tmp_path: Path, name: str) -> None:
    """Against scikit-image, from the pictures that the run folder holds."""
    from ppattack.data.image_files import read_image

    folder = measured(tmp_path, name).folder
    scores = read_image_scores(folder)
    assert scores is not None
    samples = list((folder / "samples").glob("*-ciphertext.png"))
    assert len(samples) == 8
    for path in samples:
        index = int(path.name.split("-")[1])
        both = [
            read_image(path.with_name(path.name.replace("ciphertext", role))).movedim(0, 2).numpy()
            for role in ("plain", "ciphertext")
        ]
        ours = scores.columns["ssim.reconstruction"][index]
        assert ours == pytest.approx(METRICS.structural_similarity(*both, channel_axis=2), abs=1e-5)
        error = np.mean((both[0].astype(float) - both[1]) ** 2)
        assert scores.columns["psnr.reconstruction"][index] == pytest.approx(
            10 * np.log10(255**2 / error), abs=1e-3
        )


def test_the_same_ciphertexts_come_back_every_time() -> None:
    for name in LIKE_PLAIN:
        first, ciphertexts, _ = returned(registry.target(name)())
        assert torch.equal(first, ciphertexts)
        assert torch.equal(first, returned(registry.target(name)())[0])


def test_padding_is_cut_off() -> None:
    images, ciphertexts, plain = returned(registry.target("etc")(block_size=16), size=40)
    assert ciphertexts.shape[2:] == (48, 48)
    assert torch.equal(images, ciphertexts[..., :40, :40])
    assert images.shape == plain.shape


def test_grey_panels_become_colours_again() -> None:
    """The three components of ``etc-gray`` are read back without a key, and hide the image."""
    target = registry.target("etc-gray")()
    images, ciphertexts, plain = returned(target)
    assert ciphertexts.shape[1] == 1
    assert images.shape == plain.shape
    restored = target.representation().restore(target.representation().prepare(plain), (3, 32, 32))
    assert float(psnr(restored, plain).mean()) > 30
    assert float(psnr(images, plain).mean()) < 15


def test_codes_of_a_network_cannot_be_compared_with_images(tmp_path: Path) -> None:
    with pytest.raises(NotApplicable, match="its ciphertexts are tokens, and there is no image"):
        measured(tmp_path, "neuracrypt")


def test_it_is_registered_but_it_is_none_of_all_attacks() -> None:
    assert "none" in registry.names("attack")
    assert sorted([*registry.attacks(), "none"]) == registry.names("attack")
    for source in ("quick", "standard", "paper"):
        cells = requests(read_matrix(source, {"targets": ("pe",)}), RunRequest("", ""))
        assert {cell.attack for cell in cells} == set(registry.attacks())
    asked = requests(read_matrix(None, {"attacks": ("none",), "targets": ("pe",)}),
                     RunRequest("", ""))  # fmt: skip
    assert [cell.attack for cell in asked] == ["none"]
