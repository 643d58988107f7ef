"""Stand-ins for the two APIs that runhook talks to, as strict as the real ones, and a fault
injector that both use. Each of github.py and nomad.py runs as a program of its own as well."""

from .github import GitHub
from .nomad import AclToken, Nomad, ParameterizedJob

__all__ = ["AclToken", "GitHub", "Nomad", "ParameterizedJob"]
