"""Who is in which mixture: every stage against an answer that is known."""

from __future__ import annotations

import torch

from ppattack.solvers.instahide.assignment import assign, images_by_class, posterior
from ppattack.solvers.instahide.clusters import grow, pair_scores
from ppattack.solvers.instahide.membership import Memberships, memberships, split_weights
from ppattack.solvers.instahide.release import Slots, name_slots
from tests.support.mixtures import learnt, mixed


def test_slots_are_the_classes_that_are_named_and_the_heaviest_again() -> None:
    labels = torch.tensor([[0.3, 0.0, 0.1], [0.0, 0.4, 0.0]])
    slots = name_slots(labels, 2)
    assert slots.classes.tolist() == [[0, 2], [1, 1]]
    assert torch.allclose(slots.weight, torch.tensor([[0.3, 0.1], [0.2, 0.2]]))
    alone = name_slots(torch.tensor([[0.4]]), 2)
    assert alone.classes.tolist() == [[0, 0]]
    assert torch.allclose(alone.weight, torch.full((1, 2), 0.2))


def test_every_image_of_a_class_fills_as_many_slots() -> None:
    case = mixed(7, 20)  # classes 0, 1, 2 in turn: 3, 2 and 2 images
    found = images_by_class(case.release.slots, case.release.appearances, 7)
    assert found == {0: 3, 1: 2, 2: 2}


def test_members_are_named_and_never_twice() -> None:
    contributions = 400 * torch.eye(4, 6)
    classes = torch.tensor([0, 0, 1, 1])
    slots = Slots(
        torch.tensor([[0, 1], [0, 0], [1, 0]]), torch.tensor([[0.5, 0.4], [0.3, 0.3], [0.6, 0.2]])
    )
    truth = torch.tensor([[1, 2], [0, 1], [3, 0]])
    features = torch.stack(
        [
            slots.weight[i, 0] ** 2 * contributions[truth[i, 0]]
            + slots.weight[i, 1] ** 2 * contributions[truth[i, 1]]
            for i in range(3)
        ]
    )
    found = memberships(
        features @ contributions.T, contributions @ contributions.T, slots, classes, power=2
    )
    wanted = torch.zeros(3, 4).scatter_(1, truth, slots.weight)
    assert torch.allclose(found.weight, wanted, atol=1e-2)
    assert float(found.probability.max()) <= 1


def test_centroids_are_the_ridge_regression() -> None:
    generator = torch.Generator().manual_seed(0)
    features, design = torch.randn(30, 5, generator=generator), torch.rand(30, 4)
    variances = torch.tensor([0.5, 1.0, 2.0, 4.0, 8.0])
    means, spread = posterior(features, design, variances)
    total = torch.zeros(4)
    for j, variance in enumerate(variances):
        inverse = torch.linalg.inv(design.T @ design + torch.eye(4) / variance)
        assert torch.allclose(means[:, j], inverse @ design.T @ features[:, j], atol=1e-4)
        total += inverse.diagonal()
    assert torch.allclose(spread, total, rtol=1e-3)


def test_groups_grow_from_planted_centroids() -> None:
    generator = torch.Generator().manual_seed(0)
    variances = torch.linspace(1, 60, 80)
    centroids = torch.randn(5, 80, generator=generator) * variances.sqrt()
    owner = torch.arange(200) % 5
    power = 0.1 + 0.3 * torch.rand(200, generator=generator)
    noise = torch.randn(200, 80, generator=generator)
    features = power[:, None] * centroids[owner] + noise
    found = grow(features, power, variances, 5, 40)
    cosines = (
        torch.nn.functional.normalize(found, dim=1)
        @ torch.nn.functional.normalize(centroids, dim=1).T
    )
    assert sorted(cosines.argmax(1).tolist()) == [0, 1, 2, 3, 4]
    assert float(cosines.amax(1).min()) > 0.9
    assert len(grow(noise[:1], power[:1], variances, 5, 40)) == 0


def test_pairs_that_share_an_image_score_higher() -> None:
    case, known = mixed(12, 30), learnt()
    features = known.features(case.release.values)
    scores = pair_scores(features, known.variances, torch.ones(len(features)))
    shared = (case.weight > 0.15).float()
    together = (shared @ shared.T).bool().fill_diagonal_(False)
    apart = ((case.weight > 0).float() @ (case.weight > 0).float().T) == 0
    high, low = scores[together], scores[apart]
    assert float(high.mean()) > float(low.mean()) + 0.5 * float(low.std())


def test_features_of_own_mixtures_are_white() -> None:
    case, known = mixed(400, 2, seed=5), learnt()  # hardly anything is shared
    features = known.features(case.release.values)
    assert abs(float(features.mean())) < 0.1
    assert 0.7 < float(features.var(dim=0).mean()) < 1.4


def test_images_are_grouped_and_their_members_named() -> None:
    case, known = mixed(12, 40, seed=2), learnt()
    found = assign(known.features(case.release.values), known.variances, case.release)
    assert len(found.classes) == 12
    truth = case.weight
    overlap = found.members.weight.T @ truth
    owner = overlap.argmax(dim=1)
    assert sorted(owner.tolist()) == list(range(12))
    assert (found.classes == owner % 3).all()
    heavy = truth > 0.2
    right = found.members.probability[:, owner.argsort()][heavy]
    assert float((right > 0.5).float().mean()) > 0.85


def test_two_images_of_one_class_share_its_weight_by_least_squares() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(3, 50, generator=generator)
    mixture = 0.12 * images[0] + 0.38 * images[2]
    slots = Slots(torch.zeros(1, 2, dtype=torch.int64), torch.full((1, 2), 0.25))
    equal = Memberships(torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[0.25, 0.0, 0.25]]))
    found = split_weights((images @ mixture)[None], images @ images.T, slots, equal)
    assert torch.allclose(found.weight, torch.tensor([[0.12, 0.0, 0.38]]), atol=1e-4)
    apart = Slots(torch.tensor([[0, 1]]), slots.weight)
    same = split_weights((images @ mixture)[None], images @ images.T, apart, equal)
    assert torch.equal(same.weight, equal.weight)
