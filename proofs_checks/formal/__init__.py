"""Machine-checked proofs (Coq) of theorems on one input; README.md in this folder is the place to start."""
