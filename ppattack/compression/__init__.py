"""What encryption costs in file size, and what is left after real codecs."""
