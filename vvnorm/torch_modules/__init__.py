"""Conversion of ReLU networks to and from torch modules. Only these modules, and `vvnorm.training`, import torch."""
