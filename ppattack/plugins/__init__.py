"""Finding targets, attacks and image sources, and starting new ones."""
