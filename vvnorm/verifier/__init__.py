"""Proofs of how close to optimal a network is, and the code that checks them. No solver is imported."""
