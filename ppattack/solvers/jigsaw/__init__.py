"""Square jigsaw puzzles whose pieces may also be turned, complemented and recoloured.

:func:`solve` is the way in. The rest is for those who want a part of it: border lines
(``lines``), measures of seams (``compatibility``), the table of all seams (``seam_table``), and
two assemblies (``gallagher``, ``assembly``).
"""

from ppattack.solvers.jigsaw.solve import ASSEMBLIES, Solution, solve

__all__ = ["ASSEMBLIES", "Solution", "solve"]
