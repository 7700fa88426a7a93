"""Rules over saved reports, for continuous integration."""
