"""The public functions: each checks its arguments, asks a solver, has the verifier judge, and returns a result."""
