"""Network families: one a file."""
