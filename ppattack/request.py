"""What to run: the request, and what can be refused about it without asking a plug-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from ppattack.attack import PRESETS
from ppattack.config import Doc, Interval
from ppattack.data.windows import Window
from ppattack.errors import ConfigError, DataError, nearest
from ppattack.jpeg import Jpeg
from ppattack.options import Flag, check_range, options
from ppattack.plugins.registry import ORACLE
from ppattack.threat import KeyScope

GALLERY = (1000, 200)
"""Images among which reconstructions are looked for, and as many with the preset ``smoke``."""


@dataclass(frozen=True)
class RunRequest:
    """What to run.

    Args:
        attack: registered name or ``path/to/file.py:Class``.
        target: likewise; may be left out with ``oracle``.
        data: image source, ``name`` or ``name:argument``; with ``ciphertexts`` it names the
            adversary's public images and may be None.
        oracle: the command of an external program, with ``{in}`` and ``{out}`` for folders of PNG
            files: the target is then ``oracle``.
        oracle_shell: whether a shell reads that command.
        size: edge of the images in pixels; None for the source's own.
        window: ``CENTRE,WIDTH`` or ``full``: which levels of images of more than 8 bits become
            black and white; None for what their files say.
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
        ciphertexts: somebody else's: a folder of files, or an NPY, NPZ or tar file, or a folder of
            tar files, of which the first ``victims`` are decrypted.
        truth: their plain images, likewise, under the same names.
        candidates: plain images, likewise, of which those of ``ciphertexts`` may be some.
        link: likewise, ciphertexts under other keys, of which some may be of the same images as
            ``ciphertexts``.
        jpeg: ``QUALITY``, ``QUALITY:444`` or ``QUALITY:420``: every ciphertext goes through JPEG;
            None for no compression.
        lpips_net: ``alex``, ``vgg`` or ``squeeze``.
        lpips_weights: a file with the network's convolution weights, or None to look for them.
        gallery: images among which every reconstruction is looked for: the victims' and others
            that the adversary does not have; None for 1,000, or 200 with the preset ``smoke``.
        download: whether data or weights may be fetched.
        isolate: whether the attack runs in a process of its own that holds nothing secret.
        time_limit: seconds that such a process may take for the attack or one control; implies
            ``isolate``.
        memory_limit: GiB of memory that it may hold; implies ``isolate``.
        entropy_from: ``report.json`` of an isolated run, or its folder: keys are drawn from the
            same random bits, so that its numbers come again; None for new bits if isolated.
        threads: torch computes with; a trained network differs with their number. None for one if
            there are few ciphertexts and nothing is trained, else those that torch has.
    """

    attack: Annotated[str, Flag("--attack"), Doc("Name, or path/to/file.py:Class.")]
    target: Annotated[str, Flag("--target"), Doc("Name, or path/to/file.py:Class.")] = ""
    data: Annotated[
        str | None,
        Flag("--data"),
        Doc(
            "Image source: photos, cifar10, folder:DIR, npz:FILE, … With --ciphertexts: the "
            "adversary's public images. [default: photos; with --ciphertexts: none]"
        ),
    ] = "photos"
    oracle: Annotated[
        str | None,
        Flag("--oracle", metavar="'CMD {in} {out}'"),
        Doc("In place of --target: a program that encrypts a folder of PNG files into another."),
    ] = None
    oracle_shell: Annotated[
        bool, Flag("--oracle-shell"), Doc("Give the command of --oracle to a shell.")
    ] = False
    size: Annotated[
        int | None,
        Interval(ge=1, le=4096),
        Flag("--size", unit=" pixels"),
        Doc("Edge of the images, pixels. [default: 32 for photos, else native]"),
    ] = None
    window: Annotated[
        str | None,
        Flag("--window", metavar="CENTRE,WIDTH"),
        Doc(
            "Levels of DICOM and 16-bit files that become black to white, or full. "
            "[default: as DICOM files say]"
        ),
    ] = None
    victims: Annotated[
        int, Interval(ge=1), Flag("-n", "--victims"), Doc("Images to encrypt and score.")
    ] = 256
    adversary: Annotated[
        int, Interval(ge=0), Flag("--adversary"), Doc("Public images for the adversary.")
    ] = 2000
    overlap: Annotated[
        bool,
        Flag("--published-overlap"),
        Doc(
            "Give the adversary the victims' own images, unpaired, as published evaluations of "
            "trained attacks do; to repeat their figures only."
        ),
    ] = False
    key_scope: Annotated[
        KeyScope | None,
        Flag("--key-scope"),
        Doc("dataset (one key for all) or image (a fresh one each)."),
    ] = None
    preset: Annotated[
        str, Flag("--preset"), Doc("smoke (seconds), standard (minutes), paper (GPU).")
    ] = "standard"
    attack_settings: Mapping[str, Any] = field(default_factory=dict)
    target_settings: Mapping[str, Any] = field(default_factory=dict)
    seed: Annotated[int, Flag("--seed"), Doc("One number for everything random.")] = 0
    device: Annotated[str, Flag("--device"), Doc("auto, cpu, cuda, cuda:1, …")] = "auto"
    out: Annotated[Path, Flag("--out", repeats=False), Doc("Folder to write to.")] = Path("runs")
    force: Annotated[bool, Flag("--force", repeats=False), Doc("Run again what is finished.")] = (
        False
    )
    save_images: Annotated[
        int | None,
        Flag("--save-images", repeats=False),
        Doc("Reconstructions to write: all, none or a number."),
    ] = 64
    ciphertexts: Annotated[
        Path | None,
        Flag("--ciphertexts"),
        Doc("Attack these: a folder of files, or FILE.npy, .npz, .tar; nobody knows the key."),
    ] = None
    truth: Annotated[
        Path | None,
        Flag("--truth"),
        Doc("Plain images of --ciphertexts, under the same names."),
    ] = None
    candidates: Annotated[
        Path | None,
        Flag("--candidates"),
        Doc("Plain images, of which those of --ciphertexts may be some; any names."),
    ] = None
    link: Annotated[
        Path | None,
        Flag("--link"),
        Doc("Ciphertexts under other keys: which of them are of the images of --ciphertexts?"),
    ] = None
    jpeg: Annotated[
        str | None,
        Flag("--jpeg", metavar="QUALITY[:444|420]"),
        Doc("Send every ciphertext through JPEG: 1 to 100, colours whole (444) or halved (420)."),
    ] = None
    lpips_net: Annotated[
        str, Flag("--lpips-net"), Doc("Network of LPIPS: alex, vgg or squeeze.")
    ] = "alex"
    lpips_weights: Annotated[
        Path | None, Flag("--lpips-weights"), Doc("Its convolution weights.")
    ] = None
    gallery: Annotated[
        int | None,
        Interval(ge=1, le=100_000),
        Flag("--gallery"),
        Doc(
            "Images among which every reconstruction is looked for, the victims' and others. "
            "[default: 1000; 200 with --preset smoke]"
        ),
    ] = None
    download: Annotated[bool, Flag("--download"), Doc("Allow fetching data and weights.")] = False
    isolate: Annotated[
        bool,
        Flag("--isolate"),
        Doc("Run the attack in a process of its own that holds nothing secret."),
    ] = False
    time_limit: Annotated[
        float | None,
        Interval(gt=0),
        Flag("--time-limit", metavar="SECONDS"),
        Doc("Stop an attack after this time; isolates it."),
    ] = None
    memory_limit: Annotated[
        float | None,
        Interval(gt=0),
        Flag("--memory-limit", metavar="GIB"),
        Doc("Stop an attack above this; isolates it."),
    ] = None
    entropy_from: Annotated[
        Path | None,
        Flag("--entropy-from", metavar="REPORT"),
        Doc("Draw keys from the random bits of this isolated run, to repeat its numbers."),
    ] = None
    threads: Annotated[
        int | None,
        Interval(ge=1, le=4096),
        Flag("--threads"),
        Doc("Threads of torch. [default: one for small runs that train nothing, else torch's]"),
    ] = None

    def __post_init__(self) -> None:
        as_paths(
            self,
            *("out", "ciphertexts", "truth", "candidates", "link", "lpips_weights", "entropy_from"),
        )
        if self.link is not None:
            object.__setattr__(self, "attack_settings", {**self.attack_settings, "link": True})
        if self.oracle is not None:
            if self.target not in ("", ORACLE):
                raise ConfigError("--oracle stands in place of --target: leave one of them out.")
            given = {"command": self.oracle, "shell": self.oracle_shell}
            object.__setattr__(self, "target", ORACLE)
            object.__setattr__(self, "target_settings", {**self.target_settings, **given})

    @property
    def isolated(self) -> bool:
        """Whether the attack gets a process of its own."""
        return self.isolate or self.time_limit is not None or self.memory_limit is not None

    @property
    def gallery_size(self) -> int:
        """How many images every reconstruction is looked for among, if there are as many."""
        return self.gallery or GALLERY[self.preset == "smoke"]


def as_paths(request: object, *names: str) -> None:
    """Turn those fields of a frozen request that were given as text into paths."""
    for name in names:
        given = getattr(request, name)
        if given is not None:
            object.__setattr__(request, name, Path(given))


def check(request: RunRequest) -> None:
    """Refuse what is wrong whatever the plug-ins are.

    Raises:
        ConfigError: for a number out of range or options that do not go together.
        DataError: if the output folder is a file.
    """
    for option in options(type(request)):
        check_range(option, getattr(request, option.name))
    check_common(request.preset, request.size, request.out)
    if request.oracle_shell and request.oracle is None:
        raise ConfigError("--oracle-shell belongs to --oracle: name the command, or leave it out.")
    if request.truth is not None and request.ciphertexts is None:
        raise ConfigError("--truth belongs to --ciphertexts: name the folder of ciphertexts too.")
    _check_compared(request)
    Window.given(request.window)
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


def _check_compared(request: RunRequest) -> None:
    """Refuse images or ciphertexts to compare with none, or with themselves."""
    if request.link is not None and request.candidates is not None:
        raise ConfigError(
            "--link and --candidates are two questions: compare ciphertexts with ciphertexts, or "
            "with plain images, and leave the other out."
        )
    for option, folder, instead in (
        ("--candidates", request.candidates, "attack.distractors=N for candidates"),
        ("--link", request.link, "attack.link=true for images"),
    ):
        if folder is None:
            continue
        if request.ciphertexts is None:
            raise ConfigError(
                f"{option} belongs to --ciphertexts: name the folder of ciphertexts too, or use "
                f"--set {instead} from --data."
            )
        if folder.resolve() == request.ciphertexts.resolve():
            raise ConfigError(
                f"{option} and --ciphertexts are one folder, {folder}: every file would match "
                "itself."
            )


def check_common(preset: str | None, size: int | None, out: Path) -> None:
    """Refuse a preset, a size or an output folder that no request can have.

    Raises:
        ConfigError: for an unknown preset, or a size out of range.
        DataError: if the output folder is a file.
    """
    if preset is not None and preset not in PRESETS:
        raise ConfigError(
            f"there is no preset '{preset}'; the nearest are: {nearest(preset, PRESETS)}."
        )
    for option in options(RunRequest):
        if option.name == "size":
            check_range(option, size)
    if out.exists() and not out.is_dir():
        raise DataError(f"--out {out} is a file: name a folder.")
