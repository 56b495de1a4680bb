"""Certificates of trained networks that are judged as interpolants."""

from vvnorm import Certificate
from vvnorm.training import TaskTraining, TrainingResult


def interpolant_certificates(result: TrainingResult | TaskTraining) -> list[Certificate]:
    """Certify every trained network as an interpolant.

    Raises
    ------
    TypeError
        If the networks were trained as fits with a given lam.
    """
    certificates = result.certificates()
    interpolants = [certificate for certificate in certificates if isinstance(certificate, Certificate)]
    if len(interpolants) < len(certificates):
        raise TypeError("the networks were trained as fits; their certificates are not about interpolants")
    return interpolants
