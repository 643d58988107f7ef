"""A Nomad client's part in an allocation of a job file: the folders, the templates, the environment
and the processes of its tasks, as the raw_exec driver has them."""

import os
import pwd
import re
import shutil
import subprocess
import sys

from . import hcl
from .fronts import LAUNCHER


class Task:
    def __init__(self, allocation, block):
        self.block = block
        self.name = block.labels[0]
        self.folder = allocation.folder / self.name
        self.environment = {
            "NOMAD_ALLOC_DIR": str(allocation.shared),
            "NOMAD_TASK_DIR": str(self.folder / "local"),
            "NOMAD_SECRETS_DIR": str(self.folder / "secrets"),
            **allocation.environment,
        }
        for env in block.all("env"):
            self.environment |= {name: self.interpolate(value)
                                 for name, value in env.values.items()}
        self.secrets = self.folder / "secrets"
        self.process = None
        for name in ("local", "secrets", "tmp"):
            (self.folder / name).mkdir(parents=True)
            (self.folder / name).chmod(0o777)

    def interpolate(self, text):
        """What Nomad fills in at run time; what it does not know stays as it is."""
        return re.sub(r"\$\{(\w+)\}", lambda found: self.environment.get(found[1], found[0]), text)


class Allocation:
    """`environment` is what every task has besides; `variables` and `secrets` are what the job can
    read in Nomad and Vault, by path."""

    def __init__(self, site, job, *, environment, variables=None, secrets=None):
        self.site = site
        self.folder = site.directory / "alloc"
        self.shared = self.folder / "alloc"
        self.environment = environment
        self.variables = variables or {}
        self.vault = secrets or {}
        for shared in (self.shared, self.shared / "data"):
            shared.mkdir(parents=True)
            shared.chmod(0o777)
        for folder in (site.directory, self.folder):
            folder.chmod(0o711)
        (group,) = job.all("group")
        self.tasks = {block.labels[0]: Task(self, block) for block in group.all("task")}

    def write(self, task):
        """Renders a task's templates; returns their blocks by the path of what was written."""
        written = {}
        for block in task.block.all("template"):
            path = task.folder / block["destination"]
            text = hcl.render_template(block, task.environment, variables=self.variables,
                                       secrets=self.vault)
            new = path.with_name(path.name + ".new")
            new.write_text(text)
            new.chmod(int(block.get("perms", "0644"), 8))
            if os.geteuid() == 0:
                os.chown(new, block.get("uid", -1), block.get("gid", -1))
            new.rename(path)
            written[path] = block
        return written

    def give_payload(self, task, text):
        path = task.folder / "local" / task.block.only("dispatch_payload")["file"]
        path.write_text(text)
        path.chmod(0o666)

    def give_identity(self, task, token):
        """The workload identity's token, which is its user's alone where the task names one."""
        identity = task.block.only("identity")
        assert identity["file"] and task.block["user"]
        path = task.secrets / "nomad_token"
        path.write_text(token)
        path.chmod(0o600)
        if os.geteuid() == 0:
            user = pwd.getpwnam(task.block["user"])
            os.chown(path, user.pw_uid, user.pw_gid)

    def start(self, task, listener=None, **environment):
        """`listener` is a socket that is bound to the port that nginx is told to listen on: it
        inherits that one, so that nobody else can have taken the port."""
        config = task.block.only("config")
        command = [config["command"], *map(task.interpolate, config["args"])]
        if os.geteuid() == 0:
            user = task.block["user"]
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups",
                       "--inh-caps=-all", *command]
        descriptors = []
        if listener is not None:
            listener.set_inheritable(True)
            descriptors = [listener.fileno()]
            command = [sys.executable, "-c", LAUNCHER, descriptors[0], *command]
        task.process = self.site.start(command, task.name, pass_fds=descriptors,
                                       env={**task.environment, **environment})
        return task.process


def portable(program, folder):
    """A copy of the program, with its library, in a folder that every user can read; and what its
    environment needs."""
    folder.mkdir()
    folder.chmod(0o755)
    copy = folder / program.name
    shutil.copy(program, copy)
    libraries = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for path in re.findall(r"librunhook\S* => (\S+)", libraries):
        shutil.copy(path, folder)
    for path in folder.iterdir():
        path.chmod(0o755)
    return copy, {"LD_LIBRARY_PATH": folder}
