"""What a folder of ciphertexts is, from nothing but the ciphertexts; without torch."""
