"""The precision and the device of the tensors of training."""

from dataclasses import dataclass

import torch

from vvnorm.training.arguments import check_choice
from vvnorm.validation import Array

_DTYPES = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True)
class Placement:
    """Precision and device of all tensors of a training.

    Attributes
    ----------
    dtype : torch.dtype
        float64 or float32.
    device : torch.device
    """

    dtype: torch.dtype
    device: torch.device

    def tensor(self, values: Array) -> torch.Tensor:
        """Return an array as a tensor of this precision on this device."""
        return torch.from_numpy(values).to(self.device, self.dtype)

    def zeros(self, *shape: int) -> torch.Tensor:
        """Return a tensor of zeros."""
        return torch.zeros(*shape, dtype=self.dtype, device=self.device)


def as_array(values: torch.Tensor) -> Array:
    """Return a tensor as a float64 array."""
    array: Array = values.double().cpu().numpy()
    return array


def as_placement(dtype: str, device: str) -> Placement:
    """Return precision and device of the training; ValueError if they are not available together."""
    check_choice(dtype, "dtype", tuple(_DTYPES))
    try:
        return Placement(_DTYPES[dtype], torch.empty(0, dtype=_DTYPES[dtype], device=device).device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device {device!r} is not available for dtype {dtype!r}: {reason}") from None
