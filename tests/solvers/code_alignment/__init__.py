"""Tests of code alignment."""
