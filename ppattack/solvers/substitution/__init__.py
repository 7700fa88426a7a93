"""One secret table of levels at some places of every block, while the other bytes stay clear."""
