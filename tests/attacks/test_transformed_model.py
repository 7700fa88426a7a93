"""Transformed models: the key follows from two checkpoints, and from no others."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from ppattack.attack import Context, Recovery
from ppattack.attacks.transformed_model import TransformedModel
from ppattack.data.source import ImageSets
from ppattack.errors import ConfigError, DataError, NotApplicable, NotGranted
from ppattack.evaluation.scores import evaluate
from ppattack.evaluation.verdict import decide
from ppattack.isolation import messages
from ppattack.metrics.images import ImageScorer
from ppattack.metrics.keys import key_agreement
from ppattack.plugins import registry
from ppattack.scenario import Scenario, from_ciphertexts, simulate
from ppattack.scenario.models import EMBEDDING, POSITIONS, made_up_model, transformed
from ppattack.seeding import numpy_stream
from ppattack.target import Key, PermXorTarget, Target
from targets.block_defence import BlockDefence
from targets.ele import ELE
from targets.etc_sub import EtcSub
from targets.le import LE
from targets.patch_shuffle import PatchShuffle
from targets.pe import PE
from targets.vit_blocks import VitBlocks
from tests.conftest import smooth_sets

CONTEXT = Context(torch.device("cpu"), seed=3)
SIDE, EDGE = 64, 16
SHAPE = (3, SIDE, SIDE)
BLOCKS, BYTES, WIDTH = (SIDE // EDGE) ** 2, 3 * EDGE**2, 96
Model = dict[str, Tensor]


def _sets(size: int = SIDE) -> ImageSets:
    return smooth_sets(10, 8, size)


def _public(seed: int = 0, *, positions: bool = True) -> Model:
    """A model as timm saves one, with other tensors around; without positions a ConvMixer."""
    drawn = torch.Generator().manual_seed(seed)
    model = {
        "cls_token": torch.randn(1, 1, WIDTH, generator=drawn),
        EMBEDDING: torch.randn(WIDTH, 3, EDGE, EDGE, generator=drawn),
        "patch_embed.proj.bias": torch.randn(WIDTH, generator=drawn),
        "blocks.0.mlp.fc1.weight": torch.randn(4 * WIDTH, WIDTH, generator=drawn),
        "blocks.0.depthwise.weight": torch.randn(WIDTH, 1, 9, 9, generator=drawn),
    }
    if positions:
        model[POSITIONS] = torch.randn(1, 1 + BLOCKS, WIDTH, generator=drawn)
    return model


def _by_hand(model: Model, key: Key) -> Model:
    """The transformation from its text, input by input and block by block."""
    copy = {name: tensor.clone() for name, tensor in model.items()}
    ours, theirs = model[EMBEDDING].reshape(WIDTH, BYTES), copy[EMBEDDING].view(WIDTH, BYTES)
    for j in range(BYTES):
        sign = -1 if key.parts["flips"][j] else 1
        theirs[:, j] = sign * ours[:, int(key.parts["pixels"][j])]
    if POSITIONS in model:
        for b in range(BLOCKS):
            source = 1 + int(key.parts["blocks"][b])
            copy[POSITIONS][0, 1 + b] = model[POSITIONS][0, source]
    return copy


def _files(folder: Path, public: Model, copy: Model) -> dict[str, str]:
    """Both models on disk: one as safetensors, one as a state dict beside an epoch."""
    first, second = folder / "public.safetensors", folder / "copy.pth"
    save_file(public, first)
    torch.save({"epoch": 3, "state_dict": copy}, second)
    return {"public_model": str(first), "transformed_model": str(second)}


def _key(target: Target) -> Key:
    return target.generate_key(numpy_stream(9, "key"), SHAPE)


def _from_files(
    folder: Path, target: Target, public: Model, copy: Model, **settings: Any
) -> tuple[Recovery, Scenario]:
    attack = TransformedModel(**_files(folder, public, copy), **settings)
    scenario = simulate(attack, target, _sets(), "dataset", seed=5, key=_key(target))
    return attack(scenario.observation, CONTEXT), scenario


def _exact(recovery: Recovery, scenario: Scenario, target: PermXorTarget) -> bool:
    assert recovery.key is not None
    assert scenario.truth.key is not None
    agreement = key_agreement(recovery.key, target.permxor(scenario.truth.key))
    images, plain = recovery.images, scenario.truth.images
    assert images is not None
    assert plain is not None
    assert agreement.exact == torch.equal(images, plain)
    return bool(agreement.exact)


def test_a_vision_transformer_gives_the_key(tmp_path: Path) -> None:
    target, public = VitBlocks(block_size=EDGE), _public()
    recovery, scenario = _from_files(tmp_path, target, public, _by_hand(public, _key(target)))
    assert _exact(recovery, scenario, target)
    assert recovery.limits == ""
    assert recovery.notes["certain inputs"] == 1.0
    assert recovery.notes["models"] == "files"


def test_a_convmixer_gives_the_key(tmp_path: Path) -> None:
    target = VitBlocks(block_size=EDGE, scramble=False)
    public = {f"net.{name}": each for name, each in _public(positions=False).items()}
    copy = _by_hand({EMBEDDING: public[f"net.{EMBEDDING}"]}, _key(target))
    recovery, scenario = _from_files(tmp_path, target, public, copy)
    assert _exact(recovery, scenario, target)
    assert recovery.limits == ""


def test_without_positions_blocks_stay_moved_and_it_says_so(tmp_path: Path) -> None:
    target, public = VitBlocks(block_size=EDGE), _public(positions=False)
    recovery, scenario = _from_files(tmp_path, target, public, _by_hand(public, _key(target)))
    assert not _exact(recovery, scenario, target)
    assert "no table of positions" in recovery.limits
    assert not recovery.refuted


@pytest.mark.parametrize("amount", [0.1, 0.5])
def test_fine_tuning_does_not_hide_the_key(tmp_path: Path, amount: float) -> None:
    target, public = VitBlocks(block_size=EDGE), _public()
    copy = _by_hand(public, _key(target))
    drawn = torch.Generator().manual_seed(8)
    for name, tensor in copy.items():
        copy[name] = 1.5 * tensor + amount * torch.randn(tensor.shape, generator=drawn)
    recovery, scenario = _from_files(tmp_path, target, public, copy)
    assert recovery.key is not None
    assert scenario.truth.key is not None
    true = target.permxor(scenario.truth.key)
    inside = recovery.key.mask == true.mask
    assert inside.all()
    assert (recovery.key.index == true.index).mean() > 0.999


def test_models_of_two_origins_prove_nothing(tmp_path: Path) -> None:
    target, public = VitBlocks(block_size=EDGE), _public()
    copy = _by_hand(_public(seed=1), _key(target))
    recovery, scenario = _from_files(tmp_path, target, public, copy)
    assert recovery.refuted
    assert "not of one origin" in recovery.limits
    scorer = ImageScorer(torch.device("cpu"), "not needed here")
    evaluation = evaluate(recovery, scenario, target, scorer, seed=0)
    judged = decide(evaluation, None, None)
    assert judged.verdict == "INCONCLUSIVE"
    assert "not of one origin" in judged.reason


def test_a_model_under_another_key_proves_nothing(tmp_path: Path) -> None:
    target, public = VitBlocks(block_size=EDGE), _public()
    other = target.generate_key(numpy_stream(10, "key"), SHAPE)
    recovery, scenario = _from_files(tmp_path, target, public, _by_hand(public, other))
    assert not _exact(recovery, scenario, target)
    assert "does not decrypt these ciphertexts" in recovery.limits


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({EMBEDDING: torch.zeros(WIDTH, 3, 8, 8)}, "no tensor that could be a patch embedding"),
        ({EMBEDDING: torch.zeros(48, 3, EDGE, EDGE)}, r"shapes \(96, .*\) and \(48"),
        ({"other.weight": torch.zeros(WIDTH, 3, EDGE, EDGE)}, "2 tensors that could be"),
    ],
)
def test_other_shapes_are_refused(tmp_path: Path, change: Model, words: str) -> None:
    with pytest.raises(DataError, match=words) as raised:
        _from_files(tmp_path, VitBlocks(block_size=EDGE), _public(), _public() | change)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("side", ["public", "copy"])
@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (EMBEDDING, lambda each: each.to(torch.int8), "no floating-point numbers but int8 ones"),
        (EMBEDDING, lambda each: torch.full_like(each, float("nan")), "not finite"),
        (POSITIONS, lambda each: torch.full_like(each, float("inf")), "not finite"),
        (POSITIONS, lambda each: each.to(torch.complex64), "but complex64 ones"),
        (POSITIONS, lambda each: each[:, :5], f"has a table of {BLOCKS} positions, and .* none"),
    ],
)
def test_weights_that_cannot_be_compared(
    tmp_path: Path, side: str, name: str, change: Callable[[Tensor], Tensor], words: str
) -> None:
    target, public = VitBlocks(block_size=EDGE), _public()
    copy = _by_hand(public, _key(target))
    changed = public if side == "public" else copy
    changed[name] = change(changed[name]).contiguous()
    with pytest.raises(DataError, match=words) as raised:
        _from_files(tmp_path, target, public, copy)
    assert "\n" not in str(raised.value)
    assert ("public.safetensors" if side == "public" else "copy.pth") in str(raised.value)


def test_tensors_can_be_named(tmp_path: Path) -> None:
    target, public = VitBlocks(block_size=EDGE), _public()
    copy = _by_hand(public, _key(target))
    extra = {"first": torch.zeros(WIDTH, 3, EDGE, EDGE), "pos_2": torch.zeros(BLOCKS, WIDTH)}
    named = {"embedding": EMBEDDING, "positions": POSITIONS}
    recovery, scenario = _from_files(tmp_path, target, extra | public, copy | extra, **named)
    assert _exact(recovery, scenario, target)
    with pytest.raises(DataError, match="'first' is not .* no such tensor"):
        _from_files(tmp_path, target, public, copy, embedding="first")


class _Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("this must never run",)


def _damaged(folder: Path) -> Mapping[str, tuple[Path, str]]:
    folder.mkdir(exist_ok=True)
    (folder / "text.pth").write_text("no weights")
    (folder / "text.safetensors").write_text("no weights")
    torch.save({"epoch": 1}, folder / "empty.pth")
    with (folder / "harmful.pth").open("wb") as file:
        pickle.dump({"weight": _Harmful()}, file)
    torch.save({"weight": _Harmful()}, folder / "hidden.pth")
    return {
        "missing": (folder / "missing.pth", "cannot be read"),
        "folder": (folder, "cannot be read"),
        "text": (folder / "text.pth", "no file of weights"),
        "safetensors": (folder / "text.safetensors", "no file of weights"),
        "empty": (folder / "empty.pth", "no tensors by name"),
        "harmful": (folder / "harmful.pth", "could run code and is not opened"),
        "hidden": (folder / "hidden.pth", "could run code and is not opened"),
    }


@pytest.mark.parametrize(
    "kind", ["missing", "folder", "text", "safetensors", "empty", "harmful", "hidden"]
)
def test_files_that_are_no_weights(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, words = _damaged(tmp_path / "damaged")[kind]
    save_file(_public(), tmp_path / "public.safetensors")
    files = {"public_model": str(tmp_path / "public.safetensors"), "transformed_model": str(path)}
    attack, target = TransformedModel(**files), VitBlocks(block_size=EDGE)
    scenario = simulate(attack, target, _sets(), "dataset", seed=5)
    with pytest.raises(DataError, match=words) as raised:
        attack(scenario.observation, CONTEXT)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "must never run" not in capsys.readouterr().out


def test_one_file_is_no_pair() -> None:
    with pytest.raises(ConfigError, match="give both"):
        TransformedModel(public_model="public.pth")


@pytest.mark.parametrize(
    "target",
    [
        VitBlocks(block_size=8),
        VitBlocks(block_size=8, order="hwc", shuffle="sub-blocks"),
        VitBlocks(block_size=8, shuffle="none", flips=False),
        PatchShuffle(patch_size=8),
        BlockDefence(transformation="shf-np"),
        EtcSub(),
    ],
    ids=repr,
)
def test_a_made_up_model_gives_every_key_of_blocks(target: PermXorTarget) -> None:
    attack = TransformedModel(fine_tuning=0.1)
    scenario = simulate(attack, target, _sets(), "dataset", seed=5)
    assert scenario.observation.threat.tuned == 0.1
    recovery = attack(scenario.observation, CONTEXT)
    assert _exact(recovery, scenario, target)
    assert recovery.limits == ""


def test_the_transformed_model_answers_as_the_public_one() -> None:
    """Its embedding of ciphertexts is that of plain images, in the order of the cipher's blocks."""
    target = VitBlocks(block_size=8)
    plain = _sets(32).victims
    key = target.generate_key(numpy_stream(2, "key"), (3, 32, 32))
    model = made_up_model(target, (3, 32, 32), numpy_stream(0, "model"))
    copy = transformed(model, target, key)

    def embedded(weights: Mapping[str, Tensor], images: Tensor) -> Tensor:
        made = functional.conv2d(images / 127.5 - 1, weights[EMBEDDING], stride=8)
        return made.flatten(2).transpose(1, 2) + weights[POSITIONS][:, 1:]

    ours = embedded(model, plain)[:, np.asarray(key.parts["blocks"], np.int64)]
    theirs = embedded(copy, target.encrypt(plain, key))
    assert torch.allclose(ours, theirs, atol=1e-3)
    assert not torch.allclose(embedded(model, target.encrypt(plain, key)), ours, atol=1.0)


@pytest.mark.parametrize(
    "target",
    [LE(), ELE(), PE(), EtcSub(keys="independent"), VitBlocks(pixel_keys="each")],
    ids=repr,
)
def test_what_no_model_can_follow(target: PermXorTarget) -> None:
    with pytest.raises(NotApplicable, match="all blocks alike"):
        simulate(TransformedModel(), target, _sets(), "dataset", seed=5)
    with pytest.raises(NotApplicable, match="all blocks alike"):
        transformed(_public(), target, target.generate_key(numpy_stream(0, "key"), SHAPE))


def test_keys_of_single_images_are_refused() -> None:
    with pytest.raises(NotGranted, match="one key per image"):
        simulate(TransformedModel(), VitBlocks(), _sets(), "image", seed=5)


def test_ciphertexts_of_others_need_both_files(tmp_path: Path) -> None:
    target, public = VitBlocks(block_size=EDGE), _public()
    key, plain = _key(target), _sets().victims
    made, names = target.encrypt(plain, key), tuple(f"{i}.png" for i in range(len(plain)))

    def attacked(attack: TransformedModel) -> Recovery:
        scenario = from_ciphertexts(
            attack, target, made, names, truth=None, public=None, scope="dataset"
        )
        return attack(scenario.observation, CONTEXT)

    with pytest.raises(NotGranted, match=r"--set attack\.public_model=FILE"):
        attacked(TransformedModel())
    recovery = attacked(TransformedModel(**_files(tmp_path, public, _by_hand(public, key))))
    assert recovery.images is not None
    assert torch.equal(recovery.images, plain)


def test_controls() -> None:
    """The one that must break is as hard as the scheme; files play no part in either."""
    attack = TransformedModel(public_model="a", transformed_model="b", fine_tuning=0.2)
    scheme = VitBlocks(block_size=8, scramble=False, flips=False).public()
    control = attack.positive_control(scheme)
    assert control.settings == {"block_size": 8, "scramble": False, "flips": False}
    small = attack.at_control_budget()
    assert (small.config.public_model, small.requires().tuned) == ("", 0.2)
    wrong = small.negative_control()
    target = registry.target(wrong.target)(**wrong.settings)
    scenario = simulate(small, target, _sets(), wrong.key_scope, seed=1, vain_pairs=True)
    recovery = small(scenario.observation, CONTEXT)
    assert "does not decrypt" in recovery.limits


def test_a_process_of_its_own_is_sent_both_models() -> None:
    target, attack = VitBlocks(block_size=8), TransformedModel()
    seen = simulate(attack, target, _sets(), "dataset", seed=5).observation
    facts, tensors = messages.unpack(messages.pack(*messages.observation_parts(seen)))
    again = messages.observation_of(facts, tensors, seen.scheme)
    for ours, theirs in zip(seen.models, again.models, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
