"""Where tensors live does not matter: the same work on the CPU and on a pretended device."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from torch.utils import backend_registration

from ppattack.plugins import registry
from tests.support.device_cases import GROUPS, MISTAKES, NAMES

pytestmark = pytest.mark.process


def test_every_attack_has_a_case() -> None:
    cases = [case for group in GROUPS.values() for case in group]
    assert {case.attack for case in cases} == set(registry.attacks())


@pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch cannot be taught a device in Python",
)
def test_the_device_does_not_matter_and_the_pretended_one_refuses_what_a_gpu_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.device_cases"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["problems"] == {group: [] for group in NAMES}
    assert found["refused"] == list(MISTAKES)
