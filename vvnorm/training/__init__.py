"""Gradient training of ReLU networks, all seeds at once; the only part of the package that imports torch."""

from vvnorm.training.module import ReLUModule, to_network
from vvnorm.training.result import TrainingResult
from vvnorm.training.task_trainer import TaskTraining, train_tasks
from vvnorm.training.trainer import train

__all__ = ["ReLUModule", "TaskTraining", "TrainingResult", "to_network", "train", "train_tasks"]
