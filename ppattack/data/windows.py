"""Windows: which levels of an image of more than 8 bits become 0 to 255.

Reference: DICOM PS3.3, C.11.2.1.2 (window centre and width, the functions LINEAR, LINEAR_EXACT and
SIGMOID).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ppattack.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
FULL = "full"


@dataclass(frozen=True)
class Window:
    """Levels around a centre.

    Args:
        centre: the level in the middle; None for all levels that the type of the numbers has.
        width: levels from black to white; LINEAR counts both ends.
        function: how levels become grey.

    Raises:
        ConfigError: for a width below 1, or below or at 0 if the function allows that.
    """

    centre: float | None = None
    width: float | None = None
    function: Function = "LINEAR"

    def __post_init__(self) -> None:
        if self.centre is None or self.width is None:
            return
        least = 1 if self.function == "LINEAR" else 0
        if not (math.isfinite(self.centre) and math.isfinite(self.width)):
            raise ConfigError(f"the window {self} is not valid: give two finite numbers.")
        if self.width < least or self.width == 0:
            raise ConfigError(f"the window {self} is not valid: its width must be 1 or more.")

    @classmethod
    def read(cls, text: str) -> Window:
        """The window of a text: ``full``, or ``CENTRE,WIDTH``.

        Raises:
            ConfigError: if it is neither.
        """
        if text == FULL:
            return cls()
        try:
            centre, width = (float(part) for part in text.split(","))
        except ValueError:
            raise ConfigError(
                f"--window {text} is not valid: use CENTRE,WIDTH, for example 40,400, or full."
            ) from None
        return cls(centre, width)

    @classmethod
    def given(cls, text: str | None) -> Window | None:
        """The window of an option, or None if it was left out; see :meth:`read`."""
        return None if text is None else cls.read(text)

    def __str__(self) -> str:
        if self.centre is None or self.width is None:
            return FULL
        return f"{self.centre:g},{self.width:g}"

    def grey(self, values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
        """Numbers as bytes, rounded to nearest.

        Args:
            values: of any shape.
            low: the least number that their type has, for a full window.
            high: the greatest.
        """
        import numpy as np

        found = values.astype(np.float64)
        if self.centre is None or self.width is None:
            shares = (found - low) / max(high - low, 1e-12)
        elif self.function == "SIGMOID":
            shares = 1 / (1 + np.exp(-4 * (found - self.centre) / self.width))
        elif self.function == "LINEAR_EXACT":
            shares = (found - self.centre) / self.width + 0.5
        elif self.width == 1:
            shares = (found > self.centre - 0.5).astype(np.float64)
        else:
            shares = (found - (self.centre - 0.5)) / (self.width - 1) + 0.5
        made: NDArray[np.uint8] = (shares.clip(0, 1) * 255).round().astype(np.uint8)
        return made
