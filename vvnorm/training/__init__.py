"""Gradient training of ReLU networks, many runs at once. Only this package and `torch_modules` import torch.

`train` (`trainer`) is the entry point. With the plain squared loss it calls `regression_trainer`; for other losses, missing
labels, weights and several tasks it calls `train_tasks` (`task_trainer`). Both check their arguments (`arguments`,
`placement`), make an objective and give it to the one training loop.

`loop` is that loop: it moves all runs together, keeps records, stops finished runs, restores diverged ones, and saves its
state (`checkpoint`). It knows a `TrainingObjective` only. There are two:

- `regression_objective`: the squared loss of all runs on one data set. `regression_problem` has the data in training
  coordinates, `regression_model` the loss with its gradient, `schedule` lam and the learning rates, `optimisers` Adam, SGD,
  L-BFGS and the proximal method, `bounds` the gaps on which runs stop early.
- `task_objective`: several tasks, whose losses a `weighting` weighs at each step. `task_model` has losses and gradients.

Both take mini-batches from `batches` and formulas of losses and penalties from `torch_formulas`.

After training, `postprocess` calls `reoptimisation` (convex programs at the learned kinks) and `pruning`. Results are
`TrainingResult` (`result`) and `TaskTraining`. `vvnorm.torch_modules` converts
between `ReLUNetwork` and torch modules.

`comparison` trains joint and separate networks on the same splits; `cross_validation` chooses fixed weights of tasks; and
`task_study` is the study of both on built-in data. Tasks and their data are in `vvnorm.multitask`, which this package
imports and which never imports this package.
"""

from vvnorm.network import ReLUNetwork
from vvnorm.torch_modules.relu_module import ReLUModule
from vvnorm.training.result import TrainingResult
from vvnorm.training.task_trainer import TaskTraining, train_tasks
from vvnorm.training.trainer import train

to_network = ReLUNetwork.from_torch

__all__ = ["ReLUModule", "TaskTraining", "TrainingResult", "to_network", "train", "train_tasks"]
