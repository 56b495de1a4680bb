"""Claims in a form that is decided exactly, and variants of claims: one module per claim, named after it.

Each module has a variant for each statement, registered in `pyproject.toml` under `vvnorm.variants`. `EXACT` is the claim
itself. False variants are plausible statements that a search must refute. True variants must survive the search.
"""
