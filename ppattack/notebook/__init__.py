"""Calls for notebooks: arrays and functions in, objects that show themselves out."""
