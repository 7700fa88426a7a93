"""What makes the site out of ``docs/``, the registry and the docstrings (``make docs``)."""
