"""Any cipher from its ciphertexts alone: statistics that say which model can fit, and solvers."""
