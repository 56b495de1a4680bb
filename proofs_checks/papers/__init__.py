"""The papers whose statements this package tests, one TOML file each; `vvnorm papers` runs their rows.

A row names the claims and figures that test it, or says why nothing does. To add a row, copy one; `vvnorm.papers.Row`
explains the fields. Verdicts are never written here.
"""

from pathlib import Path

from vvnorm.papers import read_paper

_FOLDER = Path(__file__).parent

MT = read_paper(_FOLDER / "mt.toml")
VV = read_paper(_FOLDER / "vv.toml")
SK = read_paper(_FOLDER / "sk.toml")
LP = read_paper(_FOLDER / "lp.toml")
AHS = read_paper(_FOLDER / "ahs.toml")
ZOBWS = read_paper(_FOLDER / "zobws.toml")
PE = read_paper(_FOLDER / "pe.toml")
OWSS = read_paper(_FOLDER / "owss.toml")
HX = read_paper(_FOLDER / "hx.toml")
