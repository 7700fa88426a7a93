"""The calls for notebooks: arrays and functions in, results that show themselves out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import ppattack
from ppattack.errors import ConfigError, DataError, ImageError, MissingPackage, PluginError
from ppattack.notebook.words import in_python
from ppattack.plugins import registry
from ppattack.reports.command import command
from ppattack.reports.found import read_image_scores
from ppattack.request import RunRequest
from tests.conftest import smooth_images
from tests.support.page import Page

Bytes = NDArray[np.uint8]
SIZE = 16
ORDER = np.random.default_rng(1).permutation(SIZE * SIZE * 3)


def pictures(count: int = 40) -> Bytes:
    """``(N, H, W, C)``."""
    return np.ascontiguousarray(smooth_images(count, SIZE).permute(0, 2, 3, 1).numpy())


def shuffle(images: Bytes) -> Bytes:
    """All bytes in a secret order, and a mask."""
    mixed: Bytes = images.reshape(len(images), -1)[:, ORDER] ^ np.uint8(85)
    return mixed.reshape(images.shape)


def noise(images: Bytes) -> Bytes:
    mask: Bytes = np.random.default_rng().integers(0, 256, images.shape, dtype=np.uint8)
    return images ^ mask


@pytest.fixture(scope="module")
def broken() -> ppattack.RunResult:
    return ppattack.attack(pictures(), shuffle, preset="smoke")


def test_a_function_is_probed_and_broken(broken: ppattack.RunResult) -> None:
    assert (broken.verdict, broken.leak) == ("BROKEN", "key")
    assert broken.probe is not None
    assert broken.report.attack.name == broken.probe.attacks[0].attack
    assert broken.report.target.config["function"] == "shuffle"
    assert broken.report.data.victims == broken.report.data.adversary == 20
    assert broken.reason in repr(broken)


def test_it_shows_itself_in_a_notebook(broken: ppattack.RunResult) -> None:
    text = broken._repr_html_()
    page = Page(text)
    levels = [each.text for each in page.all("li")]
    assert [level.startswith("✗ ") for level in levels] == [True] * 5
    assert len(page.all("img")) == 6 * 3
    assert all(each.attributes["src"].startswith("data:image/") for each in page.all("img"))
    assert "ssim" in page.all("table")[0].text
    assert len(text) < 60_000
    assert "<script" not in text
    assert "http" not in text


def test_it_is_saved_as_a_page_a_report_or_a_folder(
    broken: ppattack.RunResult, tmp_path: Path
) -> None:
    Page(broken.save(tmp_path / "page.html").read_text())
    assert ppattack.read_report(broken.save(tmp_path / "report.json")) == broken.report
    assert ppattack.read_report(broken.save(tmp_path / "all")) == broken.report
    with pytest.raises(DataError, match="page.pdf: end the name in one of .html, .json or a"):
        broken.save(tmp_path / "page.pdf")
    with pytest.raises(DataError, match="cannot write"):
        broken.save(tmp_path / "all")


def test_a_report_says_the_call_that_repeats_it(broken: ppattack.RunResult) -> None:
    said = command(broken.report.provenance["request"])
    wanted = "ppattack.attack(images, encrypt=shuffle, attack='chosen-plaintext', preset='smoke'"
    assert said.startswith(wanted)
    again = eval(said, {"ppattack": ppattack, "images": pictures(), "shuffle": shuffle})
    assert again.report.scores == broken.report.scores


def test_rows_are_places_among_the_images_given() -> None:
    images = pictures(20)
    images[::3, 0, 0, 0] = 255
    images[images[:, 0, 0, 0] < 255, 0, 0, 0] = 0

    def some(batch: Bytes) -> Bytes:
        shown = batch[:, 0, 0, 0] == 255
        return np.where(shown[:, None, None, None], batch, 255 - batch).astype(np.uint8)

    found = ppattack.attack(images, some, attack="none", preset="smoke")
    scores = read_image_scores(found.folder)
    assert scores is not None
    assert found.rows is not None
    same = [value == 1 for value in scores.columns["ssim.ciphertext"]]
    assert same == [row % 3 == 0 for row in found.rows]
    assert len(same) == 10
    assert any(same)


def test_the_public_images_and_labels_of_the_caller_are_used() -> None:
    images, public = pictures(12), np.ascontiguousarray(pictures(30)[12:])
    found = ppattack.attack(
        images, shuffle, attack="none", public=public, labels=np.arange(12) % 2,
        public_labels=["a"] * 18,
    )  # fmt: skip
    assert found.rows == tuple(range(12))
    assert (found.report.data.victims, found.report.data.adversary) == (12, 18)


def test_noise_gives_no_attack_to_run() -> None:
    found = ppattack.attack(pictures(16), noise)
    assert found.verdict == "INCONCLUSIVE"
    assert found.reason.startswith("no attack follows from the probes: ")
    assert found.report.attack.name == registry.NO_ATTACK


def test_an_object_a_name_and_single_images_encrypt_too() -> None:
    key = pictures(1)[0]
    fitted = SimpleNamespace(encrypt=lambda image: image ^ key)
    for cipher, batch, name in ((fitted, False, "SimpleNamespace"), ("pe", True, None)):
        found = ppattack.attack(pictures(12), cipher, attack="none", batch=batch)
        assert found.report.target.config.get("function") == name


def test_tensors_reach_the_function_as_tensors() -> None:
    given: list[tuple[int, ...]] = []

    def cipher(images: torch.Tensor) -> torch.Tensor:
        given.append(tuple(images.shape))
        return torch.nn.functional.pad(255 - images, (0, 3, 0, 3))

    found = ppattack.attack(smooth_images(12, 13, channels=1), cipher, attack="none")
    assert {shape[1:] for shape in given} == {(1, 13, 13)}
    assert found.report.target.config["multiple"] == 4


def test_a_folder_of_torchvision_is_read(tmp_path: Path) -> None:
    from ppattack.data.image_files import write_png

    for number, image in enumerate(smooth_images(24, SIZE)):
        write_png(tmp_path / "ab"[number % 2] / f"{number}.png", image)
    for images in (SimpleNamespace(root=str(tmp_path), samples=[]), tmp_path, str(tmp_path)):
        found = ppattack.attack(
            images, lambda batch: 255 - batch, attack="none", victims=4, adversary=4
        )
        assert found.report.data.name == f"folder:{tmp_path}"
        assert found.report.target.config["function"] == "lambda"


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda x: ppattack.attack(x / 255, shuffle), ImageError, "images have dtype float64"),
        (lambda x: ppattack.attack(x[0], shuffle), ImageError, "stack images"),
        (lambda x: ppattack.attack([x[0], x[1, :9]], shuffle), ImageError, "images differ in size"),
        (lambda x: ppattack.attack(x, 5), ConfigError, "encrypt is 5: give a function"),
        (lambda x: ppattack.attack(x, lambda y: y / 2), PluginError, "encrypt=lambda returned an"),
        (lambda x: ppattack.attack(x, lambda y: y[:1]), PluginError, "one ciphertext for each"),
        (lambda x: ppattack.attack(x, lambda y: y[:, :9]), PluginError, "keep the size, or pad"),
        (lambda x: ppattack.attack(x, lambda y: 1 // 0), PluginError, "failed with ZeroDivision"),
        (lambda x: ppattack.attack(x, shuffle, pre="a"), ConfigError, "no option 'pre'; the near"),
        (lambda x: ppattack.attack(x, shuffle, size=8), ConfigError, "resize arrays yourself"),
        (lambda x: ppattack.attack(x, shuffle, victims=99), DataError, "not 99: use victims=20"),
        (lambda x: ppattack.attack(x, shuffle, labels=[1]), ConfigError, "each of the 40 images"),
        (lambda x: ppattack.attack("nothing", shuffle), ppattack.PpattackError, "no dataset"),
        (lambda x: ppattack.attack("photos", shuffle, labels=[1]), ConfigError, "belong to arrays"),
        (lambda x: ppattack.audit(RunRequest(""), shuffle), ConfigError, "a request names every"),
        (lambda x: ppattack.identify(x, public="a"), ConfigError, "public belongs to a folder"),
        (lambda x: ppattack.identify(x[:, :4]), DataError, "8 px or more"),
        (lambda x: ppattack.identify("/nowhere"), DataError, "there is no folder /nowhere"),
    ],
)
def test_what_is_wrong_is_one_error_of_ours(call: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said) as found:
        call(pictures())
    assert isinstance(found.value, ppattack.PpattackError)
    assert "\n" not in str(found.value)
    assert "--" not in str(found.value).replace("--set", "")


def test_flags_become_fields() -> None:
    assert (
        in_python("use -n 5, or a smaller --adversary.") == "use victims=5, or a smaller adversary."
    )
    assert in_python("--data photos-of-n --database") == "images photos-of-n --database"
    assert in_python("--set attack.pairs=4") == "attack_settings pairs=4"


def test_ciphertexts_in_an_array_are_identified(tmp_path: Path) -> None:
    found = ppattack.identify(shuffle(pictures(24)))
    assert found.scheme is None
    assert "shuffled" in found.words
    assert found.report.files == 24
    page = Page(found._repr_html_())
    assert len(page.all("img")) == 6
    assert len(page.all("tr")) == 1 + len(found.report.properties)
    Page(found.save(tmp_path / "found.html").read_text())
    with pytest.raises(DataError, match="end the name in one of .html, .json."):
        found.save(tmp_path / "folder")


def test_text_of_a_caller_is_escaped() -> None:
    def cipher(images: Bytes) -> Bytes:
        return 255 - images

    cipher.__name__ = "<b onclick=alert(1)>"
    found = ppattack.attack(pictures(12), cipher, attack="none")
    assert "<b onclick" not in found._repr_html_()
    assert "&lt;b onclick" in found._repr_html_()


def test_frames_need_pandas(broken: ppattack.RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackage, match="pip install pandas"):
        broken.to_frame()


def test_frames_have_a_row_for_each_image(broken: ppattack.RunResult) -> None:
    pytest.importorskip("pandas")
    frame = broken.to_frame()
    assert tuple(frame.index) == broken.rows
    assert float(frame["ssim.reconstruction"].min()) > 0.999


@pytest.mark.process
def test_calls_and_modules_of_one_name_live_together() -> None:
    code = (
        "import sys, ppattack.attack, ppattack.identify.sample, ppattack\n"
        "from ppattack.attack import Attack\n"
        "from ppattack.identify.sample import Sample\n"
        "assert ppattack.Attack is Attack and callable(ppattack.attack)\n"
        "assert callable(ppattack.identify) and ppattack.attack.__name__ == 'attack'\n"
        "from ppattack import attack, identify\n"
        "assert callable(attack) and callable(identify)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
    assert isinstance(sys.modules["ppattack.attack"], ModuleType)
