"""Keys from many ciphertexts, by the covariance of natural images."""
