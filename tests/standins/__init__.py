"""Stand-ins for the two APIs that runhook talks to, as strict as the real ones, and a fault
injector that both use. Each of github.py and nomad.py runs as a program of its own as well."""

from .actions import RegistrationRefused
from .github import GitHub
from .nomad import AclToken, Nomad, ParameterizedJob, alloc_metric, task_group

__all__ = ["AclToken", "GitHub", "Nomad", "ParameterizedJob", "RegistrationRefused", "alloc_metric",
           "task_group"]
