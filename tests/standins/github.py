"""A stand-in for the part of GitHub's REST API that runhook uses, strict where GitHub is: paths,
methods, authentication, permissions, User-Agent, API version, rate limits, tokens that expire.

As a program: python3 tests/standins/github.py --port 0 --token TOKEN
prints one JSON line with its url once it listens.
"""

import datetime
import hashlib
import json
import random
import string
import sys
import threading
import time
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    __package__ = "standins"

from standins import program  # noqa: E402
from standins.actions import Actions, RegistrationRefused  # noqa: E402
from standins.httpd import HttpServer, Response  # noqa: E402

DOCS = "https://docs.github.com/rest"
RUNNER_DOCS = f"{DOCS}/actions/self-hosted-runners"
RUN_DOCS = f"{DOCS}/actions/workflow-runs"
JOB_DOCS = f"{DOCS}/actions/workflow-jobs"
API_VERSIONS = ("2022-11-28",)
REGISTRATION_TOKEN_LIFETIME_S = 3600
NAME_CHARACTERS = set(string.ascii_letters + string.digits + "._-")


class RegistrationToken:
    def __init__(self, token, repository, expires_at):
        self.token = token
        self.repository = repository
        self.expires_at = expires_at  # seconds since the epoch


class RateLimit:
    """GitHub's primary limit: so many requests an hour, then 403 until the hour is over."""

    def __init__(self, clock, limit=5000, window_s=3600):
        self.clock = clock
        self.limit = limit
        self.window_s = window_s
        self.remaining = limit
        self.reset_at = int(clock()) + window_s

    def take(self):
        """Counts one request; False when the limit is used up."""
        if self.clock() >= self.reset_at:
            self.remaining = self.limit
            self.reset_at = int(self.clock()) + self.window_s
        if self.remaining <= 0:
            return False
        self.remaining -= 1
        return True

    def give_back(self):
        """An answer of 304 costs nothing."""
        self.remaining += 1

    def headers(self):
        return [("x-ratelimit-limit", str(self.limit)),
                ("x-ratelimit-remaining", str(self.remaining)),
                ("x-ratelimit-used", str(self.limit - self.remaining)),
                ("x-ratelimit-reset", str(self.reset_at)),
                ("x-ratelimit-resource", "core")]


class GitHub:
    """The API's state and its answers; `server` is the HTTP side, with its requests and faults.

    tokens         API tokens that are good; change the set to let one expire
    repositories   full names that exist (compared without case), or None for any
    denied         full names for which the token may not manage runners
    unreadable     full names for which the token may not read Actions
    prefix         what stands before every path, such as /api/v3 on GitHub Enterprise Server
    finds_names    whether the list of runners heeds `name`, as older servers do not
    actions        the state of runs, jobs and registrations, which the caller may change
    rng            where tokens come from
    on_delete      called with a registration that a request is about to delete
    """

    def __init__(self, *, tokens, repositories=None, denied=(), unreadable=(), prefix="",
                 rate_limit=5000, token_lifetime_s=REGISTRATION_TOKEN_LIFETIME_S, finds_names=True,
                 clock=time.time, rng=None, **server_options):
        self.tokens = set(tokens)
        self.repositories = None
        if repositories is not None:
            self.repositories = {name.lower() for name in repositories}
        self.denied = {name.lower() for name in denied}
        self.unreadable = {name.lower() for name in unreadable}
        self.finds_names = finds_names
        self.actions = Actions(clock)
        self.on_delete = None
        self.rng = rng or random.SystemRandom()
        self.prefix = prefix.rstrip("/")
        self.clock = clock
        self.token_lifetime_s = token_lifetime_s
        self.rate = RateLimit(clock, rate_limit)
        self.registration_tokens = []  # every one issued, in order
        self._lock = threading.RLock()
        self._routes = {
            ("POST", ("repos", None, None, "actions", "runners", "registration-token")):
                self._create_registration_token,
            ("GET", ("repos", None, None, "actions", "runners")): self._list_runners,
            ("DELETE", ("repos", None, None, "actions", "runners", None)): self._delete_runner,
            ("GET", ("repos", None, None, "actions", "jobs", None)): self._get_job,
            ("GET", ("repos", None, None, "actions", "runs")): self._list_runs,
            ("GET", ("repos", None, None, "actions", "runs", None, "jobs")): self._list_run_jobs,
        }
        self.server = HttpServer(self._handle, clock=clock, **server_options)

    # -- life and asking ----------------------------------------------------------------------

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *exc):
        self.server.stop()

    @property
    def url(self):
        return self.server.url + self.prefix

    @property
    def faults(self):
        return self.server.faults

    @property
    def requests(self):
        return self.server.seen()

    def tokens_issued(self, repository=None):
        with self._lock:
            return [issued.token for issued in self.registration_tokens
                    if repository is None or issued.repository.lower() == repository.lower()]

    def is_registration_token(self, token, repository):
        """Whether a runner could register in the repository with this token now."""
        with self._lock:
            return any(issued.token == token
                       and issued.repository.lower() == repository.lower()
                       and issued.expires_at > self.clock()
                       for issued in self.registration_tokens)

    def expire_registration_tokens(self):
        with self._lock:
            for issued in self.registration_tokens:
                issued.expires_at = self.clock()

    def changing(self):
        """A block in which `actions` may be changed while requests come."""
        return self._lock

    def register_runner(self, repository, name, labels, token, ephemeral=True):
        """What config.sh does. RegistrationRefused where the token is not good."""
        with self._lock:
            if not self.is_registration_token(token, repository):
                raise RegistrationRefused(f"{name}: the token is not good for {repository}")
            return self.actions.add_runner(repository, name, labels, ephemeral)

    # -- the API ------------------------------------------------------------------------------

    def _handle(self, request):
        with self._lock:
            response = self._conditional(request, self._answer(request))
            response.headers += self.rate.headers()
        response.headers += [("X-GitHub-Request-Id", f"{self.rng.getrandbits(64):016X}"),
                             ("X-GitHub-Media-Type", "github.v3; format=json"),
                             ("Server", "github.com")]
        return response

    def _conditional(self, request, response):
        """RFC 9110: what the client has already is not sent again, and GitHub does not count it."""
        if request.method != "GET" or response.status != 200:
            return response
        etag = f'W/"{hashlib.sha256(response.body).hexdigest()}"'
        known = [tag.strip().removeprefix("W/")
                 for value in request.headers.all("If-None-Match") for tag in value.split(",")]
        headers = [("ETag", etag), ("Cache-Control", "private, max-age=60, s-maxage=60")]
        if etag.removeprefix("W/") in known or "*" in known:
            self.rate.give_back()
            return Response(304, b"", headers)
        response.headers += headers
        return response

    def _answer(self, request):
        if not request.headers.get("User-Agent"):
            # The one error that comes from the front door and not from the API, as plain text.
            return Response(403, "Request forbidden by administrative rules. Please make sure your "
                            "request has a User-Agent header (https://docs.github.com/en/rest/"
                            "overview/resources-in-the-rest-api#user-agent-required). Check "
                            "https://developer.github.com for other possible causes.\r\n",
                            [("Content-Type", "text/html; charset=utf-8")])
        version = request.headers.get("X-GitHub-Api-Version")
        if version is not None and version not in API_VERSIONS:
            return _error(400, f'"{version}" is not a valid API version.', DOCS)
        accept = request.headers.get("Accept", "*/*")
        if "json" not in accept and "*/*" not in accept:
            return _error(415, f"Unsupported 'Accept' header: '{accept}'. Must accept "
                          "'application/json'.", DOCS)
        refusal = self._authenticate(request)
        if refusal:
            return refusal
        if not self.rate.take():
            return _error(403, "API rate limit exceeded for user ID 1.",
                          f"{DOCS}/overview/rate-limits-for-the-rest-api")
        handler, names = self._route(request)
        if handler is None:
            # GitHub says 404 to a wrong method on a path that exists, too.
            return _error(404, "Not Found", DOCS)
        return handler(request, *names)

    def _authenticate(self, request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return _error(401, "Requires authentication", DOCS)
        if scheme.lower() not in ("bearer", "token") or token.strip() not in self.tokens:
            return _error(401, "Bad credentials", DOCS)
        return None

    def _route(self, request):
        if not request.path.startswith(self.prefix + "/"):
            return None, ()
        segments = request.segments[len(self.prefix.split("/")) - 1:]
        for (method, pattern), handler in self._routes.items():
            if method == request.method and len(pattern) == len(segments) and all(
                    part is None or part == segment for part, segment in zip(pattern, segments)):
                return handler, [segment for part, segment in zip(pattern, segments)
                                 if part is None]
        return None, ()

    def _repository(self, owner, name, refused=None, docs=None):
        """The repository's full name, or the error that GitHub answers. `refused` are those for
        which the token lacks the permission."""
        full_name = f"{owner}/{name}"
        valid = all(part and set(part) <= NAME_CHARACTERS and part not in (".", "..")
                    for part in (owner, name))
        known = self.repositories is None or full_name.lower() in self.repositories
        if not valid or not known:
            return None, _error(404, "Not Found", DOCS)
        if full_name.lower() in (self.denied if refused is None else refused):
            return None, _error(403, "Resource not accessible by personal access token",
                                docs or f"{RUNNER_DOCS}#create-a-registration-token-for-a-"
                                "repository")
        return full_name, None

    def _create_registration_token(self, request, owner, name):
        full_name, refusal = self._repository(owner, name)
        if refusal:
            return refusal
        if request.body:
            try:
                json.loads(request.body)
            except ValueError:
                return _error(400, "Problems parsing JSON", DOCS)
        alphabet = string.ascii_uppercase + "234567"
        token = "A" + "".join(self.rng.choices(alphabet, k=28))
        issued = RegistrationToken(token, full_name, self.clock() + self.token_lifetime_s)
        self.registration_tokens.append(issued)
        return Response.json(201, {"token": token, "expires_at": _timestamp(issued.expires_at)})

    def _list_runners(self, request, owner, name):
        docs = f"{RUNNER_DOCS}#list-self-hosted-runners-for-a-repository"
        full_name, refusal = self._repository(owner, name, self.denied, docs)
        if refusal:
            return refusal
        wanted = request.query_value("name") if self.finds_names else None
        found = [runner.json() for runner in self.actions.runners_of(full_name)
                 if not wanted or runner.name == wanted]
        return self._page(request, "runners", found)

    def _delete_runner(self, _, owner, name, runner_id):
        docs = f"{RUNNER_DOCS}#delete-a-self-hosted-runner-from-a-repository"
        full_name, refusal = self._repository(owner, name, self.denied, docs)
        if refusal:
            return refusal
        runner = self.actions.runners.get(_number(runner_id))
        if runner is None or runner.repository.lower() != full_name.lower():
            return _error(404, "Not Found", docs)
        if runner.busy:
            return _error(422, f'Runner "{runner.name}" is currently running a job and cannot be '
                          "deleted.", docs)
        if self.on_delete is not None:
            self.on_delete(runner)
        self.actions.remove_runner(runner)
        return Response(204)

    def _get_job(self, _, owner, name, job_id):
        docs = f"{JOB_DOCS}#get-a-job-for-a-workflow-run"
        full_name, refusal = self._repository(owner, name, self.unreadable, docs)
        if refusal:
            return refusal
        job = self.actions.jobs.get(_number(job_id))
        if job is None or job.repository.lower() != full_name.lower():
            return _error(404, "Not Found", docs)
        return Response.json(200, job.json())

    def _list_runs(self, request, owner, name):
        docs = f"{RUN_DOCS}#list-workflow-runs-for-a-repository"
        full_name, refusal = self._repository(owner, name, self.unreadable, docs)
        if refusal:
            return refusal
        status = request.query_value("status")
        found = [run.json() for run in reversed(self.actions.runs.values())
                 if run.repository.lower() == full_name.lower() and status in (None, run.status)]
        return self._page(request, "workflow_runs", found)

    def _list_run_jobs(self, request, owner, name, run_id):
        docs = f"{JOB_DOCS}#list-jobs-for-a-workflow-run"
        full_name, refusal = self._repository(owner, name, self.unreadable, docs)
        if refusal:
            return refusal
        run = self.actions.runs.get(_number(run_id))
        if run is None or run.repository.lower() != full_name.lower():
            return _error(404, "Not Found", docs)
        jobs = run.jobs if request.query_value("filter") == "all" else run.latest_jobs()
        return self._page(request, "jobs", [job.json() for job in jobs])

    def _page(self, request, name, items):
        """One page of a list, and in Link where the next one is."""
        size = _number(request.query_value("per_page", "30")) or 30
        size = min(size, 100)
        number = _number(request.query_value("page", "1")) or 1
        rest = [f"{key}={value}" for key, value in request.query if key != "page"]
        headers = []
        if number * size < len(items):
            query = "&".join([*rest, f"page={number + 1}"])
            headers = [("Link", f'<{self.server.url}{request.path}?{query}>; rel="next"')]
        return Response.json(200, {"total_count": len(items),
                                   name: items[(number - 1) * size:number * size]}, headers)


def _number(text):
    return int(text) if text.isascii() and text.isdigit() else 0


def _timestamp(seconds):
    """As GitHub writes it here: milliseconds and an offset that is seldom Z."""
    zone = datetime.timezone(datetime.timedelta(hours=-8))
    return datetime.datetime.fromtimestamp(seconds, zone).isoformat(timespec="milliseconds")


def _error(status, message, documentation_url):
    return Response.json(status, {"message": message, "documentation_url": documentation_url,
                                  "status": str(status)})


def main():
    parser = program.parser("A stand-in for GitHub's REST API.")
    parser.add_argument("--token", action="append", required=True, help="an API token that is good")
    parser.add_argument("--repository", action="append", metavar="OWNER/NAME",
                        help="a repository that exists; without any, every one does")
    parser.add_argument("--denied", action="append", default=[], metavar="OWNER/NAME",
                        help="a repository whose runners the token may not manage")
    parser.add_argument("--prefix", default="", help="such as /api/v3")
    parser.add_argument("--token-lifetime", type=float, default=REGISTRATION_TOKEN_LIFETIME_S,
                        metavar="SECONDS", help="of a registration token")
    arguments = parser.parse_args()
    return program.run(GitHub(
        tokens=arguments.token, repositories=arguments.repository, denied=arguments.denied,
        prefix=arguments.prefix, token_lifetime_s=arguments.token_lifetime,
        **program.server_options(arguments)))


if __name__ == "__main__":
    program.main(main)
