"""An attack that is interrupted half-way, the first time."""

from __future__ import annotations

import os

from ppattack.attack import Context, Recovery
from ppattack.threat import Observation
from tests.support.plugins.returns_ciphertexts import Idle


class Interrupted(Idle):
    """Leaves a checkpoint and is interrupted; continues from it when run again."""

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Stop half-way while INTERRUPT is set."""
        if context.checkpoints is None:  # a control
            return Recovery(observation.ciphertexts)
        mark = context.checkpoints / "half-way"
        if os.environ.get("INTERRUPT"):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.write_text("x")
            raise KeyboardInterrupt
        return Recovery(observation.ciphertexts, notes={"resumed": mark.exists()})
