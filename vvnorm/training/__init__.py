"""Gradient training of ReLU networks, all seeds at once."""

from vvnorm.network import ReLUNetwork
from vvnorm.torch_modules.relu_module import ReLUModule
from vvnorm.training.result import TrainingResult
from vvnorm.training.task_trainer import TaskTraining, train_tasks
from vvnorm.training.trainer import train

to_network = ReLUNetwork.from_torch

__all__ = ["ReLUModule", "TaskTraining", "TrainingResult", "to_network", "train", "train_tasks"]
