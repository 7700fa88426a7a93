"""Network families, one per file."""
