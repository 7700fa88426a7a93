"""The same work on the CPU and on a device that is not the CPU, case by case.

Run in a process of its own, ``python -m tests.support.device_cases``, since pretending a device
changes torch for good. It prints a JSON object: a list for each group with a line for each case
that went wrong, and what the device itself refuses.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.support import pretended_device

CPU = torch.device("cpu")
NEAR = 0.05
"""Grey levels by which networks may differ on average: sums in another order."""
ONE_EPOCH = {"epochs": 1, "images": 32}
FEW_MIXTURES = {"iterations": 2, "refinements": 0, "samples": 500}
TINY_ENCODER = {"variant": "small", "hidden": 32, "patch_size": 8, "depth": 3}
TINY_PAPER = {
    "variant": "paper",
    "embedding_steps": 20,
    "embedding_batch": 32,
    "own_encoders": 2,
    "images_each": 10,
    "surrogate_steps": 3,
    "surrogate_rounds": 2,
}


@dataclass(frozen=True)
class Case:
    """An attack, with its settings, on a target, with its own."""

    attack: str
    target: str
    settings: dict[str, Any] = field(default_factory=dict)
    scheme: dict[str, Any] = field(default_factory=dict)
    victims: int = 16
    scope: str = "dataset"


BLOCKS_4, BLOCKS_16 = ({"block_size": size} for size in (4, 16))
GROUPS: dict[str, list[Case]] = {
    "keys": [
        *(Case(name, "ele") for name in ("chosen-plaintext", "known-plaintext")),
        Case("known-seed", "etc", {"last": 8}, BLOCKS_4 | {"variant": "ito", "legacy_seed": 3}),
        Case("transformed-model", "vit-blocks", scheme=BLOCKS_16),
        Case("covariance-matching", "le", victims=60),
        Case("covariance-matching", "pe", scheme={"color_shuffle": True}, victims=60),
        Case("covariance-matching", "etc", scheme=BLOCKS_16, victims=4),
        Case("covariance-matching", "block-defence-ffx", victims=2),
        Case("ciphertext-only", "pe", victims=60),
        Case("exhaustive", "etc", {"epochs": 1}, BLOCKS_16, 4, "image"),
        Case("jigsaw", "etc", {"compatibility": "mgc", "prior": "none"}, BLOCKS_16, 2, "image"),
        Case("jigsaw", "etc", {"assembly": "gallagher"}, BLOCKS_16, 2),
        Case("jigsaw", "etc-gray", victims=2),
    ],
    "candidates": [
        Case("candidate-matching", "pe", {"views": True}, scope="image"),
        Case("candidate-matching", "ele", scope="image"),
        Case("class-inference", "etc", scheme=BLOCKS_16, scope="image"),
        Case("class-inference", "pe", {"epochs": 1}, scope="image"),
    ],
    "networks": [
        Case("fold", "pe", ONE_EPOCH, {"color_shuffle": True}),
        Case("fold", "pe", {"mode": "mrf"}),
        *(Case("fr", "pe", {"mode": mode}) for mode in ("basic", "advanced", "same-key")),
        *(
            Case("gan", target, {"variant": variant, "epochs": 1, "batch_size": 16})
            for variant, target in (("paper", "pe"), ("fixed", "le"), ("global", "etc"))
        ),
        *(
            Case("itn", "ele", ONE_EPOCH | {"variant": variant, "pairs": pairs})
            for variant, pairs in (("paper", 0), ("published-evaluation", 0), ("fixed", 3))
        ),
        Case("sia-gan", "etc", {"variant": "paper", "epochs": 1, "classifier_epochs": 1}),
    ],
    "codes": [
        Case("neuracrypt-matching", "neuracrypt", scheme=TINY_ENCODER, victims=24),
        Case("neuracrypt-matching", "neuracrypt", TINY_PAPER, TINY_ENCODER, 8),
        Case(
            "neuracrypt-matching",
            "neuracrypt",
            TINY_PAPER | {"first": "exact"},
            TINY_ENCODER | {"shuffle": False, "batch_norm": "batch", "batch_size": 12},
            24,
        ),
        Case("neuracrypt-matching", "color-neuracrypt", scheme=TINY_ENCODER, victims=24),
        Case("mmd", "neuracrypt", {"epochs": 2}, TINY_ENCODER | {"depth": 1}),
        Case("encoder-regression", "color-neuracrypt", {"pairs": 3}, TINY_ENCODER),
        Case("code-alignment", "neuracrypt", {"components": 4}, TINY_ENCODER, 24),
        Case("code-alignment", "color-neuracrypt", {"components": 4}, TINY_ENCODER, 24),
    ],
    "matrices": [
        Case("linear-regression", "rom", {"pairs": 3}, BLOCKS_4 | {"scramble": True}),
        Case("linear-regression", "rmt", {"chosen": 1}, {"block_size": 8}),
        Case("principal-components", "rom", scheme=BLOCKS_4),
        Case("instahide-statistics", "instahide", FEW_MIXTURES, {"members": 3, "rounds": 30}, 8),
    ],
}


Check = Callable[[torch.device], str | None]
"""Says what is wrong on the device, or None."""


def _compared(case: Case) -> Check:
    """Run a case on the CPU, and see later whether the device gives the same."""
    from ppattack.attack import Context, Recovery
    from ppattack.plugins import registry
    from ppattack.scenario import simulate
    from tests.support.labelled import labelled_sets

    target = registry.target(case.target)(**case.scheme)
    sets = labelled_sets(case.victims, 64, registry.attack(case.attack)())

    def found(where: torch.device) -> Recovery:
        attack = registry.attack(case.attack)(preset="smoke", **case.settings)
        scope: Any = case.scope
        scenario = simulate(attack, target, sets, scope, seed=0)
        pretended_device.ran.clear()
        return attack(scenario.observation, Context(where, seed=7))

    here = found(CPU)

    def check(device: torch.device) -> str | None:
        there = found(device)
        if not pretended_device.ran:
            return "nothing ran on the device"
        for name in ("images", "matching", "ranking", "classes"):
            wrong = _differ(getattr(here, name), getattr(there, name))
            if wrong:
                return f"{name}: {wrong}"
        return None

    return check


def _differ(here: Tensor | None, there: Tensor | None) -> str | None:
    if here is None and there is None:
        return None
    if here is None or there is None:
        return "only one of both"
    if there.device != CPU:
        return f"left on {there.device}"
    if here.dtype == torch.uint8:
        apart = float((here.float() - there.float()).abs().mean())
        return None if apart <= NEAR else f"{apart:.3f} grey levels apart"
    return None if torch.equal(here, there) else "not the same"


def _encrypted(device: torch.device) -> str | None:
    from ppattack.plugins import registry
    from tests.support.target_contract import example

    for name in registry.names("target"):
        target, images, key = example(name, count=3)
        here, there = target.encrypt(images, key), target.encrypt(images.to(device), key)
        if there.device.type != device.type:
            return f"{name}: ciphertexts are on {there.device}"
        if not torch.allclose(here.float(), there.cpu().float(), atol=1e-4):
            return f"{name}: other ciphertexts"
        if target.card.invertible and not torch.equal(target.decrypt(there, key).cpu(), images):
            return f"{name}: decrypted to something else"
    return None


def _scored(device: torch.device) -> str | None:
    from ppattack.metrics.images import ImageScorer
    from ppattack.metrics.lpips import Lpips
    from tests.conftest import smooth_sets

    sets = smooth_sets(victims=4, adversary=4, size=32)
    pair = sets.victims, {"other": sets.adversary, "one": sets.adversary[:1].expand(4, -1, -1, -1)}
    here = ImageScorer("cpu", Lpips()).score(*pair)
    there = ImageScorer(device, Lpips(device=device)).score(*pair)
    for metric, by_label in here.items():
        for label, values in by_label.items():
            if not torch.allclose(values, there[metric][label], atol=1e-5):
                return f"{metric} of {label}"
    return None


def _run_and_resumed(device: torch.device) -> str | None:
    """A whole run; stopped in a training, it goes on from the checkpoint."""
    import ppattack
    from ppattack.request import RunRequest
    from ppattack.training import loop

    def go(folder: str, name: str, **settings: Any) -> ppattack.Report:
        asked = RunRequest(
            target="pe",
            attack="itn",
            preset="smoke",
            attack_settings={"epochs": 2, "images": 64, **settings},
            victims=16,
            adversary=64,
            device=str(device),
            out=Path(folder) / name,
        )
        return ppattack.run(asked).report

    saved: Callable[..., None] = loop.Training._save

    def save_and_stop(self: Any) -> None:
        saved(self)
        raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as folder:
        whole = go(folder, "whole")
        loop.Training._save = save_and_stop  # type: ignore[method-assign]
        try:
            go(folder, "stopped")
            return "it did not stop"
        except KeyboardInterrupt:
            pass
        finally:
            loop.Training._save = saved  # type: ignore[method-assign]
        resumed = go(folder, "stopped")
    if whole.scores.ssim != resumed.scores.ssim:
        return "the resumed training ended elsewhere"
    return None


def _challenge(device: torch.device) -> str | None:
    """A challenge is solved as well."""
    from ppattack.attack import Context, SilentProgress
    from ppattack.challenge.generate import Wish, generate
    from ppattack.challenge.score import score
    from ppattack.challenge.solve import Task, solve
    from tests.support.challenge_pictures import write_pictures

    with tempfile.TemporaryDirectory() as name:
        images, out, gold, answer = (Path(name) / part for part in ("images", "out", "gold", "a"))
        write_pictures(images, 32)
        wish = Wish(images, out, gold, size=32, count=24, targets=8, seed=1)
        generate(replace(wish, target_settings=TINY_ENCODER), SilentProgress())
        solve(Task(out, images, answer, encoder_steps=20), Context(device, seed=3))
        first, _ = score(answer, gold)
    return None if first.accuracy == 1 else f"{first.accuracy} of the codes"


def _classified(device: torch.device) -> str | None:
    """A classifier learns from ciphertexts as on the CPU."""
    from ppattack.classification.experiment import classify
    from tests.support.classify_requests import ONE, request

    with tempfile.TemporaryDirectory() as folder:
        here, there = (
            classify(
                request(
                    Path(folder) / str(where),
                    "ele",
                    device=str(where),
                    train=200,
                    test=60,
                    training_settings=ONE,
                )
            ).report.accuracy
            for where in (CPU, device)
        )
    return None if here == there else f"{there.last} instead of {here.last}"


CHECKS: dict[str, list[Callable[[torch.device], str | None]]] = {
    "program": [_encrypted, _scored, _run_and_resumed, _challenge, _classified]
}
NAMES = [*GROUPS, *CHECKS]


def problems_of(group: str, device: torch.device) -> list[str]:
    """What went wrong in a group, one line each."""
    work: dict[str, Check] = {check.__name__: check for check in CHECKS.get(group, [])}
    for case in GROUPS.get(group, []):
        work[str(case)] = _compared(case)  # before every operator is followed, which takes time
    problems = []
    with pretended_device.followed():
        for name, check in work.items():
            try:
                wrong = check(device)
            except Exception as error:
                frames = traceback.extract_tb(error.__traceback__)
                last = [x for x in frames if "ppattack/" in x[0]] or frames
                place = f"{last[-1].filename}:{last[-1].lineno}"
                wrong = f"{type(error).__name__}: {str(error)[:200]} ({place})"
            if wrong:
                problems.append(f"{name}: {wrong}")
    return problems


MISTAKES: dict[str, Callable[[Tensor], object]] = {
    "a CPU tensor among others": lambda there: there + torch.ones(3),
    "a network on the CPU": lambda there: torch.nn.Linear(3, 2)(there),
    "a generator of the CPU": lambda there: torch.rand(
        3, device=there.device, generator=torch.Generator()
    ),
    "NumPy": lambda there: there.numpy(),
    "writing to the wrong device": lambda there: torch.ones(3).add_(there),
    "a mask of the CPU": lambda there: torch.where(torch.ones(3) > 0, there, there),
}
FINE: dict[str, Callable[[Tensor], object]] = {
    "a single number": lambda there: there + torch.tensor(2.0),
    "indices of the CPU": lambda there: there[torch.tensor([0, 2])],
    "a copy": lambda there: there.cpu().numpy() + torch.ones(3).copy_(there).numpy(),
    "a gradient": lambda there: torch.nn.Linear(3, 1).to(there.device)(there).backward(),
}


def refused(device: torch.device) -> list[str]:
    """What the pretended device refuses."""
    found = []
    with pretended_device.followed():
        there = torch.arange(3.0, device=device)
        for name, attempt in (MISTAKES | FINE).items():
            try:
                attempt(there)
            except (RuntimeError, TypeError):
                found.append(name)
    return found


def main() -> None:
    """Try everything."""
    torch.set_num_threads(1)
    device = pretended_device.prepare()
    problems = {group: problems_of(group, device) for group in NAMES}
    sys.stdout.write("\n" + json.dumps({"problems": problems, "refused": refused(device)}) + "\n")
    sys.stdout.flush()
    os._exit(0)  # threads that torch started for the pretended device cannot be joined


if __name__ == "__main__":
    main()
