"""The InstaHide challenge: encodings and soft labels are public, private images are asked for."""
