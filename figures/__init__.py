"""One module per figure: `compute` finds and verifies the data, `plot` draws them."""
