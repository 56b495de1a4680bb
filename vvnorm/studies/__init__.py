"""Studies: many runs over a grid of data, auxiliary outputs and solvers, kept in a store that survives interruption.

- `study`: reads a specification and lists its runs; `recorded`: the specifications and tables that the package contains;
- `run`, `targets`, `experiment`: the configuration of one run, its data, and what it does;
- `execute`, `cluster`: do the unfinished runs, in processes of this machine or on a Dask cluster;
- `database`, `store`: finished runs on disk;
- `summary`, `statistics`: ratios, trends, intervals and verdicts;
- `time_estimate`: how long a study will take.
"""
