"""Classifiers of encrypted images: what a scheme leaves to those who hold no key."""
