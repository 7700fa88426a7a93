"""Arrays and tar files of many images: the same images, wherever they lie."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ppattack.data.source import ImageRequest, ImageSets
from ppattack.data.stack_files import is_stack, open_stack
from ppattack.data.tar import Tar
from ppattack.errors import DataError
from ppattack.jpeg import Jpeg
from tests.support.image_files import noise

IMAGES = noise(12, 6, 8, 3)


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, format="PNG")
    return data.getvalue()


def tar_of(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def shards(folder: Path, names: tuple[str, ...] = ("a", "b", "c")) -> Path:
    """Three tar files of four samples: an image, its class and something else."""
    for number, name in enumerate(names):
        files: dict[str, bytes] = {}
        for row in range(4 * number, 4 * number + 4):
            files[f"in/{row:02d}.cls"] = f"{row % 2}\n".encode()
            files[f"in/{row:02d}.png"] = png(IMAGES[row])
            files[f"in/{row:02d}.json"] = b"{}"
        tar_of(folder / f"{name}.tar", files)
    return folder


@pytest.mark.parametrize("kind", ["npy", "first", "grey", "npz", "tar", "shards"])
def test_files_of_many_images_are_read_in_part(tmp_path: Path, kind: str) -> None:
    images, path = IMAGES, tmp_path / "images.npy"
    if kind == "npy":
        np.save(path, images)
    elif kind == "first":
        np.save(path, images.transpose(0, 3, 1, 2))
    elif kind == "grey":
        images = images[..., :1]
        np.save(path, images[..., 0])
    elif kind == "npz":
        path = tmp_path / "images.npz"
        np.savez(path, images=images)
    elif kind == "shards":
        path = shards(tmp_path / "many")
    else:
        path = tar_of(
            path.with_suffix(".tar"), {f"{i:02d}.png": png(x) for i, x in enumerate(images)}
        )
    found = open_stack(path, 5)
    assert is_stack(path)
    assert np.array_equal(found.stack.read(), images.transpose(0, 3, 1, 2))
    assert np.array_equal(found.first().images.numpy(), found.stack.read()[:5])
    wanted = {"tar": "00.png", "shards": "in-00.png"}.get(kind, "00000000")
    assert (len(found.names), found.names[0]) == (5, wanted)
    part = pickle.loads(pickle.dumps(found.stack.part(3, 9)))
    assert np.array_equal(part.read(), found.stack.read()[3:9])


def test_what_cannot_be_used_is_named_in_one_line(tmp_path: Path) -> None:
    np.save(tmp_path / "float.npy", np.zeros((4, 8, 8, 3)))
    np.save(tmp_path / "cut.npy", IMAGES)
    whole = (tmp_path / "cut.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-1])
    np.savez_compressed(tmp_path / "packed.npz", images=IMAGES)
    np.savez(tmp_path / "two.npz", a=IMAGES, b=IMAGES)
    (tmp_path / "text.tar").write_text("text")
    tar_of(tmp_path / "none.tar", {"a.txt": b"text"})
    tar_of(tmp_path / "damaged.tar", {"a.png": b"text"})
    for name, reason in {
        "missing.npy": "does not exist",
        "float.npy": "has dtype float64, not uint8",
        "cut.npy": "the file is cut off",
        "packed.npz": "is compressed .* write .* with np.save",
        "two.npz": "holds a, b: ciphertexts are one array",
        "missing.tar": "cannot be read as a tar file",
        "text.tar": "cannot be read as a tar file",
        "none.tar": "holds no image files",
        "damaged.tar": "damaged.tar/a.png is not a PNG",
    }.items():
        with pytest.raises(DataError, match=reason) as caught:
            open_stack(tmp_path / name, 5)
        assert len(str(caught.value).splitlines()) == 1
    two = {"a.png": png(IMAGES[0]), "b.png": png(IMAGES[1][:4])}
    stack = open_stack(tar_of(tmp_path / "sizes.tar", two), 5).stack
    with pytest.raises(DataError, match="b.png has the shape"):
        stack.read()


def test_the_compression_of_images_in_a_tar_file_is_known(tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.fromarray(noise(1, 32, 32, 3)[0]).save(data, format="JPEG", quality=75, subsampling=0)
    photos = tar_of(tmp_path / "photos.tar", {f"{i}.jpg": data.getvalue() for i in range(3)})
    assert str(Jpeg.of_files(open_stack(photos, 2).first_files())) == "75:444"
    both = tar_of(tmp_path / "both.tar", {"a.jpg": data.getvalue(), "b.png": png(IMAGES[0])})
    assert Jpeg.of_files(open_stack(both, 2).first_files()) is None


def test_a_folder_of_images_is_none(tmp_path: Path) -> None:
    tar_of(tmp_path / "a.tar", {})
    assert is_stack(tmp_path)
    (tmp_path / "a.png").write_bytes(png(IMAGES[0]))
    assert not is_stack(tmp_path)
    assert not is_stack(tmp_path / "elsewhere")


def sides(path: Path, victims: int, adversary: int) -> ImageSets:
    return Tar(str(path)).load(ImageRequest(victims, adversary, None))


def rows(images: Any) -> set[int]:
    known = {image.tobytes(): row for row, image in enumerate(IMAGES.transpose(0, 3, 1, 2))}
    return {known[image.tobytes()] for image in images.numpy()}


def test_tar_files_are_an_image_source(tmp_path: Path) -> None:
    mixed = sides(shards(tmp_path / "mixed"), 3, 3)
    assert rows(mixed.victims).isdisjoint(rows(mixed.adversary))
    assert mixed.classes == ("0", "1")
    assert mixed.victim_labels is not None
    assert mixed.victim_labels.tolist() == [
        next(iter(rows(image[None]))) % 2 for image in mixed.victims
    ]
    split = sides(shards(tmp_path / "split", ("train-0", "train-1", "val-0")), 4, 8)
    assert rows(split.victims) == {8, 9, 10, 11}
    assert rows(split.adversary) == set(range(8))
    assert Tar(str(tmp_path / "mixed")).fingerprint(labels=True) is not None
