"""Attacks on perceptual image encryption under enforced threat models."""

__version__ = "0.1.0"
