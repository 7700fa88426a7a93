"""From what an attack recovered to scores, controls and a verdict."""
