"""The key within blocks that all share, from ciphertexts alone, whatever places they have."""
