"""Key files: what is written is read back, and nothing else is believed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from ppattack.errors import KeyFileError
from ppattack.jpeg import Jpeg
from ppattack.target import Key, PermXorTarget
from ppattack.target.key import TEXT_BYTES
from ppattack.target.key_file import KeyFile
from targets.ele import ELE
from targets.etc import EtC
from targets.le import LE
from targets.pe import PE
from tests.support.schemes import PAD, PAPER, PUBLISHED, generate_key, generate_keys, noise

SHAPE = (3, 32, 32)


@pytest.mark.parametrize("target", [*PAPER, *PUBLISHED, PAD], ids=repr)
@pytest.mark.parametrize("count", [None, 2])
def test_round_trip(target: PermXorTarget, count: int | None) -> None:
    key = generate_key(target, SHAPE) if count is None else generate_keys(target, SHAPE, count)
    back = Key.from_json(key.to_json())
    assert back.fingerprint == key.fingerprint
    assert (back.scheme, back.image_shape, back.count) == (key.scheme, key.image_shape, key.count)
    for name, part in key.parts.items():
        assert back.parts[name].dtype == part.dtype
    images = noise(count or 1, SHAPE)
    assert torch.equal(target.encrypt(images, back), target.encrypt(images, key))


def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(generate_key(EtC(), SHAPE).to_json())
    return document


def _changed(*path: str, value: Any) -> str:
    document = _document()
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return json.dumps(document)


def _without(name: str) -> str:
    document = _document()
    del document[name]
    return json.dumps(document)


MALFORMED = {
    "empty": "",
    "not JSON": "key",
    "truncated": generate_key(EtC(), SHAPE).to_json()[:-20],
    "a list": "[]",
    "a number": "3",
    "deeply nested": "[" * 200_000,
    "no parts": _without("parts"),
    "no scheme": _without("scheme"),
    "no version": _without("key_file_version"),
    "another version": _changed("key_file_version", value=99),
    "parts are a list": _changed("parts", value=[1, 2]),
    "a part without data": _changed("parts", "colour", value={"dtype": "uint8", "shape": [4]}),
    "two edges": _changed("image_shape", value=[32, 32]),
    "an infinite edge": _changed("image_shape", value=[3, 32, float("inf")]),
    "an edge of zero": _changed("image_shape", value=[3, 0, 32]),
    "a negative count": _changed("count", value=-1),
    "a count in words": _changed("count", value="two"),
    "an unknown type": _changed("parts", "colour", "dtype", value="colour"),
    "an object type": _changed("parts", "colour", "dtype", value="object"),
    "a text type": _changed("parts", "colour", "dtype", value="U8"),
    "text": _changed("parts", "colour", "data", value=["1", "2", "3", "4"]),
    "ragged": _changed("parts", "colour", "data", value=[[1], [2, 3]]),
    "out of the type's range": _changed("parts", "colour", "data", value=[1, 2, 3, 256]),
    "negative": _changed("parts", "colour", "data", value=[1, 2, 3, -1]),
    "a fraction": _changed("parts", "colour", "data", value=[1, 2, 3, 0.5]),
    "too few values": _changed("parts", "colour", "data", value=[1, 2, 3]),
    "a shape that does not fit": _changed("parts", "colour", "shape", value=[5]),
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_files_are_refused(text: str) -> None:
    with pytest.raises(KeyFileError, match="not a ppattack key file"):
        Key.from_json(text)


MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "a missing part": ({"colour": None}, "'colour' .* absent, not uint8"),
    "an extra part": ({"salt": np.zeros(2, np.uint8)}, "'salt' .* not absent"),
    "another length": ({"colour": np.zeros(3, np.uint8)}, "'colour' .*3.*, not .*4"),
    "another type": ({"colour": np.zeros(4, np.int64)}, "'colour' .* int64 .* not uint8"),
    "a colour code of 6": ({"colour": np.full(4, 6, np.uint8)}, "out of range"),
    "a dihedral element of 8": ({"dihedral": np.full(4, 8, np.uint8)}, "out of range"),
    "a block of 4": ({"permutation": np.full(4, 4, np.uint8)}, "out of range"),
}


@pytest.mark.parametrize(("changes", "message"), MISFITS.values(), ids=MISFITS.keys())
@pytest.mark.parametrize("count", [None, 2])
def test_parts_that_do_not_fit_are_refused(
    changes: dict[str, Any], message: str, count: int | None
) -> None:
    key = generate_key(EtC(), SHAPE) if count is None else generate_keys(EtC(), SHAPE, count)
    lead = () if count is None else (count,)
    parts = dict(key.parts)
    for name, part in changes.items():
        parts.pop(name, None)
        if part is not None:
            parts[name] = np.broadcast_to(part, (*lead, *part.shape))
    with pytest.raises(KeyFileError, match=message):
        EtC().encrypt(noise(count or 1, SHAPE), Key("etc", SHAPE, parts, count))


def test_a_key_of_another_setting_is_refused() -> None:
    images = noise(1, SHAPE)
    for made, used in (
        (EtC(), EtC(block_size=4)),
        (LE(), LE(block_size=8)),
        (ELE(), ELE(block_size=8)),
        (PE(), PE(color_shuffle=True)),
    ):
        with pytest.raises(KeyFileError, match="make a new key"):
            used.encrypt(images, generate_key(made, SHAPE))


def _large() -> Key:
    parts: dict[str, Any] = {
        "weights": np.random.default_rng(0).normal(size=(600, 500)).astype(np.float32).T,
        "index": np.arange(5, dtype=np.uint16),
        "flags": np.array([True, False]),
    }
    return Key("le", SHAPE, parts)


def test_large_keys_are_written_as_numbers_and_small_ones_as_text() -> None:
    small = generate_key(EtC(), SHAPE)
    assert small.to_bytes() == small.to_json().encode()
    assert Key.from_bytes(small.to_bytes()).fingerprint == small.fingerprint
    large = _large()
    assert sum(part.nbytes for part in large.parts.values()) > TEXT_BYTES
    data = large.to_bytes()
    assert len(data) < 1_300_000
    back = Key.from_bytes(data)
    assert back.fingerprint == large.fingerprint
    assert (back.scheme, back.image_shape, back.count) == ("le", SHAPE, None)
    many = Key("le", SHAPE, {"permutation": np.zeros((3, 400_000), np.uint8)}, 3)
    assert Key.from_bytes(many.to_bytes()).count == 3


@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("count", [None, 3])
def test_files_with_settings_and_ciphertexts(large: bool, count: int | None) -> None:
    target = LE(variant="ito")
    parts = {"numbers": np.zeros((3, TEXT_BYTES if large else 5), np.uint8)}
    images = noise(3, SHAPE)
    made = KeyFile.new(target, Key("le", SHAPE, parts, count))
    file = made.adding(("b.png", "a.png", "c.jpg"), (1, 0, 2), images)
    back = KeyFile.from_bytes(file.to_bytes())
    assert (back.settings, back.written) == (file.settings, file.written)
    assert [(one.name, one.row) for one in back.written] == [("b", 1), ("a", 0), ("c", 2)]
    assert back.key.fingerprint == made.key.fingerprint
    back.check_scheme(target)
    assert "legacy_seed" not in (back.settings or {})
    assert Key.from_bytes(file.to_bytes()).fingerprint == made.key.fingerprint
    key, changed = back.match(("c.png", "b.png"), images[[2, 0]])
    assert (key.count, changed) == (None if count is None else 2, [])
    assert back.adding(("b.png",), (1,), images[:1]).written == back.written
    text = file.to_bytes().replace(b"ito", b"oti")
    with pytest.raises(KeyFileError, match="was changed since it was written"):
        KeyFile.from_bytes(text)
    assert KeyFile.from_bytes(made.key.to_bytes()).is_old


def test_noise_compressed_is_known_again_and_other_noise_is_not() -> None:
    images = noise(24, (3, 64, 64))
    file = KeyFile.new(PE(), generate_key(PE(), (3, 64, 64)))
    names = [f"{i}.png" for i in range(24)]
    file = file.adding(names, range(24), images)
    for text in ("20:420", "50:444", "95:420"):
        _, changed = file.match(names, Jpeg.read(text).transport(images))
        assert changed == names
    with pytest.raises(KeyFileError, match="'0.png' does not hold the ciphertext"):
        file.match(names, images.flip(0) ^ 1)


DATA = _large().to_bytes()
BROKEN_DATA = {
    "empty": b"",
    "three bytes": DATA[:3],
    "truncated": DATA[:-20],
    "longer": DATA + b"0",
    "other bytes": DATA[:8] + b"x" * (len(DATA) - 8),
    "another version": DATA.replace(b'file_version\\": 1', b'file_version\\": 9'),
    "another shape": DATA.replace(b"[3, 32, 32]", b"[3, 32, -2]"),
    "no description": DATA.replace(b"ppattack key", b"ppattack kez"),
    "a type of no numbers": DATA.replace(b"BOOL", b"WORD"),
    "a pickle": b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00.",
}


@pytest.mark.parametrize("data", BROKEN_DATA.values(), ids=BROKEN_DATA.keys())
def test_malformed_data_are_refused(data: bytes) -> None:
    assert data != DATA
    with pytest.raises(KeyFileError, match="not a ppattack key file"):
        Key.from_bytes(data)
