"""``python -m ppattack_cli``."""

from ppattack_cli.main import main

main()
