"""Mixtures of images that were cropped and mirrored first: every member has a pose to be found."""
