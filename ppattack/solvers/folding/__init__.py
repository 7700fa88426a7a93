"""Pixels folded at mid-grey, and the signs that undo it."""
