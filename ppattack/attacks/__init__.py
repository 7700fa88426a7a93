"""Attacks: one a file, thin classes that call solvers and networks."""
