"""Run folders made by hand: quick, and with any content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ppattack.data.image_files import write_png
from ppattack.files import write_text
from ppattack.reports.found import SavedRun
from ppattack.reports.leaks import LEVELS, LeakLevel, LeakName, rank
from ppattack.reports.run import (
    AttackPart,
    Controls,
    DataPart,
    Report,
    TargetPart,
    ThreatPart,
    VerdictName,
    scores_csv,
)
from ppattack.reports.scores import KeyScores, MetricScores, Scores, Summary


def summary(mean: float, spread: float = 0.05, n: int = 20) -> Summary:
    """A summary around a mean."""
    return Summary(
        n=n,
        mean=mean,
        median=mean,
        q1=mean - spread,
        q3=mean + spread,
        min=mean - 3 * spread,
        max=mean + 3 * spread,
        ci95=(mean - spread / 2, mean + spread / 2),
    )


def metric(mean: float, gain: float | None) -> MetricScores:
    """Scores of a metric for which higher is better."""
    return MetricScores(
        better="higher",
        reconstruction=summary(mean),
        ciphertext=summary(0.02),
        baseline=None if gain is None else summary(mean - gain),
        baseline_name="grey",
        gain=None if gain is None else summary(gain),
    )


def report(
    attack: str = "itn",
    target: str = "etc",
    verdict: VerdictName = "BROKEN",
    *,
    gain: float | None = 0.3,
    key: float | None = None,
    identity: str = "0123456789ab",
    seed: int = 0,
    victims: int = 20,
    attack_config: dict[str, Any] | None = None,
    target_config: dict[str, Any] | None = None,
    leak: LeakName | None = None,
    **changes: Any,
) -> Report:
    """A report with whatever content; ``leak`` is measured, as are the levels below it."""
    scores = Scores(
        ssim=None if gain is None else metric(gain + 0.1, gain),
        key=None if key is None else _key(key),
    )
    request = {"attack": attack, "target": target, "data": "photos", "victims": victims}
    parts: dict[str, Any] = {
        "id": identity,
        "attack": AttackPart(name=attack, config=attack_config or {}, notes={}),
        "target": TargetPart(name=target, config=target_config or {}, key_space_bits=64.0),
        "data": DataPart(
            name="photos", hash="ab", shape=(3, 8, 8), victims=victims, adversary=40, notes=[]
        ),
        "threat": ThreatPart(
            public="unpaired",
            pairs=0,
            chosen=0,
            own_keys=True,
            key_scope="dataset",
            words="ciphertext-only; unpaired public images",
        ),
        "scores": scores,
        "absent": {"lpips": "no weights"},
        "verdict": verdict,
        "reason": "for a reason.",
        "leak": leak,
        "levels": {} if leak is None else levels(leak),
        "worst": None,
        "failures": {},
        "controls": Controls(positive=None, negative=None, baselines={"grey": 0.1}),
        "timing": {"attack": 1.5},
        "provenance": {"versions": {"ppattack": "0"}, "seed": seed, "request": request},
    }
    return Report(**{**parts, **changes})


def levels(leak: LeakName) -> dict[LeakName, LeakLevel]:
    """All levels measured, and shown up to this one."""
    return {
        each: LeakLevel(shown=rank(each) <= rank(leak), words=f"numbers of {each}")
        for each in LEVELS
    }


def _key(share: float) -> KeyScores:
    scores = metric(share, share - 0.1).model_dump()
    return KeyScores(**scores, index=share, mask=share, high_index=share, high_mask=share)


def save(folder: Path, content: Report, *, images: int = 0) -> SavedRun:
    """A run folder with the report, and images and their scores if asked for."""
    run = folder / f"{content.attack.name}-{content.target.name}-{content.id}".replace("/", "_")
    write_text(run / "report.json", content.to_json())
    if images:
        values = [0.1 * i for i in range(images)]
        names = [f"{i:05d}.png" for i in range(images)]
        write_text(run / "scores.csv", scores_csv(names, {"ssim.reconstruction": values}))
        noise = torch.Generator().manual_seed(0)
        for i in range(images):
            image = torch.randint(0, 256, (3, 8, 8), generator=noise, dtype=torch.uint8)
            write_png(run / "samples" / "sheet.png", image)
            for role in ("plain", "ciphertext", "reconstruction"):
                write_png(run / "samples" / f"{i}-{i:05d}-{role}.png", image)
    return SavedRun(run, content)
