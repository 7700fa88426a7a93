"""One run: its inputs, its identity and its folder."""
