"""Keys of schemes that give each block its own permutation, for images of any usual size."""
