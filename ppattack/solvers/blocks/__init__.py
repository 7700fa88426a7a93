"""Blocks that moved, turned or changed colour, put back by what their borders show."""
