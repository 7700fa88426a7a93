"""Adaptation networks: what they can undo, and what their penalty wants."""

from __future__ import annotations

import torch
from torch.nn import functional

from ppattack.networks.adaptation import Adapted, EleAdaptNet, LeAdaptNet


def test_le_treats_all_blocks_alike() -> None:
    network = LeAdaptNet(3).eval()
    x = torch.randn(2, 3, 8, 12)
    features = network(x)
    assert features.shape == (2, 16, 8, 12)
    moved = network(x.roll((4, 4), dims=(2, 3)))
    torch.testing.assert_close(moved, features.roll((4, 4), dims=(2, 3)))
    assert float(network.penalty(features)) == 0


def test_ele_maps_every_block_apart_and_the_matrix_moves_them() -> None:
    network = EleAdaptNet((3, 8, 12)).eval()
    order = torch.tensor([3, 0, 5, 1, 2, 4])
    with torch.no_grad():
        network.assignment.copy_(torch.eye(6)[order])
    x = torch.randn(2, 3, 8, 12)
    changed = x.clone()
    changed[:, :, 0:4, 8:12] += 1  # block 2
    difference = (network(changed) - network(x)).abs().sum(dim=(0, 1))
    blocks = difference.unflatten(0, (2, 4)).unflatten(2, (3, 4)).sum(dim=(1, 3)).flatten()
    assert (blocks > 0).nonzero().flatten().tolist() == [int((order == 2).nonzero())]


def test_a_permutation_costs_nothing_and_a_mixture_does() -> None:
    network = EleAdaptNet((3, 8, 8))
    flat = torch.ones(2, 16, 8, 8)
    with torch.no_grad():
        network.assignment.copy_(torch.eye(4)[[2, 0, 3, 1]])
        assert float(network.penalty(flat)) == 0
        network.assignment.fill_(0.25)
        # Rows and columns: 8 vectors of L1 norm 1 and L2 norm 1/2, over 16 entries.
        torch.testing.assert_close(network.penalty(flat), torch.tensor(1e-3 * 8 * 0.5 / 16))
        network.assignment.copy_(torch.eye(4))
        uneven = flat.clone()
        uneven[:, 0, :, 4:] = 3  # 8 steps of height 2 an image
        expected = torch.tensor(0.1 * 2 * 8 * 4 / (2 * 16 * 64))
        torch.testing.assert_close(network.penalty(uneven), expected)


def test_every_block_has_a_largest_singular_value_of_one() -> None:
    torch.manual_seed(0)
    network = EleAdaptNet((3, 8, 8)).train()
    for _ in range(200):
        network(torch.randn(4, 3, 8, 8))
    largest = torch.linalg.matrix_norm(network.eval().branches.weight, 2)
    torch.testing.assert_close(largest, torch.ones(4), rtol=1e-3, atol=0)


def test_evaluation_changes_nothing() -> None:
    network = EleAdaptNet((3, 8, 8)).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network(torch.randn(4, 3, 8, 8))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_an_adapted_classifier_learns_through_both() -> None:
    torch.manual_seed(1)
    classifier = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16 * 64, 2))
    network = Adapted(EleAdaptNet((3, 8, 8)), classifier)
    logits, penalty = network.judged(torch.randn(6, 3, 8, 8))
    (functional.cross_entropy(logits, torch.tensor([0, 1] * 3)) + penalty).backward()
    assert all(
        each.grad is not None and bool(each.grad.abs().sum() > 0) for each in network.parameters()
    )
