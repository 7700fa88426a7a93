"""Many runs: matrices, audits, curves and published tables."""
