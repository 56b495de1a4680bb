"""Studies: what is run (TOML, for `vvnorm sweep`) and, under the same name, what came out (CSV, by `vvnorm summary`)."""
