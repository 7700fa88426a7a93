"""A cipher that is a program: it turns a folder of PNG files into a folder of PNG files.

It holds its own key. Attacks are given answers that their threat model grants, never the program.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import numpy as np
from typing_extensions import override

from ppattack import images as image_ops
from ppattack.card import TargetCard
from ppattack.config import Doc, Interval
from ppattack.data.decoding import UnreadableImage
from ppattack.data.image_files import read_image, write_png
from ppattack.errors import ConfigError, PluginError, ThreatModelError
from ppattack.target.base import Target
from ppattack.target.key import Key

if TYPE_CHECKING:
    from torch import Tensor

PLACES = ("{in}", "{out}")
LAST_WORDS = 300
"""Characters of what a failed program said that are shown."""


class Oracle(Target):
    """An external program, ``CMD {in} {out}``, that encrypts a folder under the one key it has.

    ``{in}`` becomes a folder of 8-bit PNG files, grey or RGB; the program writes one PNG file under
    the same name for each into ``{out}``, which is there and empty. It is started without a shell,
    in the folder in which ppattack was, once for all images of a call.

    Threat model: that of the attack. The public part of the scheme holds no command.
    """

    card = TargetCard(
        name="oracle",
        title="An external program that encrypts folders of PNG files",
        invertible=False,
        key_scopes=("dataset",),
        deterministic=False,
    )
    secret_settings = ("command",)

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        command: Annotated[
            str | None, Doc("the program and its words, with {in} and {out} for the two folders")
        ] = None
        shell: Annotated[bool, Doc("give the command to a shell as it is")] = False
        time_limit: Annotated[float, Interval(gt=0), Doc("seconds that one call may take")] = 60.0
        multiple: Annotated[
            int, Interval(ge=1, le=4096), Doc("ciphertexts are padded to multiples of it, pixels")
        ] = 1

    def __init__(self, config: Any = None, **settings: Any) -> None:
        super().__init__(config, **settings)
        command = self.config.command
        if command is None:
            return
        missing = [place for place in PLACES if place not in command]
        if missing:
            raise ConfigError(
                f"--oracle '{command}' does not hold {' and '.join(missing)}: name the two "
                "folders, as in 'my-cipher {in} {out}'."
            )
        try:
            shlex.split(command)
        except ValueError as error:
            raise ConfigError(f"--oracle '{command}': its quotes do not match ({error}).") from None

    @property
    @override
    def size_multiple(self) -> int:
        """As the program pads images."""
        return int(self.config.multiple)

    @override
    def files(self) -> tuple[Path, ...]:
        """The program, and the files among its words."""
        if self.config.command is None:
            return ()
        words = shlex.split(self.config.command)
        program = shutil.which(words[0]) if words else None
        found = [Path(word) for word in ([program] if program else []) + words]
        return tuple(dict.fromkeys(each.resolve() for each in found if each.is_file()))

    @override
    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """What the program makes of the images.

        Raises:
            PluginError: if it fails, takes too long, or leaves files that are missing or wrong.
            ThreatModelError: if this is the public part of a scheme.
        """
        import torch

        image_ops.check(images, "plain images")
        self.check_key(images, key, key.image_shape)
        if not len(images):
            return images.new_empty((0, *self.padded_shape(key.image_shape)))
        with tempfile.TemporaryDirectory(prefix="ppattack-oracle-") as place:
            given, made = Path(place, "in"), Path(place, "out")
            given.mkdir()
            made.mkdir()
            names = [f"{i:05d}.png" for i in range(len(images))]
            for name, image in zip(names, images.cpu(), strict=True):
                write_png(given / name, image)
            self._run(given, made)
            shape = self.padded_shape(key.image_shape)
            found = [self._read(made, name, shape) for name in names]
            extra = sorted({each.name for each in made.iterdir()} - set(names))
        if extra:
            raise self._fault(f"wrote {len(extra)} files of other names, first '{extra[0]}'")
        return torch.stack(found).to(images.device)

    def _run(self, given: Path, made: Path) -> None:
        """Run the program to its end, and all processes of its group no longer than that."""
        if self.config.command is None:
            raise ThreatModelError(
                "no command: attacks are given answers of an oracle, never the oracle. Name the "
                "program with --oracle 'CMD {in} {out}'."
            )
        folders = dict(zip(PLACES, (str(given), str(made)), strict=True))
        command: str | list[str]
        if self.config.shell:
            command = _filled(self.config.command, {k: shlex.quote(v) for k, v in folders.items()})
        else:
            command = [_filled(word, folders) for word in shlex.split(self.config.command)]
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(  # noqa: S603
                    command,
                    shell=self.config.shell,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    start_new_session=True,
                )
            except OSError as error:
                raise ConfigError(
                    f"--oracle: cannot start '{command[0]}' ({error.strerror}): name a program on "
                    "the path or the path of one; --oracle-shell gives the command to a shell."
                ) from None
            try:
                status = process.wait(self.config.time_limit)
            except subprocess.TimeoutExpired:
                words = f"took longer than {self.config.time_limit:g} s (--set target.time_limit)"
                raise self._fault(words) from None
            finally:
                _end(process)
            if status != 0:
                raise self._fault(f"ended with exit status {status}{_last_words(said)}")

    def _read(self, folder: Path, name: str, shape: tuple[int, int, int]) -> Tensor:
        path = folder / name
        if not path.is_file():
            count = sum(1 for each in folder.iterdir() if each.is_file())
            words = f"wrote no '{name}' ({count} files in all): every image needs its ciphertext"
            raise self._fault(f"{words} under the same name")
        try:
            found = read_image(path)
        except UnreadableImage as error:
            raise self._fault(f"wrote a '{name}' that cannot be read ({error.reason})") from None
        if found.shape[0] != shape[0]:
            kinds = {1: "grey", 3: "RGB"}
            raise self._fault(
                f"wrote a {kinds[found.shape[0]]} '{name}' for images that are {kinds[shape[0]]}: "
                "write files with the channels of those in {in}"
            )
        if tuple(found.shape) != shape:
            raise self._fault(
                f"wrote a '{name}' of shape {tuple(found.shape)}, not {shape} (channels, height, "
                "width): keep the size, or say what it is padded to with --set target.multiple"
            )
        return found

    def _fault(self, words: str) -> PluginError:
        return PluginError(f"the program of --oracle ({self.config.command}) {words}.")


def _filled(text: str, folders: dict[str, str]) -> str:
    for place, folder in folders.items():
        text = text.replace(place, folder)
    return text


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop a program and whatever it has started."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _last_words(said: IO[bytes]) -> str:
    """The last line that a program wrote to its standard error, if there is one."""
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - LAST_WORDS))
    lines = said.read().decode(errors="replace").strip().splitlines()
    return f": {lines[-1].strip().rstrip('.')}" if lines else ""
