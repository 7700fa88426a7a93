"""Attacks on perceptual image encryption under enforced threat models, with honest verdicts.

The public API, loaded on first use; ``__init__.pyi`` beside this file lists it::

    import ppattack

    finished = ppattack.run(ppattack.RunRequest(attack="fr", target="pe", preset="smoke"))
    print(finished.report.verdict, finished.report.scores.ssim)
"""

import sys
from types import ModuleType
from typing import Any

import lazy_loader

__version__ = "1.0.0rc1"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def _function(name: str) -> property:
    """A function whose name a module of this package has too; importing that replaces nothing."""

    def get(_: ModuleType) -> Any:
        return __getattr__(name)

    def leave(_: ModuleType, module: object) -> None:
        """Importing a module makes it an attribute of its package: not of this name."""

    return property(get, leave)


class _Package(ModuleType):
    """``ppattack.attack(...)`` is a call, and ``from ppattack.attack import ...`` the module."""

    attack = _function("attack")
    identify = _function("identify")


sys.modules[__name__].__class__ = _Package
