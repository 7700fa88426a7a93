"""Where tensors live does not matter: the same work on the CPU and on a pretended device."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from torch.utils import backend_registration

from ppattack.plugins import registry
from tests.support.device_cases import GROUPS, MISTAKES, NAMES

pytestmark = pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch cannot be taught a device in Python",
)


def _python(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_attack_has_a_case() -> None:
    cases = [case for group in GROUPS.values() for case in group]
    assert {case.attack for case in cases} == set(registry.attacks())


@pytest.mark.parametrize("group", NAMES)
def test_the_device_does_not_matter(group: str) -> None:
    problems = json.loads(_python("-m", "tests.support.device_cases", group).splitlines()[-1])
    assert problems == []


def test_the_pretended_device_keeps_apart_what_a_gpu_does() -> None:
    refused = json.loads(_python("-m", "tests.support.device_cases").splitlines()[-1])
    assert refused == list(MISTAKES)
