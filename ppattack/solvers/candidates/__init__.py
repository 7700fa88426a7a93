"""Which known image a ciphertext is of, by what no key changes."""
