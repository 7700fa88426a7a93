"""An attack in a process of its own that holds nothing secret."""
