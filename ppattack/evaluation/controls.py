"""Controls: the same attack, at a fraction of its budget, where the outcome is known.

The positive control is a target that the attack must break when it works; without it a failure
elsewhere proves nothing. The negative control is a one-time pad, which nothing can break, or what
an attack names in its place; a gain there means that the evaluation leaks. Results are kept in the
user's cache by everything that decides them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ppattack import machine
from ppattack.attack import Attack, Context, ControlTarget
from ppattack.caches import user as user_cache
from ppattack.config import as_dict
from ppattack.errors import PpattackError
from ppattack.evaluation.leaks import BROKEN_GAIN, measured, strongest
from ppattack.evaluation.placement import in_order
from ppattack.evaluation.scores import evaluate
from ppattack.evaluation.verdict import passes
from ppattack.plugins import registry
from ppattack.reports.run import ControlResult
from ppattack.reports.scores import Summary
from ppattack.scenario import simulate

if TYPE_CHECKING:
    from ppattack.data.source import ImageSets
    from ppattack.metrics.images import ImageScorer
    from ppattack.target.base import PublicScheme

CONTROL_VICTIMS = 64
"""Images scored in a control: enough for an interval of a few hundredths of SSIM."""
DECIDING = ("ssim",)
"""The metrics of images that a control is judged by."""


@dataclass(frozen=True)
class ControlBench:
    """What every control of a run shares.

    Args:
        attack: the attack under test.
        sets: the run's images.
        scorer: image metrics.
        context: the run's context, for device, seed and progress.
        seed: the run's seed, for baselines and bootstrap.
        cache: folder of cached results, or None.
        version: text that a cached result must share: versions of code and packages.
        secret: what the controls' keys are drawn from; None for the seed.
    """

    attack: Attack
    sets: ImageSets
    scorer: ImageScorer
    context: Context
    seed: int
    cache: Path | None
    version: str
    secret: int | bytes | None = None

    def positive(self, scheme: PublicScheme) -> ControlResult | None:
        """The attack on the target that it must break; None if it names none."""
        control = self.attack.positive_control(scheme)
        if control is None:
            return None
        return self._run(self.attack.for_control(scheme), control, must_break=True)

    def negative(self) -> ControlResult | None:
        """The attack on a target where it must gain nothing; None if it cannot be tried there."""
        attack = self.attack.at_control_budget()
        return self._run(attack, self.attack.negative_control(), must_break=False)

    def _run(
        self, attack: Attack, control: ControlTarget, *, must_break: bool
    ) -> ControlResult | None:
        count = len(self.sets.victims) if control.same_count else CONTROL_VICTIMS
        sets = self.sets.first_victims(count + attack.requires().pairs)
        place = self._cached(attack, control, sets, must_break=must_break)
        if place is not None and (known := _read(place)) is not None:
            return known
        kind = "positive" if must_break else "negative"
        self.context.progress.log(f"{kind} control: {attack.card.name} on {control.target}")
        try:
            target = registry.target(control.target)(**control.settings)
            scenario = simulate(
                attack, target, sets, control.key_scope, self._secret, vain_pairs=not must_break
            )
        except PpattackError as error:
            self.context.progress.log(f"{kind} control not possible: {error}")
            return None
        context = replace(self.context, checkpoints=None, pictures=None)
        recovery = in_order(attack(scenario.observation, context), scenario)
        evaluation = evaluate(
            recovery,
            scenario,
            target,
            self.scorer,
            self.seed,
            only_gain=must_break,
            metrics=DECIDING,
        )
        found = evaluation.scores.main_gain()
        gain = found[1] if found else None
        leak = strongest(measured(evaluation))
        turned = evaluation.best_state_ssim if leak == "state" else None
        result = ControlResult(
            target=control.target,
            config=as_dict(target.config),
            victims=len(scenario.observation.ciphertexts),
            gain=gain,
            passed=passes(evaluation, must_break=must_break),
            words=_words(gain, turned, must_break=must_break),
            leak=leak,
        )
        if place is not None:
            failure = user_cache.keep(place, result.model_dump_json(indent=2).encode())
            if failure:
                self.context.progress.log(f"the control's result cannot be kept: {failure}")
        return result

    @property
    def _secret(self) -> int | bytes:
        return self.seed if self.secret is None else self.secret

    def _cached(
        self, attack: Attack, control: ControlTarget, sets: ImageSets, *, must_break: bool
    ) -> Path | None:
        """Where the result is kept; the name is a hash of all that decides it."""
        if self.cache is None:
            return None
        import torch

        facts: dict[str, Any] = {
            "attack": attack.card.name,
            "config": as_dict(attack.config),
            "target": control.target,
            "settings": dict(control.settings),
            "scope": control.key_scope,
            "data": sets.hash,
            "seeds": [self.seed, self.context.seed],
            "must break": must_break,
            "device": machine.device_name(self.context.device),
            "threads": torch.get_num_threads(),
            "version": self.version,
        }
        if isinstance(self._secret, bytes):
            facts["entropy"] = hashlib.sha256(self._secret).hexdigest()
        if attack.requires().names_classes:
            facts["labels"] = sets.label_hash
        text = json.dumps(facts, sort_keys=True, default=str)
        return self.cache / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def _read(place: Path) -> ControlResult | None:
    """The result that a file holds; None for a damaged file or another's."""
    content = user_cache.kept(place)
    if content is None:
        return None
    try:
        return ControlResult.model_validate_json(content)
    except ValidationError:
        return None


def _words(gain: Any, turned: Summary | None, *, must_break: bool) -> str:
    aim = "must break it" if must_break else "must gain nothing"
    if gain is None:
        return f"{aim}: nothing could be scored"
    low, high = gain.ci95
    words = f"{aim}: gain {gain.mean:+.3f} [{low:+.3f}, {high:+.3f}]"
    if turned is not None and low <= BROKEN_GAIN:
        words += f", SSIM {turned.mean:.3f} turned, complemented or recoloured"
    return words
