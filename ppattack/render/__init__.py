"""Pictures and pages, derived from reports only."""
