"""Classifiers by name: those of the papers, taken from timm if it has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from ppattack.config import Doc, Interval
from ppattack.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

Family = Literal["convmixer", "vit", "resnet", "shakedrop"]
SMALL_IMAGE = 64
"""Edge up to which a published ConvMixer takes single pixels as patches."""
VIT_SIZES = {"t": "tiny", "s": "small", "b": "base"}
VIT_PATCH = 16
MOST_SIZE = 4096
NAMES = ("convmixer-256/8", "convmixer-384/8", "vit-b/16", "resnet-18", "shakedrop")
PATTERNS: dict[Family, re.Pattern[str]] = {
    "convmixer": re.compile(r"convmixer-(\d+)/(\d+)"),
    "vit": re.compile(rf"vit-([{''.join(VIT_SIZES)}])/16"),
    "resnet": re.compile(r"resnet-18"),
    "shakedrop": re.compile(r"shakedrop(?:-(\d+)/(\d+))?"),
}
HEAD = re.compile(r"(^|\.)(head|fc)\.")
TIMM_WEIGHTS = "timm"


@dataclass(frozen=True)
class ModelConfig:
    """Settings of a classifier."""

    patch_size: Annotated[
        int | None,
        Interval(ge=1, le=64),
        Doc("edge of a ConvMixer's patch, pixels; none: 1 up to 64 px, 4 beyond"),
    ] = None
    kernel_size: Annotated[
        int, Interval(ge=1, le=31), Doc("edge of a ConvMixer's depthwise convolutions")
    ] = 9
    adaptation: Annotated[
        Literal["none", "le", "ele"], Doc("adaptation network before it, of LE or ELE")
    ] = "none"
    weights: Annotated[
        str | None,
        Doc("weights to begin with: a .safetensors file, or 'timm' to fetch a ViT's"),
    ] = None


@dataclass(frozen=True)
class InputForm:
    """What a classifier is given.

    Args:
        shape: ``(C, H, W)`` of image ciphertexts, or ``(P, D)`` of tokens.
        classes: number of logits.
    """

    shape: tuple[int, ...]
    classes: int

    @property
    def tokens(self) -> bool:
        """Whether it is codes of patches, in an unknown order."""
        return len(self.shape) == 2


def family_of(name: str) -> Family:
    """The kind of classifier that a name stands for.

    Raises:
        ConfigError: if no classifier has the name.
    """
    for family, pattern in PATTERNS.items():
        if pattern.fullmatch(name):
            return family
    raise ConfigError(
        f"there is no model '{name}': use {', '.join(NAMES)}; other widths and depths as "
        "convmixer-WIDTH/DEPTH and shakedrop-DEPTH/ALPHA, other sizes as vit-t/16 and vit-s/16."
    )


def build(name: str, config: ModelConfig, form: InputForm, *, download: bool = False) -> nn.Module:
    """A classifier: logits ``(N, classes)`` of float inputs.

    Args:
        name: of the model.
        config: its settings.
        form: what it is given.
        download: whether weights may be fetched.

    Raises:
        ConfigError: for an unknown name, a size that the model cannot have or take, weights of
            another network, or if timm is not installed.
    """
    family = family_of(name)
    if form.tokens and family != "vit":
        raise ConfigError(
            f"'{name}' takes images, and these ciphertexts are tokens: use --model vit-b/16."
        )
    if config.weights == TIMM_WEIGHTS and family != "vit":
        raise ConfigError(f"timm has no weights for '{name}': leave model.weights out.")
    if config.adaptation == "none":
        network = _plain(family, name, config, form, download=download)
    else:
        network = _adapted(family, name, config, form)
    if config.weights not in (None, TIMM_WEIGHTS):
        _load(network, Path(str(config.weights)))
    return network


def parameter_count(network: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(each.numel() for each in network.parameters() if each.requires_grad)


def _plain(
    family: Family, name: str, config: ModelConfig, form: InputForm, *, download: bool = False
) -> nn.Module:
    if family == "convmixer":
        return _convmixer(name, config, form)
    if family == "vit":
        return _vit(name, config, form, download=download)
    if family == "resnet":
        from ppattack.networks.resnet import resnet18

        return resnet18(form.shape[0], form.classes)
    from ppattack.networks.shake_pyramid import ShakePyramidNet

    if name == "shakedrop":
        return ShakePyramidNet(form.shape[0], form.classes)
    depth, alpha = _sizes(name)
    return ShakePyramidNet(form.shape[0], form.classes, depth, alpha)


def _sizes(name: str) -> tuple[int, int]:
    """The two numbers at the end of a model's name."""
    first, second = (int(number) for number in name.rpartition("-")[2].split("/"))
    if not (1 <= first <= MOST_SIZE and 1 <= second <= MOST_SIZE):
        raise ConfigError(f"model '{name}' is not valid: its sizes must be 1 to {MOST_SIZE}.")
    return first, second


def _convmixer(name: str, config: ModelConfig, form: InputForm) -> nn.Module:
    models = _timm()
    width, depth = _sizes(name)
    channels, *edges = form.shape
    patch = config.patch_size or (1 if max(edges) <= SMALL_IMAGE else 4)
    if patch > min(edges):
        raise ConfigError(
            f"model.patch_size={patch} is larger than the images ({edges[1]}x{edges[0]} pixels)."
        )
    network: nn.Module = models.convmixer.ConvMixer(
        width,
        depth,
        kernel_size=config.kernel_size,
        patch_size=patch,
        in_chans=channels,
        num_classes=form.classes,
    )
    return network


def _vit(name: str, config: ModelConfig, form: InputForm, *, download: bool) -> nn.Module:
    models = _timm()
    fetched = config.weights == TIMM_WEIGHTS
    if fetched and not download:
        raise ConfigError("model.weights=timm fetches weights: add --download.")
    if fetched and form.tokens:
        raise ConfigError(
            "no ViT was pre-trained on such tokens: leave model.weights out, or name a file."
        )
    architecture = f"vit_{VIT_SIZES[name[4]]}_patch{VIT_PATCH}_224"
    if form.tokens:
        return _token_vit(models, architecture, form)
    channels, height, width = form.shape
    if height % VIT_PATCH or width % VIT_PATCH:
        raise ConfigError(
            f"'{name}' takes images of whole patches of {VIT_PATCH} pixels, not {width}x{height}: "
            "choose another --size."
        )
    settings = {"img_size": (height, width), "in_chans": channels, "num_classes": form.classes}
    tag = ".augreg_in21k" if fetched else ""
    try:
        network: nn.Module = models.create_model(architecture + tag, pretrained=fetched, **settings)
    except Exception as error:  # the network, the hub's client, or a damaged file
        if not fetched:
            raise
        raise ConfigError(f"the weights of '{name}' could not be fetched ({error}).") from error
    return network


def _token_vit(models: Any, architecture: str, form: InputForm) -> nn.Module:
    """A ViT of codes: each is mapped to the ViT's width; nothing tells it where a code belongs."""
    from torch import nn

    network: nn.Module = models.create_model(
        architecture, num_classes=form.classes, pos_embed="none"
    )
    network.patch_embed = nn.Linear(form.shape[1], int(network.num_features))  # type: ignore[arg-type]
    return network


def _adapted(family: Family, name: str, config: ModelConfig, form: InputForm) -> nn.Module:
    """A classifier of 16 channels behind an adaptation network."""
    from ppattack.networks.adaptation import BLOCK, FEATURES, Adapted, EleAdaptNet, LeAdaptNet

    if family == "vit":
        raise ConfigError(
            "adaptation networks belong before resnet-18, shakedrop or a ConvMixer: leave "
            "model.adaptation out."
        )
    channels, height, width = form.shape
    if height % BLOCK or width % BLOCK:
        raise ConfigError(
            f"adaptation networks take images of whole blocks of {BLOCK} pixels, not "
            f"{width}x{height}: choose another --size."
        )
    classifier = _plain(family, name, config, InputForm((FEATURES, height, width), form.classes))
    if config.adaptation == "le":
        return Adapted(LeAdaptNet(channels), classifier)
    return Adapted(EleAdaptNet((channels, height, width)), classifier)


def _load(network: nn.Module, path: Path) -> None:
    """Load weights from a file; a head for other classes is left out."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ConfigError(
            f"model.weights={path} cannot be read ({error}): name a .safetensors file."
        ) from None
    wanted = network.state_dict()
    other = [
        name
        for name in sorted(wanted.keys() | found.keys())
        if name not in wanted or name not in found or wanted[name].shape != found[name].shape
    ]
    unlike = [name for name in other if not HEAD.search(name)]
    if unlike:
        raise ConfigError(
            f"model.weights={path} is for another network: {len(unlike)} of its weights differ in "
            f"name or shape, first '{unlike[0]}'."
        )
    network.load_state_dict({**wanted, **{n: v for n, v in found.items() if n not in other}})


def _timm() -> Any:
    """The models of timm."""
    try:
        import timm.models
    except ImportError as error:
        raise ConfigError(
            f"this model comes from timm, which is not installed ({error}): "
            "pip install 'ppattack[utility]', or use --model resnet-18."
        ) from None
    return timm.models
