"""Gradient training of ReLU networks, many runs at once. Only this package and `torch_modules` import torch.

`train` (`trainer`) is the entry point. With the plain squared loss it calls `regression_trainer`; for other losses, missing
labels, weights and several tasks it calls `train_tasks` (`task_trainer`). Both check their arguments (`arguments`,
`placement`), make an objective and give it to the one training loop.

The loop (`loop`) moves all runs together, keeps records, stops finished runs, restores diverged runs, and saves its state
(`checkpoint`). It knows only the interface `TrainingObjective`, which has two implementations:

- `regression_objective`: the squared loss of all runs on one data set. `regression_problem` holds the data in training
  coordinates; `regression_model` computes the loss and its gradient; `schedule` gives lam and the learning rates;
  `optimisers` has Adam, SGD, L-BFGS and the proximal method; `bounds` computes the gaps at which runs stop early.
- `task_objective`: several tasks, whose weights a `weighting` chooses at each step. `task_model` computes losses and
  gradients.

Both take mini-batches from `batches` and formulas of losses and penalties from `torch_formulas`.

After training, `postprocess` calls `reoptimisation` (convex programs at the learned kinks) and `pruning`. Results are
`TrainingResult` (`result`) and `TaskTraining`. `vvnorm.torch_modules` converts between `ReLUNetwork` and torch modules.

`comparison` trains joint and separate networks on the same splits; `cross_validation` chooses fixed weights of tasks;
`task_study` compares joint and separate networks on built-in data. Tasks and their data are in `vvnorm.multitask`, which
never imports this package.
"""

from vvnorm.network import ReLUNetwork
from vvnorm.torch_modules.relu_module import ReLUModule
from vvnorm.training.result import TrainingResult
from vvnorm.training.task_trainer import TaskTraining, train_tasks
from vvnorm.training.trainer import train

to_network = ReLUNetwork.from_torch

__all__ = ["ReLUModule", "TaskTraining", "TrainingResult", "to_network", "train", "train_tasks"]
