"""One input feature: `interpolation` has closed forms, `fits` iterates."""
