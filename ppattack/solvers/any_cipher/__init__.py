"""Maps of ciphers that nobody described, from pairs of plain images and ciphertexts."""
