"""Encryption schemes, one per file."""
