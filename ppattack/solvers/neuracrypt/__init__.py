"""Stages of the matching attack on NeuraCrypt, each a function of tensors."""
