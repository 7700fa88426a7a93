"""What to run: the request, and what can be refused about it without asking a plug-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ppattack.attack import PRESETS
from ppattack.errors import ConfigError, DataError, nearest
from ppattack.jpeg import Jpeg
from ppattack.threat import KeyScope


@dataclass(frozen=True)
class RunRequest:
    """What to run.

    Args:
        attack: registered name or ``path/to/file.py:Class``.
        target: likewise.
        data: image source, ``name`` or ``name:argument``; with ``ciphertexts`` it names the
            adversary's public images and may be None.
        size: edge of the images in pixels; None for the source's own.
        victims: images to encrypt, attack and score.
        adversary: public images for the adversary.
        overlap: whether the adversary's public images are the victims' own, in another order, as
            in published evaluations of trained attacks; ``adversary`` does not count then.
        key_scope: ``dataset``, ``image`` or None for the target's default.
        preset: the attack's preset.
        attack_settings: over the preset.
        target_settings: over the target's defaults.
        seed: one number for everything random.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, …
        out: folder of run folders.
        force: run again even if a finished run is there.
        save_images: reconstructions to write as PNG; None for all.
        ciphertexts: a folder of somebody else's ciphertext files.
        truth: a folder with their plain images under the same names.
        jpeg: ``QUALITY``, ``QUALITY:444`` or ``QUALITY:420``: every ciphertext goes through JPEG;
            None for none.
        lpips_net: ``alex``, ``vgg`` or ``squeeze``.
        lpips_weights: a file with the network's convolution weights, or None to look for them.
        download: whether data or weights may be fetched.
        isolate: whether the attack runs in a process of its own that holds nothing secret.
        time_limit: seconds that such a process may take for the attack or one control; implies
            ``isolate``.
        memory_limit: GiB of memory that it may hold; implies ``isolate``.
    """

    attack: str
    target: str
    data: str | None = "photos"
    size: int | None = None
    victims: int = 256
    adversary: int = 2000
    overlap: bool = False
    key_scope: KeyScope | None = None
    preset: str = "standard"
    attack_settings: Mapping[str, Any] = field(default_factory=dict)
    target_settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"
    out: Path = Path("runs")
    force: bool = False
    save_images: int | None = 64
    ciphertexts: Path | None = None
    truth: Path | None = None
    jpeg: str | None = None
    lpips_net: str = "alex"
    lpips_weights: Path | None = None
    download: bool = False
    isolate: bool = False
    time_limit: float | None = None
    memory_limit: float | None = None

    def __post_init__(self) -> None:
        as_paths(self, "out", "ciphertexts", "truth", "lpips_weights")

    @property
    def isolated(self) -> bool:
        """Whether the attack gets a process of its own."""
        return self.isolate or self.time_limit is not None or self.memory_limit is not None


def as_paths(request: object, *names: str) -> None:
    """Make paths of those fields of a frozen request that were given as text."""
    for name in names:
        given = getattr(request, name)
        if given is not None:
            object.__setattr__(request, name, Path(given))


def check(request: RunRequest) -> None:
    """Refuse what no plug-in needs to be asked about.

    Raises:
        ConfigError: for a number out of range or options that do not go together.
        DataError: where the output folder is a file.
    """
    for name, value, least in (("-n", request.victims, 1), ("--adversary", request.adversary, 0)):
        if value < least:
            raise ConfigError(f"{name} {value} is not valid: it must be at least {least}.")
    check_common(request.preset, request.size, request.out)
    limits = {"--time-limit": request.time_limit, "--memory-limit": request.memory_limit}
    for name, limit in limits.items():
        if limit is not None and not limit > 0:
            raise ConfigError(f"{name} {limit} is not valid: it must be above 0.")
    if request.truth is not None and request.ciphertexts is None:
        raise ConfigError("--truth belongs to --ciphertexts: name the folder of ciphertexts too.")
    if request.jpeg is not None:
        Jpeg.read(request.jpeg)
        if request.ciphertexts is not None:
            raise ConfigError(
                "--jpeg compresses images that are encrypted here: leave it out, the files of "
                "--ciphertexts are attacked as they are."
            )
    if request.overlap and request.ciphertexts is not None:
        raise ConfigError(
            "--published-overlap is for images that are encrypted here: leave it out, nobody has "
            "the plain images of --ciphertexts."
        )


def check_common(preset: str | None, size: int | None, out: Path) -> None:
    """Refuse a preset, a size or an output folder that no request can have.

    Raises:
        ConfigError: for an unknown preset, or a size out of range.
        DataError: where the output folder is a file.
    """
    if preset is not None and preset not in PRESETS:
        raise ConfigError(
            f"there is no preset '{preset}'; the nearest are: {nearest(preset, PRESETS)}."
        )
    if size is not None and not 1 <= size <= 4096:
        raise ConfigError(f"--size {size} is not valid: it must be 1 to 4096 pixels.")
    if out.exists() and not out.is_dir():
        raise DataError(f"--out {out} is a file: name a folder.")
