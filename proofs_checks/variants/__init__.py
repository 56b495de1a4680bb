"""Claims in a form that is decided exactly, and variants of claims: one module per claim, named after it.

Each module has a variant per statement, registered in `pyproject.toml` under `vvnorm.variants`. `EXACT` is the claim.
False variants are what one might believe; a search must refute them. True ones must survive it.
"""
