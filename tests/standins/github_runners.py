"""The part of the API that is about self-hosted runners of repositories, organizations and
enterprises: registration tokens, just-in-time configurations, runner groups, the list, and the way
out. A target is one of them as text: repos/OWNER/NAME, orgs/NAME, enterprises/SLUG."""

import base64
import json
import string

from .actions import RegistrationRefused, repository_of, target_of
from .github_answers import DOCS, Need, Route, error, local_timestamp, number
from .httpd import Response

RUNNER_DOCS = f"{DOCS}/actions/self-hosted-runners"
GROUP_DOCS = f"{DOCS}/actions/self-hosted-runner-groups"
DEFAULT_GROUP_ID = 1

# Where a target's runners are, how GitHub's documentation calls it, and what it takes to manage
# them. No fine-grained credential manages an enterprise's.
PLACES = (
    ("/repos/{owner}/{repo}", "a-repository", "administration", "repo"),
    ("/orgs/{org}", "an-organization", "organization_self_hosted_runners", "admin:org"),
    ("/enterprises/{enterprise}", "an-enterprise", None, "manage_runners:enterprise"),
)


class RegistrationToken:
    def __init__(self, token, target, expires_at):
        self.token = token
        self.target = target
        self.repository = repository_of(target)
        self.expires_at = expires_at  # seconds since the epoch


class RunnerGroup:
    def __init__(self, group_id, name, visibility="all"):
        self.id = group_id
        self.name = name
        self.visibility = visibility

    def json(self):
        return {"id": self.id, "name": self.name, "visibility": self.visibility,
                "default": self.id == DEFAULT_GROUP_ID, "inherited": False,
                "allows_public_repositories": False, "restricted_to_workflows": False,
                "selected_workflows": [], "workflow_restrictions_read_only": False}


class JitConfig:
    """A just-in-time configuration as it was issued, and whether a runner began with it."""

    def __init__(self, encoded, runner, work_folder):
        self.encoded = encoded
        self.runner = runner
        self.work_folder = work_folder
        self.is_used = False


class RunnersApi:
    def __init__(self, github):
        self.github = github
        self.registration_tokens = []  # every one issued, in order
        self.jit_configs = []  # every one issued, in order
        self.groups = {}  # target in lower case -> its groups beside the default one
        self.routes = [route for place in PLACES for route in self._routes_at(*place)]

    def _routes_at(self, path, place, permission, scope):
        read = Need(permission, "read", (scope,))
        write = Need(permission, "write", (scope,))
        runners = f"{path}/actions/runners"
        routes = [
            Route("POST", f"{runners}/registration-token", self._create_registration_token, write,
                  docs=f"{RUNNER_DOCS}#create-a-registration-token-for-{place}", creates=True),
            Route("POST", f"{runners}/generate-jitconfig", self._create_jit_config, write,
                  docs=f"{RUNNER_DOCS}#create-configuration-for-a-just-in-time-runner-for-{place}",
                  creates=True),
            Route("GET", runners, self._list, read,
                  docs=f"{RUNNER_DOCS}#list-self-hosted-runners-for-{place}"),
            Route("GET", f"{runners}/{{runner_id}}", self._get, read,
                  docs=f"{RUNNER_DOCS}#get-a-self-hosted-runner-for-{place}"),
            Route("DELETE", f"{runners}/{{runner_id}}", self._delete, write,
                  docs=f"{RUNNER_DOCS}#delete-a-self-hosted-runner-from-{place}"),
        ]
        if permission != "administration":
            routes.append(Route("GET", f"{path}/actions/runner-groups", self._list_groups, read,
                                docs=f"{GROUP_DOCS}#list-self-hosted-runner-groups-for-{place}"))
        return routes

    # -- what a test asks, and does -----------------------------------------------------------

    def tokens_issued(self, repository=None, *, target=None):
        target = target_of(repository) if repository is not None else target
        return [issued.token for issued in self.registration_tokens
                if target is None or issued.target.lower() == target.lower()]

    def is_registration_token(self, token, repository=None, *, target=None):
        """Whether a runner could register in the repository with this token now."""
        target = target_of(repository) if repository is not None else target
        return any(issued.token == token and issued.target.lower() == target.lower()
                   and issued.expires_at > self.github.clock()
                   for issued in self.registration_tokens)

    def expire_registration_tokens(self):
        for issued in self.registration_tokens:
            issued.expires_at = self.github.clock()

    def register_at(self, target, name, labels, token, ephemeral=True, *, group="Default"):
        """What config.sh does. RegistrationRefused where the token is not good, or where there is
        no such group."""
        if not self.is_registration_token(token, target=target):
            raise RegistrationRefused(f"{name}: the token is not good for "
                                      f"{repository_of(target) or target}")
        found = next((each for each in self.groups_of(target) if each.name == group), None)
        if found is None:
            raise RegistrationRefused(f"{name}: no runner group {group} at {target}")
        return self.github.actions.add_runner_at(target, name, labels, ephemeral,
                                                 group_id=found.id)

    def start_jit(self, encoded):
        """What run.sh --jitconfig does, which is good once, and only while the registration is
        there. Returns the runner."""
        config = next((each for each in self.jit_configs if each.encoded == encoded), None)
        if config is None:
            raise RegistrationRefused("no such just-in-time configuration")
        runner = config.runner
        if config.is_used:
            raise RegistrationRefused(f"{runner.name}: its configuration was used before")
        if runner.id not in self.github.actions.runners:
            raise RegistrationRefused(f"{runner.name}: its registration was deleted")
        config.is_used = True
        runner.has_started = runner.online = True
        return runner

    def add_group(self, target, name, visibility="all"):
        """Group 2 is GitHub's own, for its hosted runners."""
        groups = self.groups.setdefault(target.lower(), [])
        groups.append(RunnerGroup(3 + len(groups), name, visibility))
        return groups[-1]

    def groups_of(self, target):
        return [RunnerGroup(DEFAULT_GROUP_ID, "Default"), *self.groups.get(target.lower(), ())]

    # -- the API ------------------------------------------------------------------------------

    def _create_registration_token(self, _, at):
        alphabet = string.ascii_uppercase + "234567"
        token = "A" + "".join(self.github.rng.choices(alphabet, k=28))
        issued = RegistrationToken(token, at.target,
                                   self.github.clock() + self.github.token_lifetime_s)
        self.registration_tokens.append(issued)
        return Response.json(201, {"token": token,
                                   "expires_at": local_timestamp(issued.expires_at)})

    def _create_jit_config(self, call, at):
        actions, body = self.github.actions, call.body
        if all(group.id != body["runner_group_id"] for group in self.groups_of(at.target)):
            return call.not_found()
        if actions.runner_named_at(at.target, body["name"]) is not None:
            return error(409, f"Already exists - A runner with the name {body['name']} already "
                         "exists.", call.route.docs)
        runner = actions.add_runner_at(at.target, body["name"], body["labels"],
                                       group_id=body["runner_group_id"], has_started=False)
        work_folder = body.get("work_folder", "_work")
        encoded = self._encode(runner, work_folder)
        self.jit_configs.append(JitConfig(encoded, runner, work_folder))
        return Response.json(201, {"runner": runner.json(), "encoded_jit_config": encoded})

    def _encode(self, runner, work_folder):
        """As the runner wants it: the three files that config.sh would write, each in base64."""
        settings = {"AgentId": str(runner.id), "AgentName": runner.name,
                    "PoolId": str(runner.group_id), "Ephemeral": "True",
                    "WorkFolder": work_folder, "gitHubUrl": "https://github.com/"
                    + (runner.repository or runner.target.removeprefix("orgs/"))}
        rng = self.github.rng
        credentials = {"scheme": "OAuth", "data": {"clientId": f"{rng.getrandbits(128):032x}",
                                                   "requireFipsCryptography": "True"}}
        # No key, but as long as one of RSA's.
        key = {name: base64.b64encode(rng.getrandbits(bits).to_bytes(bits // 8, "big")).decode()
               for name, bits in (("d", 2048), ("dp", 1024), ("dq", 1024), ("inverseQ", 1024),
                                  ("modulus", 2048), ("p", 1024), ("q", 1024))}
        files = {".runner": settings, ".credentials": credentials, ".credentials_rsaparams": key}
        return _base64({name: _base64(value) for name, value in files.items()})

    def _list(self, call, at):
        wanted = call.query("name") if self.github.finds_names else None
        return call.page([runner.json() for runner in self.github.actions.runners_at(at.target)
                          if not wanted or runner.name == wanted], "runners")

    def _runner(self, at, runner_id):
        runner = self.github.actions.runners.get(number(runner_id))
        return runner if runner and runner.target.lower() == at.target.lower() else None

    def _get(self, call, at, runner_id):
        runner = self._runner(at, runner_id)
        return Response.json(200, runner.json()) if runner else call.not_found()

    def _delete(self, call, at, runner_id):
        runner = self._runner(at, runner_id)
        if runner is None:
            return call.not_found()
        if runner.busy:
            return error(422, f'Runner "{runner.name}" is currently running a job and cannot be '
                         "deleted.", call.route.docs)
        if self.github.on_delete is not None:
            self.github.on_delete(runner)
        self.github.actions.remove_runner(runner)
        return Response(204)

    def _list_groups(self, call, at):
        return call.page([group.json() for group in self.groups_of(at.target)], "runner_groups")


def _base64(value):
    return base64.b64encode(json.dumps(value).encode()).decode("ascii")
