"""Where tensors live does not matter: the same work on the CPU and on a pretended device."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from torch.utils import backend_registration

from tests.contract.device_cases import NAMES

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


@pytest.mark.parametrize("group", NAMES)
def test_the_device_does_not_matter(group: str) -> None:
    problems = json.loads(_python("-m", "tests.contract.device_cases", group).splitlines()[-1])
    assert problems == []


MISTAKES = {
    "a CPU tensor among others": "there + torch.ones(3)",
    "a network on the CPU": "torch.nn.Linear(3, 2)(there)",
    "a generator of the CPU": "torch.rand(3, device=there.device, generator=torch.Generator())",
    "NumPy": "there.numpy()",
    "writing to the wrong device": "torch.ones(3).add_(there)",
    "choosing by a mask elsewhere": "torch.where(torch.ones(3, dtype=torch.bool), there, there)",
}
FINE = {
    "a single number": "there + torch.tensor(2.0)",
    "indices of the CPU": "there[torch.tensor([0, 2])]",
    "a copy": "there.cpu().numpy() + torch.ones(3).copy_(there).numpy()",
    "a gradient": "torch.nn.Linear(3, 1).to(there.device)(there).backward()",
}


def test_the_pretended_device_keeps_apart_what_a_gpu_does() -> None:
    program = f"""
import json, torch
from tests import pretended_device
device = pretended_device.prepare()
there = torch.arange(3.0, device=device)
failed = []
for name, text in {MISTAKES | FINE}.items():
    try:
        eval(text)
    except (RuntimeError, TypeError):
        failed.append(name)
print(json.dumps(failed))
"""
    assert json.loads(_python("-c", program).splitlines()[-1]) == list(MISTAKES)
