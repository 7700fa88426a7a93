"""JPEG on the way from the key holder: what is compressed, and that everybody sees the same."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

import ppattack
from ppattack.attack import Context
from ppattack.attacks.itn import InverseTransformationNetwork
from ppattack.data.image_files import read_folder
from ppattack.data.source import ImageSets
from ppattack.errors import ConfigError
from ppattack.jpeg import Jpeg
from ppattack.metrics.psnr import psnr
from ppattack.plugins import registry
from ppattack.runs.file_encryption import encrypt_files
from ppattack.scenario import simulate
from ppattack.target import Target
from ppattack.threat import ThreatModel
from targets.etc import EtC
from targets.etc_gray import EtcGray
from targets.le import LE
from targets.pe import PE
from tests.conftest import smooth_images, smooth_sets
from tests.support.probe import Probe
from tests.support.run_requests import request


@given(st.integers(1, 100), st.sampled_from(["444", "420"]))
def test_text_round_trip(quality: int, subsampling: str) -> None:
    jpeg = Jpeg.read(f"{quality}:{subsampling}")
    assert (jpeg.quality, jpeg.subsampling) == (quality, subsampling)
    assert Jpeg.read(str(jpeg)) == jpeg
    assert Jpeg.read(str(quality)) == Jpeg(quality, "444")


@pytest.mark.parametrize(
    "text", ["", "0", "101", "85:", ":420", "85:422", "-5", "8.5", "abc", "85:420:1", "٨٥"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="use a quality of 1 to 100"):
        Jpeg.read(text)


@pytest.mark.parametrize(("subsampling", "name"), [("444", "4:4:4"), ("420", "4:2:0")])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_what_pillow_makes(subsampling: str, name: str, channels: int) -> None:
    images = smooth_images(2, size=24, channels=channels)[..., :20]
    received = Jpeg.read(f"80:{subsampling}").transport(images)
    for image, found in zip(images, received, strict=True):
        pixels = image[0] if channels == 1 else image.permute(1, 2, 0)
        data = io.BytesIO()
        Image.fromarray(pixels.numpy()).save(data, "JPEG", quality=80, subsampling=name)
        expected = np.asarray(Image.open(data))
        assert np.array_equal(found[0] if channels == 1 else found.permute(1, 2, 0), expected)


def test_better_quality_and_whole_colours_keep_more() -> None:
    images = smooth_images(4, size=32)
    before = images.clone()

    def kept(text: str) -> float:
        return float(psnr(Jpeg.read(text).transport(images), images).mean())

    assert kept("30") < kept("60") < kept("95")
    assert kept("90:420") < kept("90:444")
    assert torch.equal(images, before)
    assert len(Jpeg(80).transport(images[:0])) == 0


def _sets() -> ImageSets:
    return smooth_sets(12, 12, 32)


@pytest.mark.parametrize("target", [PE(), EtcGray()], ids=repr)
def test_every_ciphertext_is_compressed_and_no_plain_image(target: Target) -> None:
    attack, jpeg = Probe(ThreatModel(pairs=2, chosen=1, public="unpaired")), Jpeg(75, "420")
    exact = simulate(attack, target, _sets(), "dataset", seed=4).observation
    scenario = simulate(attack, target, _sets(), "dataset", seed=4, jpeg=jpeg)
    seen = scenario.observation
    assert (exact.jpeg, seen.jpeg) == (None, jpeg)
    for ours, theirs in (
        (seen.ciphertexts, exact.ciphertexts),
        (seen.known_pairs[1], exact.known_pairs[1]),
        (seen.chosen_pairs[1], exact.chosen_pairs[1]),
    ):
        assert torch.equal(ours, jpeg.transport(theirs))
    assert not torch.equal(seen.ciphertexts, exact.ciphertexts)
    assert torch.equal(seen.known_pairs[0], exact.known_pairs[0])
    assert torch.equal(seen.chosen_pairs[0], exact.chosen_pairs[0])
    assert torch.equal(seen.public_images, exact.public_images)
    assert scenario.truth.images is not None
    assert torch.equal(scenario.truth.images, _sets().victims[:10])


def _received(target: Target, jpeg: Jpeg) -> float:
    """PSNR of what the key holder decrypts."""
    scenario = simulate(Probe(ThreatModel()), target, _sets(), "dataset", seed=0, jpeg=jpeg)
    assert scenario.truth.key is not None
    assert scenario.truth.images is not None
    plain = target.decrypt(scenario.observation.ciphertexts, scenario.truth.key)
    return float(psnr(plain, scenario.truth.images).mean())


def test_schemes_made_for_jpeg_survive_it_and_others_do_not() -> None:
    jpeg = Jpeg(90, "444")
    survive = [_received(EtC(block_size=16), jpeg), _received(EtcGray(), jpeg)]
    assert min(survive) > 30
    assert _received(LE(), jpeg) < 15


def test_an_adversary_with_keys_of_its_own_compresses_too() -> None:
    attack, target, jpeg = InverseTransformationNetwork(), PE(), Jpeg(50)
    seen = simulate(attack, target, _sets(), "image", seed=0, jpeg=jpeg).observation
    context = Context(torch.device("cpu"), seed=3)
    _, ciphertexts = attack._pairs(seen, context)
    own: Tensor = seen.scheme.encrypt_with_fresh_keys(
        seen.public_images, context.numpy_stream("own keys")
    )
    assert torch.equal(ciphertexts, jpeg.transport(own))


def test_the_report_says_so_and_it_is_another_experiment(tmp_path: Path) -> None:
    runs = [ppattack.run(request(tmp_path, jpeg=jpeg)) for jpeg in (None, "80", "80:420")]
    assert len({done.report.id for done in runs}) == 3
    assert [done.report.threat.jpeg for done in runs] == [None, "80:444", "80:420"]
    assert runs[2].report.threat.words.endswith("ciphertexts through JPEG 80:420")
    same = ppattack.run(request(tmp_path, jpeg="80:444"))
    assert same.reused
    assert runs[0].report.scores.ssim != runs[1].report.scores.ssim


def test_files_are_what_a_run_sees(tmp_path: Path) -> None:
    target, jpeg = registry.target("etc-gray")(), Jpeg(80)
    names = tuple(f"{i}.png" for i in range(3))
    encrypt_files(
        target,
        _sets().victims[:3],
        names,
        out=tmp_path,
        plain_out=None,
        key_file=None,
        scope="dataset",
        seed=1,
        jpeg=jpeg,
    )
    found = read_folder(tmp_path)
    assert found.names == ("0.jpg", "1.jpg", "2.jpg")
    sets = ImageSets("three", _sets().victims[:3], _sets().adversary)
    scenario = simulate(Probe(ThreatModel()), target, sets, "dataset", seed=1, jpeg=jpeg)
    assert torch.equal(found.images, scenario.observation.ciphertexts)


@pytest.mark.parametrize("text", ["75:444", "85:420", "100:420", "10:444"])
def test_files_say_how_they_were_compressed(text: str, tmp_path: Path) -> None:
    jpeg = Jpeg.read(text)
    paths = [tmp_path / f"{i}.jpg" for i in range(3)]
    for path, image in zip(paths, smooth_images(3, 16), strict=True):
        path.write_bytes(jpeg.encode(image))
    assert Jpeg.of_files(paths) == jpeg
    other = tmp_path / "other.jpg"
    other.write_bytes(Jpeg(60, "444" if jpeg.halves_colours else "420").encode(image))
    assert Jpeg.of_files([*paths, other]) is None
    lower = tmp_path / "lower.jpg"
    lower.write_bytes(Jpeg(5, jpeg.subsampling).encode(image))
    assert Jpeg.of_files([*paths, lower]) == Jpeg(5, jpeg.subsampling)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "exact.png")
    assert Jpeg.of_files([*paths, tmp_path / "exact.png"]) is None


def test_grey_files_have_no_colours_to_halve(tmp_path: Path) -> None:
    (tmp_path / "grey.jpg").write_bytes(Jpeg(85, "420").encode(smooth_images(1, 16)[0][:1]))
    assert Jpeg.of_files([tmp_path / "grey.jpg"]) == Jpeg(85)


def test_a_folder_of_jpeg_files_is_attacked_as_such(tmp_path: Path) -> None:
    made = tmp_path / "made"
    encrypt_files(
        EtC(block_size=8),
        smooth_images(12, 32),
        tuple(f"{i}.png" for i in range(12)),
        out=made,
        plain_out=None,
        key_file=None,
        scope=None,
        seed=0,
        jpeg=Jpeg(90, "420"),
    )
    asked = request(
        tmp_path / "runs",
        attack="jigsaw",
        target="etc",
        target_settings={"block_size": 8},
        data=None,
        size=None,
        ciphertexts=made,
        save_images=None,
    )
    assert ppattack.run(asked).report.threat.jpeg == "90:420"
