"""Image sources, one per file, each a class registered under ``ppattack.datasets``."""
