"""A stand-in for the part of GitHub's REST API that runhook uses, strict where GitHub is: paths,
methods, authentication, permissions, User-Agent, API version, schemas, rate limits, tokens that
expire. This file is a request's way through it; each part of the API has a file of its own.

As a program: python3 tests/standins/github.py --port 0 --token TOKEN
prints one JSON line with its url once it listens.
"""

import collections
import email.utils
import hashlib
import random
import sys
import threading
import time
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    __package__ = "standins"

from standins import program  # noqa: E402
from standins.actions import Actions, target_of  # noqa: E402
from standins.github_answers import DOCS, Call, error  # noqa: E402
from standins.github_apps import AppsApi  # noqa: E402
from standins.github_credentials import Credentials  # noqa: E402
from standins.github_deliveries import Deliveries  # noqa: E402
from standins.github_hooks import HooksApi  # noqa: E402
from standins.github_limits import Limits  # noqa: E402
from standins.github_meta import ANONYMOUS_LIMIT, Anonymous, MetaApi  # noqa: E402
from standins.github_owners import Owners, Repository  # noqa: E402
from standins.github_runners import RunnersApi  # noqa: E402
from standins.github_runs import RunsApi  # noqa: E402
from standins.github_schema import SCHEMAS, fault_of_body, fault_of_query  # noqa: E402
from standins.httpd import HttpServer, Response  # noqa: E402

API_VERSIONS = ("2022-11-28",)
REGISTRATION_TOKEN_LIFETIME_S = 3600
HOOK_TIMEOUT_S = 10.0


class GitHub:
    """The API's state and its answers; `server` is the HTTP side, with its requests and faults.

    tokens              API tokens that are good; change the set to let one expire. Classic ones
                        with every scope, unless add_token() said otherwise
    repositories        full names that exist (compared without case), or None for any
    denied              full names for which nobody may manage runners
    unreadable          full names for which nobody may read Actions
    prefix              what stands before every path, such as /api/v3 on GitHub Enterprise Server
    finds_names         whether the list of runners heeds `name`, as older servers do not
    content_per_minute  how many requests that create something each credential may send in any
                        minute, or None for any number
    hook_timeout_s      how long a webhook's receiver has to answer
    hook_ca_file        the authorities that receivers' certificates may come from
    meta                what GitHub tells about itself: see MetaApi
    actions             the state of runs, jobs and registrations, which the caller may change
    rng                 where tokens come from
    on_delete           called with a registration that a request is about to delete
    schema_refusals     requests that GitHub's description of the API does not allow, as text

    The verbs of its parts are here by their own names, bound in __init__: whoever may ask
    (add_token, add_app, install, uninstall, suspend, unsuspend), what there is (add_owner,
    add_repository, remove_repository, add_runner_group), webhooks (add_hook, deliver,
    record_delivery, wait_for_deliveries).
    """

    def __init__(self, *, tokens, repositories=None, denied=(), unreadable=(), prefix="",
                 rate_limit=5000, token_lifetime_s=REGISTRATION_TOKEN_LIFETIME_S, finds_names=True,
                 content_per_minute=None, hook_timeout_s=HOOK_TIMEOUT_S, hook_ca_file=None,
                 clock=time.time, rng=None, **server_options):
        self.tokens = set(tokens)
        self.repositories = None
        if repositories is not None:
            self.repositories = {name.lower() for name in repositories}
        self.denied = {name.lower() for name in denied}
        self.unreadable = {name.lower() for name in unreadable}
        self.finds_names = finds_names
        self.on_delete = None
        self.rng = rng or random.SystemRandom()
        self.prefix = prefix.rstrip("/")
        self.clock = clock
        self.token_lifetime_s = token_lifetime_s
        self.schema_refusals = []
        self._lock = threading.RLock()
        self.limits = Limits(clock, rate_limit, content_per_minute)
        self.limits.bound(Anonymous.rate_key, ANONYMOUS_LIMIT)
        self.owners = Owners(self, repositories)
        self.actions = Actions(clock, self.owners.describe)
        self.credentials = Credentials(self)
        self.apps = AppsApi(self)
        self.runners = RunnersApi(self)
        self.runs = RunsApi(self)
        self.hooks = HooksApi(self)
        self.meta = MetaApi()
        self.deliveries = Deliveries(self, hook_timeout_s, hook_ca_file)
        self._routes = collections.defaultdict(list)  # (method, segments) -> routes
        for part in (self.owners, self.apps, self.runners, self.runs, self.hooks, self.meta):
            for route in part.routes:
                self._routes[route.method, len(route.pattern)].append(route)
        self.server = _Server(self, clock=clock, **server_options)

        self.add_owner = self.owners.add_owner
        self.add_repository = self.owners.add_repository
        self.remove_repository = self.owners.remove_repository
        self.add_runner_group = self.runners.add_group
        self.add_token = self.credentials.add_token
        self.add_app = self.credentials.add_app
        self.install = self.credentials.install
        self.uninstall = self.credentials.uninstall
        self.suspend = self.credentials.suspend
        self.unsuspend = self.credentials.unsuspend
        self.add_hook = self.hooks.add_hook
        self.deliver = self.deliveries.deliver
        self.record_delivery = self.deliveries.record
        self.wait_for_deliveries = self.deliveries.wait

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

    @property
    def rate(self):
        """The primary limit of the plain tokens."""
        return self.limits.plain

    @property
    def secondary_refusals(self):
        return self.limits.secondary_refusals

    @property
    def registration_tokens(self):
        """Every one issued, in order."""
        return self.runners.registration_tokens

    @property
    def jit_configs(self):
        """Every just-in-time configuration issued, in order."""
        return self.runners.jit_configs

    @property
    def installation_tokens(self):
        """Every one issued, in order, with its permissions and repositories."""
        return self.credentials.installation_tokens

    def tokens_issued(self, repository=None, *, target=None):
        with self._lock:
            return self.runners.tokens_issued(repository, target=target)

    def is_registration_token(self, token, repository=None, *, target=None):
        """Whether a runner could register in the repository with this token now."""
        with self._lock:
            return self.runners.is_registration_token(token, repository, target=target)

    def expire_registration_tokens(self):
        with self._lock:
            self.runners.expire_registration_tokens()

    def changing(self):
        """A block in which `actions` may be changed while requests come."""
        return self._lock

    def register_runner(self, repository, name, labels, token, ephemeral=True):
        """What config.sh does. RegistrationRefused where the token is not good."""
        return self.register_runner_at(target_of(repository), name, labels, token, ephemeral)

    def register_runner_at(self, target, name, labels, token, ephemeral=True, *, group="Default"):
        """The same for repos/OWNER/NAME, orgs/NAME or enterprises/SLUG."""
        with self._lock:
            return self.runners.register_at(target, name, labels, token, ephemeral, group=group)

    def start_jit_runner(self, encoded):
        """What run.sh --jitconfig does. RegistrationRefused the second time, and where the
        registration was deleted."""
        with self._lock:
            return self.runners.start_jit(encoded)

    # -- a request's way ----------------------------------------------------------------------

    def handle(self, request):
        with self._lock:
            response, rate = self._answer(request)
            response = self._conditional(request, response, rate)
            response.headers += rate.headers()
        response.headers += [("Date", email.utils.formatdate(self.clock(), usegmt=True)),
                             ("X-GitHub-Request-Id", f"{self.rng.getrandbits(64):016X}"),
                             ("X-GitHub-Media-Type", "github.v3; format=json"),
                             ("Server", "github.com")]
        return response

    def _conditional(self, request, response, rate):
        """RFC 9110: what the client has already is not sent again, and GitHub does not count it."""
        if request.method != "GET" or response.status != 200:
            return response
        etag = f'W/"{hashlib.sha256(response.body).hexdigest()}"'
        known = [tag.strip().removeprefix("W/")
                 for value in request.headers.all("If-None-Match") for tag in value.split(",")]
        headers = [("ETag", etag), ("Cache-Control", "private, max-age=60, s-maxage=60")]
        if etag.removeprefix("W/") in known or "*" in known:
            rate.give_back()
            return Response(304, b"", headers)
        response.headers += headers
        return response

    def _answer(self, request):
        """The response, and the limit whose state goes with it."""
        refusal = _refusal_at_the_door(request)
        if refusal:
            return refusal, self.rate
        route, names = self._route(request)
        if self._is_for_all(route) and not request.headers.get("Authorization"):
            actor, refusal = Anonymous(), None
        else:
            actor, refusal = self.credentials.actor_of(request)
        if refusal:
            return refusal, self.rate
        rate = self.limits.rate_of(actor.rate_key)
        response = self._counted(request, actor, route, names, rate)
        response.headers += actor.headers(route)
        return response, rate

    def _is_for_all(self, route):
        return (route is not None and Anonymous.kind in route.actors
                and self.meta.is_public)

    def _counted(self, request, actor, route, names, rate):
        if (route is None or route.counts) and not rate.take():
            kind, number = actor.rate_key or ("user", 1)
            return error(403, f"API rate limit exceeded for {kind} ID {number}.",
                         f"{DOCS}/overview/rate-limits-for-the-rest-api")
        if route is None:
            # GitHub says 404 to a wrong method on a path that exists, too.
            return error(404, "Not Found", DOCS)
        refusal = actor.refusal_of_route(route)
        if refusal:
            return refusal
        about, names = self.owners.target_of(route, names)
        if about is None:
            return error(404, "Not Found", DOCS)
        refusal = self._refusal_of_repository(actor, route, about) or actor.refusal(route, about)
        if refusal:
            return refusal
        call = Call(request, route, actor, self.server.url)
        return self._checked(call) or route.handler(call, about, *names)

    def _route(self, request):
        if request.path.startswith(self.prefix + "/"):
            segments = request.segments[len(self.prefix.split("/")) - 1:]
            for route in self._routes.get((request.method, len(segments)), ()):
                names = route.names(segments)
                if names is not None:
                    return route, names
        return None, ()

    def _refusal_of_repository(self, actor, route, about):
        if not isinstance(about, Repository) or route.need is None:
            return None
        closed = {"administration": self.denied, "actions": self.unreadable}
        if about.full_name.lower() in closed.get(route.need.permission, ()):
            return error(403, actor.inaccessible, route.docs)
        return None

    def _checked(self, call):
        """Holds the request against the schema of its route and the limit on what it creates."""
        route, request = call.route, call.request
        parameters, schema = SCHEMAS[route.method, route.template]
        fault, status = fault_of_query(parameters, request.query), 422
        if not fault and request.method != "GET":
            call.body, fault, status = fault_of_body(schema, request.body)
        if fault:
            self.schema_refusals.append(f"{request.method} {request.target}: {fault}")
            return error(status, f"Invalid request.\n\n{fault}" if status == 422 else fault,
                         route.docs)
        return self.limits.refusal_to_create(call.actor.rate_key) if route.creates else None


class _Server(HttpServer):
    """What is sent in the background ends before the server does."""

    def __init__(self, github, **options):
        super().__init__(github.handle, **options)
        self._github = github

    def stop(self):
        self._github.deliveries.wait()
        super().stop()


def _refusal_at_the_door(request):
    """What is wrong with a request before anybody asks who sent it."""
    if not request.headers.get("User-Agent"):
        # The one error that comes from the front door and not from the API, as plain text.
        return Response(403, "Request forbidden by administrative rules. Please make sure your "
                        "request has a User-Agent header (https://docs.github.com/en/rest/"
                        "overview/resources-in-the-rest-api#user-agent-required). Check "
                        "https://developer.github.com for other possible causes.\r\n",
                        [("Content-Type", "text/html; charset=utf-8")])
    version = request.headers.get("X-GitHub-Api-Version")
    if version is not None and version not in API_VERSIONS:
        return error(400, f'"{version}" is not a valid API version.', DOCS)
    accept = request.headers.get("Accept", "*/*")
    if "json" not in accept and "*/*" not in accept:
        return error(415, f"Unsupported 'Accept' header: '{accept}'. Must accept "
                     "'application/json'.", DOCS)
    return None


def main():
    parser = program.parser("A stand-in for GitHub's REST API.")
    parser.add_argument("--token", action="append", default=[], help="an API token that is good")
    parser.add_argument("--repository", action="append", metavar="OWNER/NAME",
                        help="a repository that exists; without any, every one does")
    parser.add_argument("--denied", action="append", default=[], metavar="OWNER/NAME",
                        help="a repository whose runners nobody may manage")
    parser.add_argument("--prefix", default="", help="such as /api/v3")
    parser.add_argument("--token-lifetime", type=float, default=REGISTRATION_TOKEN_LIFETIME_S,
                        metavar="SECONDS", help="of a registration token")
    parser.add_argument("--app", type=int, metavar="ID", help="a GitHub App (needs python3-jwt and "
                        "python3-cryptography once it asks)")
    parser.add_argument("--app-public-key", metavar="FILE", help="its key, as PEM")
    parser.add_argument("--install", action="append", default=[], metavar="OWNER",
                        help="where the app is installed")
    arguments = parser.parse_args()
    if not arguments.token and arguments.app is None:
        parser.error("one of --token and --app is needed")
    if (arguments.app is None) != (arguments.app_public_key is None):
        parser.error("--app and --app-public-key go together")
    github = GitHub(
        tokens=arguments.token, repositories=arguments.repository, denied=arguments.denied,
        prefix=arguments.prefix, token_lifetime_s=arguments.token_lifetime,
        **program.server_options(arguments))
    if arguments.app is not None:
        app = github.add_app(
            arguments.app, Path(arguments.app_public_key).read_text(),
            permissions={"administration": "write", "actions": "read",
                         "organization_self_hosted_runners": "write"})
        for owner in arguments.install:
            github.install(app, owner)
    return program.run(github)


if __name__ == "__main__":
    program.main(main)
