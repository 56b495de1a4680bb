"""Exact proofs in rational arithmetic, for one and two inputs: bounds that are proved, not certified up to 1e-6.

`prove` takes a solution, or data, and returns a `Proof`: rational bounds L <= optimum <= U on the least VV norm of an
interpolant, and a certificate that `check_certificate.py` checks with nothing but Python's standard library. The format is
described in docs/exact_certificates.md. No solver is imported, and no decision is made in floating point.
"""

from vvnorm.verifier.exact.certificate import ExactCertificate, load_exact_certificate, save_exact_certificate
from vvnorm.verifier.exact.line import BandPoint, ExactLine
from vvnorm.verifier.exact.proof import Proof, prove
from vvnorm.verifier.exact.rational_network import Neuron, RationalNetwork
from vvnorm.verifier.exact.rationals import as_rational

__all__ = [
    "BandPoint",
    "ExactCertificate",
    "ExactLine",
    "Neuron",
    "Proof",
    "RationalNetwork",
    "as_rational",
    "load_exact_certificate",
    "prove",
    "save_exact_certificate",
]
