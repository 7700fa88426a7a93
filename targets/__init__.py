"""Encryption schemes: one a file."""
