"""What to run: the request, the scenario it describes, and the name of that experiment."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack.attack import PRESETS, Attack
from ppattack.config import as_dict
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.errors import ConfigError, DataError, nearest
from ppattack.isolation.proxy import IsolatedAttack
from ppattack.jpeg import Jpeg
from ppattack.plugins import registry, source
from ppattack.runs import provenance
from ppattack.scenario import Scenario, from_ciphertexts, key_scope_of, simulate
from ppattack.threat import KeyScope

if TYPE_CHECKING:
    import torch

    from ppattack.data.image_files import NamedImages
    from ppattack.target.base import Target


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


def _load(request: RunRequest, size: int | None, victims: int, pairs: int = 0) -> ImageSets:
    wanted = ImageRequest(
        victims=victims + pairs,
        adversary=request.adversary,
        size=size,
        seed=request.seed,
        download=request.download,
        pairs=pairs,
    )
    return registry.dataset(request.data or "photos").load(wanted)


def check_images(request: RunRequest, pairs: int = 0) -> None:
    """Read what a request names, so that many requests with the same inputs fail at once.

    Args:
        request: of which the attack does not matter.
        pairs: known pairs that there must be images for, too.

    Raises:
        PpattackError: for whatever the images or ciphertexts have wrong.
    """
    if request.ciphertexts is not None:
        target = registry.target(request.target)(**request.target_settings)
        _read_ciphertexts(request, request.ciphertexts, target)
    else:
        _load(request, request.size, request.victims, pairs)


def build_scenario(request: RunRequest, attack: Attack, target: Target) -> Scenario:
    """Load the images or ciphertexts that a request names, and set the scene.

    Raises:
        PpattackError: for whatever they have wrong.
    """
    scope = key_scope_of(target, request.key_scope)
    if request.ciphertexts is None:
        if request.data is None:
            raise ConfigError("no images: name a source with --data or a folder of ciphertexts.")
        sets = _load(request, request.size, request.victims, attack.requires().pairs)
        if request.overlap:
            sets = sets.overlapping(request.seed)
        jpeg = None if request.jpeg is None else Jpeg.read(request.jpeg)
        return simulate(attack, target, sets, scope, request.seed, jpeg=jpeg)
    found, truth, public = _read_ciphertexts(request, request.ciphertexts, target)
    jpeg = None
    if target.card.cipher == "image":
        jpeg = Jpeg.of_files(request.ciphertexts / name for name in found.names)
    return from_ciphertexts(
        attack,
        target,
        found.images,
        found.names,
        truth=truth,
        public=public,
        scope=scope,
        jpeg=jpeg,
    )


def _read_ciphertexts(
    request: RunRequest, folder: Path, target: Target
) -> tuple[NamedImages, torch.Tensor | None, ImageSets | None]:
    """Ciphertexts, their plain images and the adversary's public ones, where they are named."""
    from ppattack.data.token_files import read_ciphertexts

    found = read_ciphertexts(folder, target.card.cipher)
    truth = None
    if request.truth is not None:
        truth = _matching_truth(found.names, request.truth)
    public = None
    if request.data is not None:
        given = tuple(found.images.shape[1:])
        _, height, width = target.plain_shape(given) if truth is None else truth.shape[1:]
        if height != width:
            raise DataError(
                f"the plain images are {width}x{height} pixels: public images can be cut to "
                "squares only, so --data cannot be used with them."
            )
        public = _load(request, int(height), 0)
    return found, truth, public


def _matching_truth(names: tuple[str, ...], folder: Path) -> torch.Tensor:
    """The plain images in the order of the ciphertexts' names (extensions may differ)."""
    from ppattack.data.image_files import read_folder

    plain = read_folder(folder)
    place = {Path(name).stem: i for i, name in enumerate(plain.names)}
    missing = [name for name in names if Path(name).stem not in place]
    if missing:
        raise DataError(
            f"--truth {folder} has no image for {len(missing)} ciphertexts, first '{missing[0]}': "
            "plain images must carry the names of their ciphertexts."
        )
    return plain.images[[place[Path(name).stem] for name in names]]


def identity(request: RunRequest, attack: Attack, target: Target, scenario: Scenario) -> str:
    """12 hexadecimal digits: the same for the same configuration, data and versions."""
    facts = {
        "attack": [attack.card.name, as_dict(attack.config), source_hash(attack)],
        "target": [target.card.name, as_dict(target.config), source_hash(target)],
        "data": [scenario.sets.name, scenario.sets.hash],
        "ciphertexts": _hash(scenario.observation.ciphertexts) if request.ciphertexts else "",
        "threat": scenario.observation.threat.in_words(),
        "seed": request.seed,
        "lpips": request.lpips_net,
        "versions": provenance.versions(),
    }
    if scenario.observation.jpeg is not None:
        facts["jpeg"] = str(scenario.observation.jpeg)
    if scenario.observation.threat.labels:
        facts["labels"] = scenario.sets.label_hash
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _hash(images: torch.Tensor) -> str:
    return hashlib.sha256(images.contiguous().numpy().data).hexdigest()


def source_hash(plugin: object) -> str:
    """The hash of the plug-in's files, so that an edited plug-in is another experiment."""
    if isinstance(plugin, IsolatedAttack):
        return plugin.source_hash
    try:
        return source.source_hash(Path(inspect.getfile(type(plugin))))
    except (OSError, TypeError):
        return ""
