"""One module per claim of the theory; the file name is the claim's id.

To add your own claim, write a module with a `CLAIM = Claim(...)` in any package and register it in the entry-point group
`vvnorm.claims`; `vvnorm verify` and the contract tests then find it.
"""
