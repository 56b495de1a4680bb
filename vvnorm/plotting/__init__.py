"""Figures of solutions and of trained networks, and the figure scripts that `vvnorm figures` runs.

- `canvas`: style, empty figures, files;
- `solutions`: interpolants, fits and paths of fits;
- `training`: trained networks;
- `objects`: `solution.plot(ax)`, and small pictures for notebooks;
- `responses`: responses of neurons to a dual array;
- `extent`: ranges of axes, and the largest numbers that can be drawn;
- `scripts`: figure scripts, and the files written for each;
- `runner`: many figures at once.
"""

from vvnorm.plotting.canvas import COLOURS, FORMATS, STYLES, check_plot_path, new_figure, save, style
from vvnorm.plotting.scripts import (
    FIGURE_FILES,
    GROUP,
    FigureData,
    FigureScript,
    caption,
    draw_figure,
    figure_names,
    load_figure,
    rows,
)
from vvnorm.plotting.solutions import (
    draw,
    draw_kinks,
    draw_knots,
    plot_fit,
    plot_path,
    plot_points,
    plot_solution,
    plot_surface,
    refuse_undrawable,
)
from vvnorm.plotting.training import plot_comparison, plot_training

__all__ = [
    "COLOURS",
    "FIGURE_FILES",
    "FORMATS",
    "GROUP",
    "STYLES",
    "FigureData",
    "FigureScript",
    "caption",
    "check_plot_path",
    "draw",
    "draw_figure",
    "draw_kinks",
    "draw_knots",
    "figure_names",
    "load_figure",
    "new_figure",
    "plot_comparison",
    "plot_fit",
    "plot_path",
    "plot_points",
    "plot_solution",
    "plot_surface",
    "plot_training",
    "refuse_undrawable",
    "rows",
    "save",
    "style",
]
