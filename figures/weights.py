"""Task weights during training, under weightings that change them, on the breast cancer data.

One network learns to classify samples as malignant or not, a one-class model of benign samples, and the radius of the
nuclei. Lines are means over seeds of each task's share of the weights; bands reach from the least to the greatest. Plain
minimisation over the weights ends at the task of least loss, as the claim `learned_weight_collapses` predicts; other
weightings do not.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm.claims import Verdict
from vvnorm.multitask.task_data import builtin_task_data
from vvnorm.plotting import COLOURS, FigureData, FigureScript, new_figure, rows
from vvnorm.training.comparison import compare

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WEIGHTINGS = {"learned": "learned", "uncertainty": "uncertainty", "gradnorm": "GradNorm", "mgda_ub": "MGDA-UB"}
_LOOKS = (("blue", "-"), ("orange", "--"), ("green", ":"))
_COLLAPSED = 0.9  # share of one task


def compute(seed: int, quick: bool) -> FigureData:
    """Train joint networks under each weighting."""
    data = builtin_task_data("breast_cancer")
    count, steps, width = (2, 600, 16) if quick else (5, 2000, 64)
    chosen = [count * seed + k for k in range(count)]
    rules = tuple(_WEIGHTINGS)
    comparison = compare(data, weightings=rules, seeds=chosen, steps=steps, width=width, batch_size=128, separate=False)
    shares = {}
    for name, history in comparison.histories.items():
        weights = history["weights"]
        shares[name] = weights / weights.sum(axis=2, keepdims=True)
    last, losses = shares["learned"][-1], comparison.histories["learned"]["losses"][-1]
    share_of_least_loss = last[np.arange(count), losses.argmin(axis=1)]
    values = {
        "steps": comparison.histories["learned"]["step"],
        "shares": shares,
        "tasks": [task.name for task in data.tasks],
    }
    return FigureData(values, _verdict(share_of_least_loss), [])


def _verdict(share: Any) -> Verdict:
    """Whether the task of least loss has nearly all the weight in every run."""
    if np.all(share > _COLLAPSED):
        return Verdict.SUPPORTED
    return Verdict.NOT_SUPPORTED if np.any(share < 0.5) else Verdict.INCONCLUSIVE


def plot(values: Mapping[str, Any]) -> "Figure":
    """Draw a panel for each weighting, and a line for each task."""
    figure = new_figure(6.8, 2.2)
    row = figure.subplots(1, len(values["shares"]), sharey=True)
    for axes, (name, shares) in zip(row, values["shares"].items(), strict=True):
        for t, (task, (colour, dashes)) in enumerate(zip(values["tasks"], _LOOKS, strict=True)):
            axes.plot(values["steps"], shares[:, :, t].mean(axis=1), ls=dashes, color=COLOURS[colour], label=task)
            low, high = shares[:, :, t].min(axis=1), shares[:, :, t].max(axis=1)
            axes.fill_between(values["steps"], low, high, color=COLOURS[colour], alpha=0.2, lw=0)
        axes.set(title=_WEIGHTINGS[name], xlabel="step", ylim=(0, 1))
    row[0].set_ylabel("share of the weights")
    seeds = next(iter(values["shares"].values())).shape[1]
    row[0].fill_between([], [], color=COLOURS["grey"], alpha=0.4, lw=0, label=f"range of {seeds} seeds")
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def table(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return each task's share of the weights, by weighting, seed and step."""
    lines: list[Mapping[str, Any]] = []
    for name, shares in values["shares"].items():
        step, seed, task = np.asarray(values["steps"])[:, None, None], np.arange(shares.shape[1])[:, None], values["tasks"]
        lines += rows(weighting=name, step=step, seed=seed, task=task, share=shares)
    return lines


FIGURE = FigureScript(
    "weights",
    "task weights that are learned by plain minimisation end at the task of least loss",
    compute,
    plot,
    table,
    "Each task's share of the weights of the losses while one network learns all three tasks (breast cancer data). "
    "Lines are means over seeds, bands reach from the least to the greatest.",
)
