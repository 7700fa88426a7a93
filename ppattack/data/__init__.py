"""Image sources: one a file, each a class registered under ``ppattack.datasets``."""
