"""The training loop, and what networks are trained with."""
