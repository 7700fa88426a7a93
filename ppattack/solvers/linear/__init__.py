"""Secret matrices: from known pairs, or from ciphertexts alone."""
