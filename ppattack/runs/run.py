"""One experiment: a request, resolved and run into its folder.

``runs/<attack>-<target>-<id>/``; the id is 12 hexadecimal digits of the resolved configuration,
the data hash and the versions, so the same id is the same experiment: a finished one is reused,
an interrupted one continued from its checkpoints.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack import machine, seeding
from ppattack.attack import Attack, Context, Progress, Recovery, SilentProgress
from ppattack.caches.user import cache_folder
from ppattack.config import as_dict
from ppattack.context import Alone, Workers
from ppattack.errors import MetricUnavailable, PluginError, kept_running
from ppattack.evaluation.placement import in_order
from ppattack.isolation.proxy import isolated
from ppattack.plugins import registry
from ppattack.plugins.source import own_hash, source_hash
from ppattack.reports.run import (
    AttackPart,
    Controls,
    DataPart,
    Report,
    TargetPart,
    ThreatPart,
    read_report,
)
from ppattack.request import RunRequest as RunRequest
from ppattack.request import check
from ppattack.runs import entropy, provenance, threads
from ppattack.runs.contradiction import held_against_files
from ppattack.runs.folder import PICTURES, SAMPLES, fill
from ppattack.runs.identity import identity
from ppattack.runs.inputs import build_scenario
from ppattack.runs.other_images import check_other_images
from ppattack.runs.stopwatch import Stopwatch
from ppattack.runs.store import Fill, Store
from ppattack.runs.store import Finished as Finished
from ppattack.scenario import Scenario

if TYPE_CHECKING:
    import torch

    from ppattack.evaluation.scores import Evaluation
    from ppattack.evaluation.verdict import Judgement
    from ppattack.metrics.images import ImageScorer
    from ppattack.metrics.lpips import Lpips
    from ppattack.target.base import Target


RUNS = Store("report.json", read_report)


def run(
    request: RunRequest, progress: Progress | None = None, workers: Workers | None = None
) -> Finished[Report]:
    """Run an experiment, or find it finished.

    Args:
        request: what to run.
        progress: where progress is shown; None shows nothing.
        workers: compute parts of the attack's sums and of the scores; None for this process. An
            isolated attack computes them in its own.

    Returns:
        the report and its folder.

    Raises:
        PpattackError: if anything in the request is wrong; nothing half-written stays behind.
        RunFailed: if the attack breaks down.
        KeyboardInterrupt: checkpoints stay in ``<folder>.partial`` and the same request
            continues from them.
    """
    check(request)
    with kept_running(f"attack '{request.attack}' or target '{request.target}'"):
        return _resolved(request, progress, workers)


def _resolved(
    request: RunRequest, progress: Progress | None, workers: Workers | None
) -> Finished[Report]:
    target = registry.target(request.target)(**request.target_settings)
    if progress is not None and "torch" not in sys.modules:
        progress.log("loading torch ...")
    with machine.computing_threads(request.threads):
        if request.isolated:
            with isolated(request, target) as confined:
                return _run(request, confined, target, progress, Alone())
        attack = registry.attack(request.attack)(preset=request.preset, **request.attack_settings)
        return _run(request, attack, target, progress, workers or Alone())


def _run(
    request: RunRequest,
    attack: Attack,
    target: Target,
    progress: Progress | None,
    workers: Workers,
) -> Finished[Report]:
    device = machine.choose_device(request.device)
    given = entropy.given(request)
    name = identity(request, attack, target, given)
    folder = request.out / f"{attack.card.name}-{target.card.name}-{name}"
    found = None if request.force else RUNS.find(folder)
    if found is not None and _holds_images(found, request.save_images):
        if progress is not None and (other := threads.changed(request, attack, found.report)):
            progress.log(other)
        return found
    watch = Stopwatch()
    scorer = _scorer(request, device)
    with watch.stage("data and encryption"):
        secret = entropy.secret_of(request, folder, given)
        owner = Context(device, seed=0, progress=progress or SilentProgress())
        scenario = build_scenario(request, attack, target, secret, owner)
        check_other_images(attack, request, scenario.sets.victims)

    def work(partial: Path) -> tuple[Report, Fill]:
        place = partial / folder.name if request.isolated else partial  # all that the attack knows
        context = Context(
            device=device,
            seed=seeding.derive(request.seed, "attack"),
            checkpoints=place,
            pictures=place / PICTURES,
            progress=progress or SilentProgress(),
            workers=workers,
        )
        under_way = _UnderWay(
            request, attack, target, scenario, scorer, context, watch, secret, folder
        )
        with entropy.kept_if_interrupted(partial, secret):
            with watch.stage("attack"):
                recovery = in_order(attack(scenario.observation, context), scenario)
            report, evaluation = under_way.report(name, recovery)
        return report, lambda new: fill(
            new, evaluation, scenario, recovery, request.save_images, context.pictures, target
        )

    with machine.computing_threads(threads.wanted(request, attack, scenario)):
        return RUNS.make(folder, work)


@dataclass(frozen=True)
class _UnderWay:
    """Everything that a run is made of."""

    request: RunRequest
    attack: Attack
    target: Target
    scenario: Scenario
    scorer: ImageScorer
    context: Context
    watch: Stopwatch
    secret: int | bytes
    folder: Path

    def report(self, name: str, recovery: Recovery) -> tuple[Report, Evaluation]:
        """Score what the attack recovered, and say what was done."""
        from ppattack.evaluation.scores import evaluate

        request, scenario = self.request, self.scenario
        with self.watch.stage("scoring"):
            seed, workers = request.seed, self.context.workers
            found = evaluate(recovery, scenario, self.target, self.scorer, seed, workers=workers)
        with self.watch.stage("controls"):
            judged, controls = self._judged(found)
        threat, jpeg = scenario.observation.threat, scenario.observation.jpeg
        report = Report(
            id=name,
            attack=AttackPart(
                name=self.attack.card.name,
                config=as_dict(self.attack.config),
                notes=dict(recovery.notes),
            ),
            target=TargetPart(
                name=self.target.card.name,
                config=as_dict(self.target.config),
                key_space_bits=self.target.key_space_bits(scenario.observation.image_shape),
            ),
            data=self._data(),
            threat=ThreatPart(
                words=scenario.in_words(), jpeg=str(jpeg) if jpeg else None, **as_dict(threat)
            ),
            scores=found.scores,
            absent=dict(found.absent),
            verdict=judged.verdict,
            reason=judged.reason,
            leak=judged.leak,
            levels=judged.levels,
            worst=found.worst,
            best_state_ssim=found.best_state_ssim,
            best_state_gain=found.best_state_gain,
            shifted=found.shifted,
            spread=None if found.spread is None else round(found.spread, 2),
            collapse=found.collapse,
            refuted=found.refuted,
            failures=dict(found.failures),
            controls=controls,
            timing=self.watch.seconds,
            provenance=self._provenance(),
        )
        return report, found

    def _judged(self, found: Evaluation) -> tuple[Judgement, Controls]:
        """The verdict; only the control that could refute it is run."""
        from ppattack.evaluation.controls import ControlBench
        from ppattack.evaluation.verdict import NOT_ATTACKED, Judgement, decide

        if not self.attack.card.recovers:
            without = Controls(positive=None, negative=None, baselines=dict(found.baselines))
            return Judgement("INCONCLUSIVE", NOT_ATTACKED, "nothing", {}), without
        bench = ControlBench(
            attack=self.attack,
            sets=self.scenario.sets,
            scorer=self.scorer,
            context=replace(self.context, seed=seeding.derive(self.request.seed, "control")),
            seed=self.request.seed,
            # A result under keys from random bits serves no other run.
            cache=cache_folder("controls") if isinstance(self.secret, int) else None,
            version=json.dumps([provenance.versions(), own_hash(), source_hash(self.attack)]),
            secret=self.secret,
        )
        positive, negative, refused = None, None, ""
        if decide(found, None, None).verdict == "BROKEN":
            negative = bench.negative()
        elif not found.limits and found.scores.main_gain() is not None:
            try:
                positive = bench.positive(self.scenario.observation.scheme)
            except PluginError as error:
                refused = f" {error}"
        judged = held_against_files(self.request, decide(found, positive, negative))
        controls = Controls(positive=positive, negative=negative, baselines=dict(found.baselines))
        return judged._replace(reason=judged.reason + refused), controls

    def _data(self) -> DataPart:
        sets, observation = self.scenario.sets, self.scenario.observation
        return DataPart(
            name=sets.name,
            hash=sets.hash,
            shape=observation.image_shape,
            victims=len(observation.ciphertexts),
            adversary=len(sets.adversary),
            notes=list(sets.notes),
        )

    def _provenance(self) -> dict[str, Any]:
        import torch

        key, drawn = self.scenario.truth.key, {}
        request = replace(self.request, threads=torch.get_num_threads())
        if isinstance(self.secret, bytes):
            drawn = {entropy.FIELD: self.secret.hex()}
            request = replace(request, entropy_from=self.folder / RUNS.file)
        return {
            **provenance.collect(self.context.device, self.request.seed),
            "key_fingerprint": key.fingerprint if key is not None else None,
            "metrics": self.scorer.variants(),
            **drawn,
            "request": json.loads(json.dumps(as_dict(request), default=str)),
        }


def _holds_images(found: Finished[Report], wanted: int | None) -> bool:
    """Whether a finished run saved as many images as are wanted, or had none to save."""
    saved = found.report.provenance.get("request", {}).get("save_images")
    if saved is None or not (found.folder / SAMPLES).exists():
        return True
    count = found.report.data.victims
    return bool(min(count if wanted is None else wanted, count) <= saved)


def _scorer(request: RunRequest, device: torch.device) -> ImageScorer:
    from ppattack.metrics.images import ImageScorer

    try:
        lpips: Lpips | str = _lpips(
            request.lpips_net, request.lpips_weights, device, request.download
        )
    except MetricUnavailable as error:
        if request.lpips_weights is not None:
            raise
        lpips = str(error)
    return ImageScorer(device, lpips)


@lru_cache(maxsize=1)
def _lpips(net: str, weights: Path | None, device: torch.device, download: bool) -> Lpips:
    """The metric; building its network takes longer than scoring a few images."""
    from ppattack.metrics.lpips import Lpips

    return Lpips(net, weights=weights, device=device, download=download)
