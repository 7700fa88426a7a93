"""``ppattack doctor``: what works here, and what is missing."""

from __future__ import annotations

import os
import sys


def doctor() -> None:
    """Check this installation: packages, device, threads, LPIPS weights, plug-ins."""
    from ppattack.plugins import registry
    from ppattack.runs import provenance
    from ppattack_cli.tables import console, table

    made = table("check", "found")
    made.add_row("python", f"{sys.version.split()[0]} ({sys.executable})")
    for package, version in provenance.versions().items():
        made.add_row(package, version)
    made.add_row("device", _device())
    made.add_row("waiting threads", os.environ.get("OMP_WAIT_POLICY", "default").lower())
    for net in ("alex", "vgg", "squeeze"):
        made.add_row(f"LPIPS weights ({net})", _weights(net))
    made.add_row("EfficientNet-Lite0 weights", _identity())
    kinds: tuple[registry.Kind, ...] = ("attack", "target", "dataset")
    for kind in kinds:
        entries = registry.entries(kind)
        broken = [f"{entry.name}: {entry.broken}" for entry in entries if entry.broken]
        made.add_row(f"{kind}s", "; ".join(broken) or f"{len(entries)}, none broken")
    console().print(made, markup=False)


def _device() -> str:
    from ppattack import machine

    try:
        import torch

        device = machine.choose_device("auto")
        return f"{machine.device_name(device)}, {torch.get_num_threads()} threads"
    except (ImportError, RuntimeError) as error:
        return f"torch cannot be used: {error}"


def _identity() -> str:
    from ppattack.metrics.identity_network import find_identity_weights, no_identity_network

    return no_identity_network() or str(find_identity_weights())


def _weights(net: str) -> str:
    from ppattack.metrics.lpips_weights import find_weights, nothing_found

    found = find_weights(net)
    return str(found) if found else nothing_found(net)
