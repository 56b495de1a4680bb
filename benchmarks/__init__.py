"""Side-by-side timings with peers, in one process, as ratios."""
