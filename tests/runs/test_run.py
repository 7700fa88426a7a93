from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import ppattack
from ppattack.classification.request import ClassifyRequest
from ppattack.compression.request import CompressionRequest
from ppattack.data.image_files import read_folder, write_png
from ppattack.errors import ConfigError, DataError, ImageError, PluginError
from ppattack.request import RunRequest
from ppattack.runs import run
from ppattack.runs.run import Finished
from tests.support.run_requests import request

pytestmark = pytest.mark.long

PLUGINS = Path(__file__).parents[1] / "support" / "plugins"


def _names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_a_run_folder_is_complete(tmp_path: Path) -> None:
    done = ppattack.run(request(tmp_path))
    assert done.folder.name == f"fr-pe-{done.report.id}"
    assert len(done.report.id) == 12
    files = _names(done.folder)
    samples = [name for name in files if name.startswith("samples/")]
    assert [name for name in files if name not in samples] == [
        *(f"reconstructions/0000{i}.png" for i in range(3)),
        "report.json",
        "samples.png",
        "scores.csv",
    ]
    assert len(samples) == 8 * 3 + 1
    assert samples[-1] == "samples/sheet.png"
    rows = (done.folder / "scores.csv").read_text().splitlines()[1:]
    values = [float(row.split(",")[1]) for row in rows]
    roles = sorted(name.rpartition("-")[2] for name in samples if name.startswith("samples/7-"))
    assert roles == ["ciphertext.png", "plain.png", "reconstruction.png"]
    assert f"samples/0-{values.index(min(values)):05d}-plain.png" in samples
    assert f"samples/7-{values.index(max(values)):05d}-plain.png" in samples
    assert len((done.folder / "scores.csv").read_text().splitlines()) == 13
    visible = [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert visible == [done.folder.name]


def test_folders_may_be_given_as_text(tmp_path: Path) -> None:
    assert RunRequest("fr", "pe", out=str(tmp_path)).out == tmp_path  # type: ignore[arg-type]
    assert ClassifyRequest(target="pe", out=str(tmp_path)).out == tmp_path  # type: ignore[arg-type]
    assert CompressionRequest(("pe",), out=str(tmp_path)).out == tmp_path  # type: ignore[arg-type]


def test_feature_reconstruction_breaks_pe_and_not_a_one_time_pad(tmp_path: Path) -> None:
    broken = ppattack.run(request(tmp_path, victims=48)).report
    assert broken.verdict == "BROKEN"
    assert broken.controls.negative is not None
    assert broken.controls.negative.passed
    pad = ppattack.run(request(tmp_path, target="one-time-pad", victims=48)).report
    assert pad.verdict == "RESISTED"
    assert pad.controls.positive is not None
    assert pad.controls.positive.passed
    assert pad.threat.key_scope == "image"


@pytest.mark.parametrize("attack", ["returns_ciphertexts.py:Idle", "grey.py:Grey"])
def test_an_attack_that_does_nothing_breaks_nothing(tmp_path: Path, attack: str) -> None:
    for target in ("pe", "etc", "le"):
        done = ppattack.run(request(tmp_path, attack=f"{PLUGINS / attack}", target=target))
        assert done.report.verdict == "INCONCLUSIVE"
        assert done.report.scores.ssim is not None
        assert done.report.scores.ssim.gain is not None
        assert done.report.scores.ssim.gain.mean < 0.02


def test_a_target_that_does_not_encrypt_is_broken_by_an_idle_attack_only_in_name(
    tmp_path: Path,
) -> None:
    """The ciphertext is a blind baseline: returning it is no attack, however bad the cipher."""
    idle = ppattack.run(
        request(tmp_path, attack=f"{PLUGINS}/returns_ciphertexts.py:Idle", target="plain")
    )
    assert idle.report.scores.ssim is not None
    assert idle.report.scores.ssim.reconstruction.mean == 1.0
    assert idle.report.verdict != "RESISTED"


def test_ciphertexts_that_show_their_images_are_no_resistance(tmp_path: Path) -> None:
    done = ppattack.run(request(tmp_path, target="plain", key_scope="image"))
    assert done.report.verdict == "INCONCLUSIVE"
    assert "the ciphertexts themselves look like their images: SSIM 1.000" in done.report.reason


def test_the_same_request_is_the_same_experiment(tmp_path: Path) -> None:
    first = ppattack.run(request(tmp_path))
    again = ppattack.run(request(tmp_path))
    assert (first.reused, again.reused) == (False, True)
    assert again.report == first.report
    forced = ppattack.run(request(tmp_path, force=True))
    assert not forced.reused
    assert forced.report.scores == first.report.scores


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"victims": 11},
        {"size": 33},
        {"key_scope": "image"},
        {"target": "le"},
        {"attack_settings": {"mode": "advanced"}},
        {"target_settings": {"color_shuffle": "true"}},
    ],
)
def test_another_request_is_another_experiment(tmp_path: Path, change: dict[str, object]) -> None:
    first = ppattack.run(request(tmp_path))
    assert ppattack.run(request(tmp_path, **change)).report.id != first.report.id


@pytest.mark.parametrize("isolate", [False, True])
def test_another_class_of_the_same_name_and_file_is_another_experiment(
    tmp_path: Path, isolate: bool
) -> None:
    found = []
    for target in ("Masked", "Complemented"):
        for attack in ("Idle", "IdleToo"):
            asked = request(
                tmp_path,
                attack=f"{PLUGINS}/returns_ciphertexts.py:{attack}",
                target=f"{PLUGINS}/ciphers.py:{target}",
                isolate=isolate,
                victims=2,
                save_images=0,
            )
            found.append(ppattack.run(asked).folder)
    assert len(set(found)) == 4


def test_an_interrupted_run_keeps_its_checkpoints_and_only_those(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERRUPT", "1")
    again = request(tmp_path, attack=f"{PLUGINS}/interrupted.py:Interrupted")
    with pytest.raises(KeyboardInterrupt):
        ppattack.run(again)
    (partial,) = tmp_path.iterdir()
    assert partial.name.endswith(".partial")
    assert _names(partial) == ["half-way"]
    monkeypatch.delenv("INTERRUPT")
    done = ppattack.run(again)
    assert done.report.attack.notes == {"resumed": True}
    assert not partial.exists()


def test_a_failed_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ppattack.render.samples.draw_samples", fail)
    with pytest.raises(DataError, match="No space left"):
        ppattack.run(request(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_attack_that_breaks_its_contract_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"images of shape \(12, 3, 5, 5\)"):
        ppattack.run(request(tmp_path, attack=f"{PLUGINS}/wrong_shape.py:WrongShape"))
    assert list(tmp_path.iterdir()) == []


def test_plain_images_that_do_not_divide_are_padded_and_cropped(tmp_path: Path) -> None:
    done = ppattack.run(request(tmp_path, target="etc", size=33))
    assert done.report.data.shape == (3, 33, 33)
    assert done.report.scores.ssim is not None
    assert done.report.scores.ssim.ciphertext is not None


def _ciphertexts(tmp_path: Path, name: str = "pe", **settings: object) -> tuple[Path, Path]:
    from ppattack.data.source import ImageRequest
    from ppattack.plugins import registry
    from ppattack.runs.file_encryption import encrypt_files

    plain = registry.dataset("photos").load(ImageRequest(12, 0, 32)).victims
    encrypt_files(
        registry.target(name)(**settings),
        plain,
        tuple(f"scan-{i}" for i in range(12)),
        out=tmp_path / "cipher",
        plain_out=tmp_path / "plain",
        key_file=None,
        scope=None,
        seed=3,
    )
    return tmp_path / "cipher", tmp_path / "plain"


def test_somebody_elses_ciphertexts(tmp_path: Path) -> None:
    cipher, plain = _ciphertexts(tmp_path)
    blind = request(tmp_path / "runs", ciphertexts=cipher, data=None, save_images=None)
    done = ppattack.run(blind)
    assert done.report.verdict == "INCONCLUSIVE"
    assert done.report.scores.ssim is None
    written = read_folder(done.folder / "reconstructions")
    assert written.names == tuple(sorted(f"scan-{i}.png" for i in range(12)))
    scored = ppattack.run(replace(blind, truth=plain))
    assert scored.report.scores.ssim is not None
    order = read_folder(cipher)
    folded = torch.minimum(order.images, 255 - order.images)
    assert torch.equal(read_folder(scored.folder / "reconstructions").images, folded)
    assert scored.report.scores.ssim.reconstruction.mean > 0.2


@pytest.mark.parametrize("subsampling", ["444", "420"])
def test_ciphertexts_of_another_shape_than_the_images(tmp_path: Path, subsampling: str) -> None:
    cipher, plain = _ciphertexts(tmp_path, "etc-gray", subsampling=subsampling)
    asked = request(
        tmp_path / "runs",
        target="etc-gray",
        target_settings={"subsampling": subsampling},
        ciphertexts=cipher,
        data=None,
    )
    alone = ppattack.run(asked)
    assert alone.report.data.shape == (3, 32, 32)
    assert read_folder(alone.folder / "reconstructions").images.shape == (3, 3, 32, 32)
    scored = ppattack.run(replace(asked, truth=plain))
    assert scored.report.scores.ssim is not None
    with pytest.raises(ImageError, match="no colour image has a ciphertext of shape"):
        ppattack.run(replace(asked, ciphertexts=plain))
    with pytest.raises(DataError, match="but these are"):
        ppattack.run(replace(asked, target="etc", target_settings={}, truth=plain))


def test_public_images_are_cut_to_the_shape_of_ciphertexts_that_are_not_square(
    tmp_path: Path,
) -> None:
    made = torch.randint(0, 256, (12, 3, 24, 16), dtype=torch.uint8)
    for number, image in enumerate(made):
        write_png(tmp_path / f"cipher/{number}.png", image)
    asked = request(
        tmp_path / "runs", attack="covariance-matching", ciphertexts=tmp_path / "cipher"
    )
    finished = ppattack.run(replace(asked, data="photos", adversary=40, preset="smoke"))
    assert finished.report.data.shape == (3, 24, 16)
    assert finished.report.data.adversary == 40


def test_truth_that_does_not_cover_the_ciphertexts_is_refused(tmp_path: Path) -> None:
    cipher, plain = _ciphertexts(tmp_path)
    (plain / "scan-4.png").unlink()
    with pytest.raises(DataError, match="no image for 1 ciphertexts, first 'scan-4.png'"):
        ppattack.run(request(tmp_path, ciphertexts=cipher, truth=plain, data=None))
    shutil.copy(plain / "scan-5.png", plain / "scan-4.png")
    shutil.copy(plain / "scan-5.png", plain / "scan-4.jpg")
    with pytest.raises(DataError, match="two images for one .*'scan-4.jpg' and 'scan-4.png'"):
        ppattack.run(request(tmp_path, ciphertexts=cipher, truth=plain, data=None))
    with pytest.raises(ConfigError, match="--truth belongs to --ciphertexts"):
        ppattack.run(request(tmp_path, truth=plain))


def test_the_public_api_is_what_it_says() -> None:
    for name in ppattack.__all__:
        assert getattr(ppattack, name) is not None
    assert run.Finished is Finished
    with pytest.raises(AttributeError, match="attribute nothing"):
        _ = getattr(ppattack, "nothing")  # noqa: B009
