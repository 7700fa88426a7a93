"""Files of many ciphertexts: all teach the key, the first are decrypted and scored."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ppattack.data import stacks
from ppattack.errors import ConfigError, DataError
from ppattack.files import write_bytes
from ppattack.maps import CipherMap
from ppattack.maps.steps import Tables
from ppattack.plugins import registry
from ppattack.request import RunRequest
from ppattack.runs.map_files import MapFile
from ppattack.runs.run import run
from ppattack.target.base import generate_scoped_key
from ppattack.target.key_file import KeyFile
from tests.support.natural import natural_images
from tests.support.program import in_process
from tests.support.run_requests import request

COUNT, FIRST = 300, 12


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ciphertexts and plain images as an array and as a tar file, and public images."""
    folder = tmp_path_factory.mktemp("many")
    images = natural_images(COUNT + 200)
    target = registry.target("pe")()
    key = generate_scoped_key(target, (3, 16, 16), "dataset", 7, "key", 1)
    np.savez(folder / "public.npz", images=images[COUNT:].numpy())
    for name, part in ("plain", images[:COUNT]), ("secret", target.encrypt(images[:COUNT], key)):
        np.save(folder / f"{name}.npy", part.numpy())
        with tarfile.open(folder / f"{name}.tar", "w") as tar:
            for row, image in enumerate(part):
                data = io.BytesIO()
                Image.fromarray(image.permute(1, 2, 0).numpy()).save(data, format="PNG")
                info = tarfile.TarInfo(f"{row:04d}.png")
                info.size = data.tell()
                data.seek(0)
                tar.addfile(info, data)
    return folder


def asked(place: Path, out: Path, kind: str, **changes: object) -> RunRequest:
    return request(
        out,
        **{
            "attack": "covariance-matching",
            "target": "pe",
            "data": f"npz:{place / 'public.npz'}",
            "ciphertexts": place / f"secret.{kind}",
            "truth": place / f"plain.{kind}",
            "victims": FIRST,
            **changes,
        },
    )


@pytest.mark.parametrize("kind", ["npy", "tar"])
def test_all_ciphertexts_teach_the_key(place: Path, tmp_path: Path, kind: str) -> None:
    wanted = asked(place, tmp_path, kind)
    found = run(wanted)
    report = found.report
    assert report.attack.notes["ciphertexts_used"] == COUNT
    assert report.data.victims == FIRST
    assert report.scores.ssim is not None
    assert report.scores.ssim.reconstruction.mean > 0.99
    assert any(f"there are {COUNT} ciphertexts: the first 12 are" in n for n in report.data.notes)
    assert run(wanted).reused
    fewer = run(asked(place, tmp_path, kind, victims=FIRST - 1))
    assert not fewer.reused


def test_candidates_may_be_an_array(place: Path, tmp_path: Path) -> None:
    changes = {
        "attack": "candidate-matching",
        "data": None,
        "truth": None,
        "candidates": place / "plain.npy",
        "attack_settings": {"views": False},
    }
    found = run(asked(place, tmp_path, "tar", **changes))
    rows = (found.folder / "matching.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:2] for row in rows] == [
        [f"{row:04d}.png", f"{row:08d}"] for row in range(FIRST)
    ]


def test_many_images_are_encrypted_into_one_array(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "SHARD_BYTES", 70 * 768)
    code, _, errors = in_process(
        f"encrypt --target pe --images {place / 'plain.tar'} --out c.npy --seed 7", tmp_path
    )
    assert code == 0, errors
    assert "300 ciphertexts in c.npy" in errors
    target = registry.target("pe")()
    key = generate_scoped_key(target, (3, 16, 16), "dataset", 7, "key", 1)
    plain = torch.from_numpy(np.load(place / "plain.npy"))
    assert np.array_equal(np.load(tmp_path / "c.npy"), target.encrypt(plain, key).numpy())
    assert [path.name for path in tmp_path.iterdir()] == ["c.npy"]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ("--out c", "into one: FILE.npy"),
        ("--out c.npy --key-file none", "there is no none"),
        ("--out c.npy --jpeg 75 -n 3", "leave -n and --jpeg out"),
        ("--out c.npy --key-scope image", "leave --key-scope image out"),
        ("--out plain.npy", "plain.npy is there already"),
    ],
)
def test_what_many_images_cannot_have_is_refused(place: Path, flags: str, reason: str) -> None:
    before = sorted(place.iterdir())
    code, _, errors = in_process(f"encrypt --target pe --images plain.npy {flags}", place)
    assert code == 2
    assert reason in errors
    assert len(errors.splitlines()) == 1
    assert sorted(place.iterdir()) == before


@pytest.fixture(scope="module")
def keys(place: Path) -> Path:
    """A folder with the key that made the ciphertexts, keys of single images, and another's."""
    folder = place.parent / "keys"
    target = registry.target("pe")()
    for name, shape, scope in [
        ("right", (3, 16, 16), "dataset"),
        ("each", (3, 16, 16), "image"),
        ("large", (3, 32, 32), "dataset"),
    ]:
        key = generate_scoped_key(target, shape, scope, 7, "key", 4)  # type: ignore[arg-type]
        write_bytes(folder / name, KeyFile.new(target, key).to_bytes())
    return folder


@pytest.mark.parametrize("kind", ["npy", "tar"])
def test_many_ciphertexts_are_decrypted_into_one_array(
    place: Path, keys: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "SHARD_BYTES", 70 * 768)
    words = f"decrypt --target pe --ciphertexts {place / 'secret'}.{kind} --key-file {keys}/right"
    code, _, errors = in_process(f"{words} --out p.npy", tmp_path)
    assert code == 0, errors
    assert "300 images in p.npy" in errors
    assert np.array_equal(np.load(tmp_path / "p.npy"), np.load(place / "plain.npy"))


def test_a_recovered_map_decrypts_many_ciphertexts(place: Path, tmp_path: Path) -> None:
    target = registry.target("pe")()
    key = generate_scoped_key(target, (3, 16, 16), "dataset", 7, "key", 1)
    mask = target.encrypt(torch.zeros(1, 3, 16, 16, dtype=torch.uint8), key).numpy().ravel()
    tables = np.arange(256, dtype=np.uint8) ^ mask[:, None]
    found = CipherMap((3, 16, 16), (3, 16, 16), (Tables(np.arange(len(mask)), tables),))
    write_bytes(tmp_path / "map", MapFile.new(found, target, (3, 16, 16)).to_bytes())
    words = f"decrypt --target pe --ciphertexts {place / 'secret.npy'} --key-file map --out p.npy"
    code, _, errors = in_process(words, tmp_path)
    assert code == 0, errors
    assert np.array_equal(np.load(tmp_path / "p.npy"), np.load(place / "plain.npy"))


@pytest.mark.parametrize(
    ("key", "flags", "reason"),
    [
        ("right", "--out p", "into one: FILE.npy"),
        ("each", "--out p.npy", "every image has its own key"),
        ("large", "--out p.npy", "ciphertexts of shape (3, 32, 32), not (3, 16, 16)"),
        ("right", "--out secret.npy", "secret.npy is there already"),
        ("right", "--out p.npy --set target.color_shuffle=true", "the key was used with"),
    ],
)
def test_what_does_not_decrypt_many_is_refused(
    place: Path, keys: Path, key: str, flags: str, reason: str
) -> None:
    before = sorted(place.iterdir())
    words = f"decrypt --target pe --ciphertexts secret.npy --key-file {keys / key} {flags}"
    code, _, errors = in_process(words, place)
    assert code == 2
    assert reason in errors
    assert len(errors.splitlines()) == 1
    assert sorted(place.iterdir()) == before


def test_what_does_not_go_together_is_refused(place: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="an isolated attack is sent its ciphertexts whole"):
        run(asked(place, tmp_path, "npy", isolate=True))
    with pytest.raises(DataError, match="does not exist"):
        run(asked(place, tmp_path, "npy", ciphertexts=tmp_path / "none.npy"))
    np.save(tmp_path / "short.npy", np.load(place / "plain.npy")[: FIRST - 3])
    with pytest.raises(DataError, match="has no image for 3 ciphertexts"):
        run(asked(place, tmp_path, "npy", truth=tmp_path / "short.npy"))
    assert not list(tmp_path.glob("*/report.json"))


@pytest.mark.parametrize("words", ["--out p.npy", "--out p --plain-out q.npz"])
def test_no_folder_gets_the_name_of_an_array(words: str, tmp_path: Path) -> None:
    code, _, errors = in_process(f"encrypt --target pe -n 2 --size 16 {words}", tmp_path)
    assert code == 2
    assert "only --images FILE.npy, .npz or .tar is written into one array" in errors
    assert not list(tmp_path.iterdir())
    code, _, errors = in_process(
        "encrypt --target pe -n 2 --size 16 --out s --key-file k", tmp_path
    )
    assert code == 0, errors
    words = "decrypt --target pe --ciphertexts s --key-file k --out p.npy"
    code, _, errors = in_process(words, tmp_path)
    assert code == 2
    assert "only --ciphertexts FILE.npy" in errors
