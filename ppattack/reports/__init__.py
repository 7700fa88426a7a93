"""What results are written as, and how they are read back."""
