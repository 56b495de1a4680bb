"""One module per figure: `compute` computes and verifies the data, `plot` draws them."""
