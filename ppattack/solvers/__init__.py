"""Solvers: pure functions, no input or output."""
