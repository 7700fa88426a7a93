from __future__ import annotations

import torch

from ppattack.solvers.instahide.statistics import Whitening, learn, principal
from tests.support.mixtures import LAW, SCALE, images, mixed


def test_the_smaller_matrix_has_the_same_principal_directions() -> None:
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(20, 20, generator=generator) * torch.linspace(0.1, 3, 20)
    variances, directions = principal(samples, 5)
    wide = torch.cat([samples, torch.zeros(20, 10)], dim=1)
    same, wider = principal(wide, 5)
    assert torch.allclose(variances, same, rtol=1e-3)
    cosines = (directions * wider[:20]).sum(0).abs()
    assert torch.allclose(cosines, torch.ones(5), atol=1e-3)


def test_whitened_samples_have_the_covariance_one() -> None:
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(4000, 6, generator=generator) @ torch.randn(6, 6, generator=generator)
    variances, vectors = principal(samples, 6)
    whole = Whitening(vectors, variances.rsqrt(), 0.0)
    made = whole.apply(samples)
    assert torch.allclose(made.T @ made / 4000, torch.eye(6), atol=1e-3)
    turn = torch.linalg.qr(torch.randn(6, 6, generator=generator)).Q
    assert torch.allclose(samples @ whole.turned(turn), made @ turn, atol=1e-3)
    part = Whitening(vectors[:, 2:], variances[2:].rsqrt(), 0.5)
    halved = part.apply(vectors[:, :2].T)
    assert torch.allclose(halved, 0.5 * vectors[:, :2].T, atol=1e-4)
    assert torch.allclose(samples @ part.turned(turn), part.apply(samples) @ turn, atol=1e-3)


def test_few_mixtures_make_features_that_name_neighbours_too() -> None:
    own = images("attacker's", 100)
    known = learn(own, own, LAW, SCALE, 0, 300)
    case = mixed(12, 40)
    features = known.features(case.release.values)
    scores = (features * known.variances) @ features.T
    shared = ((case.weight > 0.2).float() @ (case.weight > 0.2).float().T).bool()
    apart = ((case.weight > 0).float() @ (case.weight > 0).float().T) == 0
    assert float(scores[shared.fill_diagonal_(False)].mean()) > float(scores[apart].mean())
