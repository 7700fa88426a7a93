"""Matching attack on NeuraCrypt: which code belongs to which plain image, if all are at hand.

The adversary holds all plain images and all codes and wants to know which belong together. Under
its own keys it learns what a code says about its patch whatever the key; assignment problems do the
rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from ppattack.images import ImageShape
    from ppattack.solvers.neuracrypt.alternation import Alternation, Views
    from ppattack.solvers.neuracrypt.case import Case, Stages
    from ppattack.solvers.neuracrypt.geometry import Match
    from ppattack.target.base import PublicScheme
    from ppattack.target.neural import NeuralTarget

PAPER_ROUNDS = 3
EMBEDDING_RATE = 1e-4
CONTROL = {"variant": "small", "depth": 1, "shuffle": False}


class NeuraCryptMatching(Attack):
    """Match codes with the plain images they were made from.

    Variants:
        ``geometry``: what a code says whatever the key is computed directly, as a mean over own
        keys: how far it is from the mean code of its place, and its inner products with other
        codes of that place. A wide random network keeps both. No network is trained.
        ``paper``: the published attack. A contrastive network learns from 15 moments of patches
        and codes which belong together; the best assignment of patches scores every pair of
        images; matching and order of patches are found in turn; an encoder trained on the
        matching corrects it.

    Both first undo the shuffle of every image, by assigning its codes to those of the first image
    and then to the mean code. If codes come unshuffled, the steps about their order are skipped.
    The linear encoder adds no positions by which a shuffle could be undone: both then compare the
    codes of an image with each candidate's regardless of order.

    Threat model: the victims' plain images, unmatched; the public algorithm under own keys.

    Deviations: from the authors' code, own encoders normalise as the victims' scheme does
    (frozen, or with its batch size), not in batches of 32; everything runs in one process in
    batches; with ``first=bounded`` the first matching is found from few exact scores, and is the
    same. ``geometry`` is not published.

    Reference: N. Carlini, S. Garg, S. Jha, S. Mahloujifar, M. Mahmoody, F. Tramèr: NeuraCrypt is
    not private. arXiv:2108.07256 (2021).
    """

    card = AttackCard(
        name="neuracrypt-matching",
        title="Matching attack on NeuraCrypt: find the plain image of every code",
        reference=Reference(
            authors="N. Carlini, S. Garg, S. Jha, S. Mahloujifar, M. Mahmoody, F. Tramèr",
            title="NeuraCrypt is not private",
            venue="arXiv",
            year=2021,
            arxiv="2108.07256",
        ),
        recovers=("matching",),
        requires=ThreatModel(public="candidates", own_keys=True),
        ciphers=("tokens",),
        level="trained",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        variant: Annotated[
            Literal["geometry", "paper"], Doc("how codes are matched; see the class")
        ] = "geometry"
        own_encoders: Annotated[
            int, Interval(ge=1, le=1000), Doc("the adversary's own encoders; 30 in the paper")
        ] = 8
        images_each: Annotated[
            int, Interval(ge=2), Doc("images under each own encoder; for variant=paper")
        ] = 100
        embedding_steps: Annotated[
            int, Interval(ge=1), Doc("steps of training the contrastive network; for variant=paper")
        ] = 80_000
        embedding_batch: Annotated[
            int, Interval(ge=2), Doc("patches per step of that training")
        ] = 4096
        embedding_rate: Annotated[
            float, Interval(gt=0, le=1), Doc("learning rate of that training")
        ] = EMBEDDING_RATE
        first: Annotated[
            Literal["bounded", "exact"],
            Doc("first matching for variant=paper: few exact scores, or all of them"),
        ] = "bounded"
        surrogate_steps: Annotated[
            int,
            Interval(ge=0),
            Doc("steps of training an encoder on the matching, per round; 0: none"),
        ] = 0
        surrogate_rounds: Annotated[
            int, Interval(ge=1, le=100), Doc("rounds of training it and matching by it")
        ] = 3

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"own_encoders": 4},
        "standard": {},
        "paper": {
            "variant": "paper",
            "own_encoders": 30,
            "first": "exact",
            "surrogate_steps": 2000,
        },
    }

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget | None:
        """The linear encoder without a shuffle, which the moments alone give away."""
        return ControlTarget("neuracrypt", CONTROL)

    @override
    def negative_control(self) -> ControlTarget:
        """The same with one key per image: codes of different images then share nothing."""
        return ControlTarget("neuracrypt", CONTROL, "image")

    @override
    def at_control_budget(self) -> Attack:
        """The unpublished variant, which takes seconds, without a surrogate."""
        return type(self)(own_encoders=4)

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        """Why it cannot attack a scheme: only those that encode with a network can be attacked."""
        from ppattack.target.neural import NeuralTarget  # here: it loads NumPy

        reason = super().obstacle(scheme, image_shape)
        if reason is None and not isinstance(scheme.target, NeuralTarget):
            reason = "it matches codes of a random network, and this scheme has none"
        return reason

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        """Put patches in order, match, and refine the matching."""
        from ppattack.solvers.neuracrypt.case import Case
        from ppattack.solvers.neuracrypt.own_keys import OwnEncoders

        target = cast("NeuralTarget", observation.scheme.target)  # as obstacle() has made sure
        own = OwnEncoders(target, observation.image_shape, context)
        return self.matched(Case.of(own, observation.ciphertexts, observation.public_images))

    def matched(self, case: Case) -> Recovery:
        """Attack codes that may lie on a disk."""
        from ppattack.solvers.neuracrypt.case import Stages, ranked
        from ppattack.solvers.neuracrypt.confidence import mutual
        from ppattack.solvers.neuracrypt.geometry import clearness

        stages = Stages(case.own.context)
        found, notes = self._matched(case, stages)
        best = (found.scores.argmax(dim=1) == found.matching).double().mean().item()
        share, limits = None, ""
        if stages.rehearsal is not None:
            clear = clearness(case, found)
            choice = 0.0 if case.matches_contents else mutual(found.scores, found.matching)
            share = stages.rehearsal.expected_share(clear, choice)
            share = None if share is None else round(share, 4)
            limits = stages.rehearsal.limits(clear, choice)
            notes["rehearsal_right"] = round(stages.rehearsal.right, 4)
        return Recovery(
            matching=found.matching,
            ranking=ranked(found.scores, found.matching),
            stages=stages.matchings,
            notes={
                "seconds": stages.seconds,
                "changed": stages.changed(),
                "best_candidate_taken": round(best, 4),
                "expected_share_right": share,
                **notes,
            },
            limits=limits,
        )

    def _matched(self, case: Case, stages: Stages) -> tuple[Alternation, dict[str, Any]]:
        """The chosen variant, then a surrogate if asked for."""
        from ppattack.solvers.neuracrypt.geometry import matched_by_contents, matched_by_places

        if case.matches_contents:
            return self._by_geometry(case, matched_by_contents, stages)[0], {}
        if case.places is None:
            with stages.timed("unshuffle"):
                case = case.unshuffled()
        if self.config.variant == "paper":
            found, views = self._published(case, stages)
        else:
            found, views = self._by_geometry(case, matched_by_places, stages)
        if not self.config.surrogate_steps:
            return found, {}
        return self._by_surrogate(case, found, views, stages)

    def _by_geometry(self, case: Case, match: Match, stages: Stages) -> tuple[Alternation, Views]:
        from ppattack.solvers.neuracrypt.confidence import FEWEST
        from ppattack.solvers.neuracrypt.geometry import matched_by_contents, rehearsed
        from ppattack.solvers.neuracrypt.own_keys import expected

        contents = match is matched_by_contents
        landmarks = case.landmarks()[: 0 if contents else None]
        with stages.timed("own keys"):
            keys = self.config.own_encoders
            known = expected(case.own, case.images, keys, landmarks, by_position=not contents)
        found = match(case, known, stages)
        if len(case.codes) >= FEWEST:
            with stages.timed("rehearsal"):
                stages.rehearsal = rehearsed(case, match, known)
        return found

    def _published(self, case: Case, stages: Stages) -> tuple[Alternation, Views]:
        import torch

        from ppattack.solvers.neuracrypt import alternation, embedding, own_keys, pairwise
        from ppattack.solvers.neuracrypt.features import moment_features, patches

        config, own = self.config, case.own
        with stages.timed("own keys"):
            pairs = own_keys.training_features(
                own, case.images, config.own_encoders, config.images_each
            )
        with stages.timed("patch embedding"):
            schedule = (config.embedding_steps, config.embedding_batch, config.embedding_rate)
            learnt = embedding.learn(*pairs, *schedule, own.context)
        with stages.timed("features"), torch.no_grad():
            pixels = patches(case.images, own.target.patch_size)
            plain = learnt.network.plain(moment_features(pixels))
            codes = learnt.network.code(moment_features(case.codes.whole()))
        if case.places is None:
            with stages.timed("first matching"):
                exact = config.first == "exact"
                match = pairwise.exact_matching if exact else pairwise.bounded_matching
                first = match(codes, plain).matching
            stages.reached("first matching", first)
        else:
            first = torch.arange(len(codes), device=codes.device)
        with stages.timed("alternation"):
            views = alternation.Views(plain, codes)
            found = alternation.alternate(views, first, case.places, PAPER_ROUNDS)
        stages.reached("alternation", found.matching)
        return found, views

    def _by_surrogate(
        self, case: Case, found: Alternation, views: Views, stages: Stages
    ) -> tuple[Alternation, dict[str, Any]]:
        """Train an encoder on the matching and match by it, for some rounds."""
        from ppattack.solvers.matching.assignment import greatest_score
        from ppattack.solvers.neuracrypt import surrogate
        from ppattack.solvers.neuracrypt.alternation import places_of

        encoder = case.own.generate_encoder("surrogate")
        losses = []
        for number in range(1, self.config.surrogate_rounds + 1):
            with stages.timed("surrogate"):
                if case.places is None:
                    found = replace(found, places=places_of(views, found.matching))
                codes = case.in_plain_order(found.places)
                matched = case.images[found.matching]
                steps, context = self.config.surrogate_steps, case.own.context
                loss = surrogate.train(encoder, matched, codes, steps, context, number)
                scores = surrogate.scores(encoder, case.images, codes, case.own.at_once)
                found = replace(found, matching=greatest_score(scores), scores=scores)
            losses.append(round(loss, 6))
            stages.reached(f"surrogate {number}", found.matching)
        stages.reached(
            "challenge 2", surrogate.nearest(encoder, case.images, case.codes, case.own.at_once)
        )
        return found, {"surrogate_losses": losses}
