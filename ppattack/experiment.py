"""One experiment: a request, resolved and run into its folder.

``runs/<attack>-<target>-<id>/``; the id is 12 hexadecimal digits of the resolved configuration,
the data hash and the versions, so the same id is the same experiment: a finished one is reused,
an interrupted one continued from its checkpoints.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack import provenance, registry, seeding
from ppattack.attack import Attack, Context, Progress, Recovery, SilentProgress
from ppattack.config import as_dict
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.errors import ConfigError, DataError, MetricUnavailable, PpattackError
from ppattack.files import make_folder, write_text
from ppattack.report import (
    AttackPart,
    Controls,
    DataPart,
    Report,
    TargetPart,
    ThreatPart,
    VerdictName,
    read_report,
    scores_csv,
)
from ppattack.scenario import Scenario, from_ciphertexts, key_scope_of, output_name, simulate
from ppattack.threat import KeyScope

if TYPE_CHECKING:
    import torch

    from ppattack.controls import ControlBench
    from ppattack.evaluation import Evaluation
    from ppattack.metrics.images import ImageScorer
    from ppattack.target import Target


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
        lpips_net: ``alex``, ``vgg`` or ``squeeze``.
        lpips_weights: a file with the network's convolution weights, or None to look for them.
        download: whether data or weights may be fetched.
    """

    attack: str
    target: str
    data: str | None = "photos"
    size: int | None = None
    victims: int = 256
    adversary: int = 2000
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
    lpips_net: str = "alex"
    lpips_weights: Path | None = None
    download: bool = False


@dataclass(frozen=True)
class Finished:
    """A finished run.

    Args:
        report: the result.
        folder: where it lies.
        reused: whether it was there already.
    """

    report: Report
    folder: Path
    reused: bool


class Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 4)


def run(request: RunRequest, progress: Progress | None = None) -> Finished:
    """Run an experiment, or find it finished.

    Args:
        request: what to run.
        progress: where progress is shown; None shows nothing.

    Returns:
        the report and its folder.

    Raises:
        PpattackError: for whatever the request has wrong; nothing half-written stays behind.
        KeyboardInterrupt: checkpoints stay in ``<folder>.partial`` and the same request
            continues from them.
    """
    _check(request)
    progress = progress or SilentProgress()
    watch = Stopwatch()
    device = provenance.choose_device(request.device)
    attack = registry.attack(request.attack)(preset=request.preset, **request.attack_settings)
    target = registry.target(request.target)(**request.target_settings)
    scorer = _scorer(request, device)
    with watch.stage("data and encryption"):
        scenario = _scenario(request, attack, target)
    identity = _identity(request, attack, target, scenario)
    folder = request.out / f"{attack.card.name}-{target.card.name}-{identity}"
    if (folder / "report.json").is_file() and not request.force:
        return Finished(read_report(folder), folder, reused=True)
    make_folder(request.out)
    partial = folder.with_name(folder.name + ".partial")
    context = Context(
        device=device,
        seed=seeding.derive(request.seed, "attack"),
        checkpoints=partial,
        progress=progress,
    )
    try:
        with watch.stage("attack"):
            recovery = attack(scenario.observation, context)
        report, evaluation = _report(
            request, attack, target, scenario, recovery, scorer, context, watch, identity
        )
        _publish(folder, report, evaluation, scenario, recovery, request.save_images)
    except PpattackError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    shutil.rmtree(partial, ignore_errors=True)
    return Finished(report, folder, reused=False)


def _check(request: RunRequest) -> None:
    for name, value, least in (("-n", request.victims, 1), ("--adversary", request.adversary, 0)):
        if value < least:
            raise ConfigError(f"{name} {value} is not valid: it must be at least {least}.")
    if request.size is not None and not 1 <= request.size <= 4096:
        raise ConfigError(f"--size {request.size} is not valid: it must be 1 to 4096 pixels.")
    if request.truth is not None and request.ciphertexts is None:
        raise ConfigError("--truth belongs to --ciphertexts: name the folder of ciphertexts too.")
    if request.out.exists() and not request.out.is_dir():
        raise DataError(f"--out {request.out} is a file: name a folder.")


def _scorer(request: RunRequest, device: torch.device) -> ImageScorer:
    from ppattack.metrics.images import ImageScorer
    from ppattack.metrics.lpips import Lpips

    try:
        lpips: Lpips | str = Lpips(
            request.lpips_net,
            weights=request.lpips_weights,
            device=device,
            download=request.download,
        )
    except MetricUnavailable as error:
        if request.lpips_weights is not None:
            raise
        lpips = str(error)
    return ImageScorer(device, lpips)


def _load(request: RunRequest, size: int | None, victims: int) -> ImageSets:
    wanted = ImageRequest(
        victims=victims,
        adversary=request.adversary,
        size=size,
        seed=request.seed,
        download=request.download,
    )
    return registry.dataset(request.data or "photos").load(wanted)


def _scenario(request: RunRequest, attack: Attack, target: Target) -> Scenario:
    scope = key_scope_of(target, request.key_scope)
    if request.ciphertexts is None:
        if request.data is None:
            raise ConfigError("no images: name a source with --data or a folder of ciphertexts.")
        sets = _load(request, request.size, request.victims + attack.requires().pairs)
        return simulate(attack, target, sets, scope, request.seed)
    from ppattack.data.image_files import read_folder

    found = read_folder(request.ciphertexts)
    truth = None
    if request.truth is not None:
        truth = _matching_truth(found.names, request.truth)
    public = None
    if request.data is not None:
        height, width = (found.images if truth is None else truth).shape[2:]
        if height != width:
            raise DataError(
                f"the ciphertexts are {width}x{height} pixels: public images can be cut to squares "
                "only, so --data cannot be used with them."
            )
        public = _load(request, int(height), 0)
    return from_ciphertexts(
        attack, target, found.images, found.names, truth=truth, public=public, scope=scope
    )


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


def _identity(request: RunRequest, attack: Attack, target: Target, scenario: Scenario) -> str:
    facts = {
        "attack": [attack.card.name, as_dict(attack.config), _source_hash(attack)],
        "target": [target.card.name, as_dict(target.config), _source_hash(target)],
        "data": [scenario.sets.name, scenario.sets.hash],
        "ciphertexts": _hash(scenario.observation.ciphertexts) if request.ciphertexts else "",
        "threat": scenario.observation.threat.in_words(),
        "seed": request.seed,
        "lpips": request.lpips_net,
        "versions": provenance.versions(),
    }
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _hash(images: torch.Tensor) -> str:
    return hashlib.sha256(images.contiguous().numpy().tobytes()).hexdigest()


def _source_hash(plugin: object) -> str:
    """The hash of the plug-in's file, so that an edited plug-in is another experiment."""
    try:
        return hashlib.sha256(Path(inspect.getfile(type(plugin))).read_bytes()).hexdigest()
    except (OSError, TypeError):
        return ""


def _report(
    request: RunRequest,
    attack: Attack,
    target: Target,
    scenario: Scenario,
    recovery: Recovery,
    scorer: ImageScorer,
    context: Context,
    watch: Stopwatch,
    identity: str,
) -> tuple[Report, Evaluation]:
    from ppattack.controls import ControlBench
    from ppattack.evaluation import evaluate

    with watch.stage("scoring"):
        evaluation = evaluate(recovery, scenario, target, scorer, request.seed)
    bench = ControlBench(
        attack=attack,
        sets=scenario.sets,
        scorer=scorer,
        context=replace(context, seed=seeding.derive(request.seed, "control")),
        seed=request.seed,
        cache=request.out / ".controls",
        version=json.dumps([provenance.versions(), _source_hash(attack)]),
    )
    with watch.stage("controls"):
        verdict, reason, controls = _judge(evaluation, bench, scenario)
    observation = scenario.observation
    threat, sets = observation.threat, scenario.sets
    report = Report(
        id=identity,
        attack=AttackPart(
            name=attack.card.name, config=as_dict(attack.config), notes=dict(recovery.notes)
        ),
        target=TargetPart(
            name=target.card.name,
            config=as_dict(target.config),
            key_space_bits=target.key_space_bits(observation.image_shape),
        ),
        data=DataPart(
            name=sets.name,
            hash=sets.hash,
            shape=observation.image_shape,
            victims=len(observation.ciphertexts),
            adversary=len(sets.adversary),
            notes=list(sets.notes),
        ),
        threat=ThreatPart(words=threat.in_words(), **as_dict(threat)),
        scores=evaluation.scores,
        absent=dict(evaluation.absent),
        verdict=verdict,
        reason=reason,
        worst=evaluation.worst,
        best_state_ssim=evaluation.best_state_ssim,
        failures=dict(evaluation.failures),
        controls=controls,
        timing=watch.seconds,
        provenance=_provenance(request, scenario, scorer, context),
    )
    return report, evaluation


def _judge(
    evaluation: Evaluation, bench: ControlBench, scenario: Scenario
) -> tuple[VerdictName, str, Controls]:
    """The verdict; only the control that could refute it is run."""
    from ppattack.evaluation import decide

    positive = negative = None
    verdict, reason = decide(evaluation, None, None)
    if verdict == "BROKEN":
        negative = bench.negative()
    elif evaluation.scores.ssim or evaluation.scores.matching:
        positive = bench.positive(scenario.observation.scheme)
    verdict, reason = decide(evaluation, positive, negative)
    controls = Controls(positive=positive, negative=negative, baselines=dict(evaluation.baselines))
    return verdict, reason, controls


def _provenance(
    request: RunRequest, scenario: Scenario, scorer: ImageScorer, context: Context
) -> dict[str, Any]:
    key = scenario.truth.key
    return {
        **provenance.collect(context.device, request.seed),
        "key_fingerprint": key.fingerprint if key is not None else None,
        "metrics": scorer.variants(),
        "request": json.loads(json.dumps(as_dict(request), default=str)),
    }


def _publish(
    folder: Path,
    report: Report,
    evaluation: Evaluation,
    scenario: Scenario,
    recovery: Recovery,
    save_images: int | None,
) -> None:
    """Write everything into a temporary folder, then move it into place."""
    from ppattack.data.image_files import write_png
    from ppattack.render.samples import draw_samples

    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        write_text(temporary / "report.json", report.to_json())
        if evaluation.columns:
            columns = {name: column.tolist() for name, column in evaluation.columns.items()}
            write_text(temporary / "scores.csv", scores_csv(scenario.names, columns))
        if recovery.images is not None:
            images = recovery.images.cpu()
            draw_samples(
                temporary / "samples.png",
                scenario.truth.images,
                scenario.observation.ciphertexts,
                images,
                evaluation.columns,
            )
            count = len(images) if save_images is None else min(save_images, len(images))
            for image, name in zip(images[:count], scenario.names, strict=False):
                write_png(temporary / "reconstructions" / output_name(name), image)
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except OSError as error:
        raise DataError(f"cannot write {folder}: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
