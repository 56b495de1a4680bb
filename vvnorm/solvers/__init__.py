"""Optimal networks: where they are found. Nothing here proves anything; `vvnorm.verifier` does."""
