"""One file per command: listing this folder is reading ``ppattack --help``."""
