"""The public functions: each checks its arguments, calls a solver and the verifier, and returns a result."""
