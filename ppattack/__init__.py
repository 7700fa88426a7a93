"""Attacks on perceptual image encryption under enforced threat models, with honest verdicts.

The public API, loaded on first use; ``__init__.pyi`` beside this file lists it::

    import ppattack

    finished = ppattack.run(ppattack.RunRequest(attack="fr", target="pe", preset="smoke"))
    print(finished.report.verdict, finished.report.scores.ssim)
"""

import lazy_loader

__version__ = "1.0.0rc1"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
