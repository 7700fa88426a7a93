"""Attacks, one per file: thin classes that call solvers and networks."""
