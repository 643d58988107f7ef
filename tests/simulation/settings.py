"""What a seed decides before anything happens: how much, how often, how badly."""

import random

REPOSITORIES = ("octo-harbor/lighthouse", "octo-harbor/tide-tables", "Quayside/crane",
                "quayside/ledger.js", "m-sailor/dotfiles")
LINUX = ("self-hosted", "linux")
GPU = ("self-hosted", "linux", "gpu")
POOLS = {"linux": (LINUX, "runner-linux"), "gpu": (GPU, "runner-gpu")}
LABELS_ASKED = (("self-hosted",), LINUX, LINUX, ("Self-Hosted", "Linux"), GPU,
                ("self-hosted", "GPU"))


class Settings:
    def __init__(self, seed):
        rng = random.Random(f"settings {seed}")
        self.seed = seed
        self.jobs = rng.randint(100, 130)
        self.demand_s = rng.uniform(1.5, 4) * 3600
        self.cancelled = 0.2
        self.lost = 0.1  # deliveries
        self.doubled = 0.1
        self.late = rng.choice((0.05, 0.15, 0.4))
        self.children_lost = 0.05
        self.replaced = 0.4  # of the children lost
        self.killed = rng.choice((0, 0.002, 0.008))  # the program, at each request
        self.killed_writing = rng.choice((0, 0.001, 0.005))  # at each round of work
        self.stranger = rng.random() < 0.3  # somebody else's runner, which takes jobs as well
        self.capacity = {"runner-linux": rng.randint(4, 12), "runner-gpu": rng.randint(3, 8)}
        self.max_runners = {"linux": rng.choice((4, 10, 100)), "gpu": rng.choice((3, 8, 100))}
        self.max_pending = rng.choice((0, 0, 2, 5))
        self.all_events_lost = rng.random() < 0.05
        self.names_repositories = self.all_events_lost or rng.random() < 0.5
        self.audit = {"interval": 30, "interval_max": 480, "idle_timeout": 600,
                      "register_timeout": 300, "placement_timeout": 3000, "leave_timeout": 60,
                      "replacements": 5, "github_calls": 2000, "discover_interval": 300}
