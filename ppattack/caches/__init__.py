"""Results that take long to make again: in memory, and in the user's cache."""
