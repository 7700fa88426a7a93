"""Attacks that train a network: losses, budgets and inputs."""
