"""ReLU networks as torch modules, and read out of them. Only these modules, and `vvnorm.training`, import torch."""
