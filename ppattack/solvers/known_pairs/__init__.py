"""Keys from plain images and their ciphertexts."""
