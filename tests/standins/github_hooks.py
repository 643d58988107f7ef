"""Webhooks of repositories, of organizations and of apps, and the part of the API that manages
them. What they send is github_deliveries.py's."""

import itertools
import urllib.parse

from .actions import timestamp
from .github_answers import APPS, DOCS, Need, Route, error, number
from .httpd import Response

HIDDEN = "********"
MAX_HOOKS_PER_EVENT = 20


class Hook:
    """`target` is repos/OWNER/NAME, orgs/NAME or apps/ID. `config` holds url, content_type,
    insecure_ssl and, where there is one, secret."""

    def __init__(self, hook_id, target, target_id, config, events, active, now):
        self.id = hook_id
        self.target = target
        self.target_id = target_id
        self.config = whole_config(config)
        self.events = list(events)
        self.active = active
        self.created_at = self.updated_at = now
        self.last_response = {"code": None, "status": "unused", "message": None}
        self.deliveries = []  # in the order in which they ended

    @property
    def url(self):
        return self.config["url"]

    def shown_config(self):
        return {name: HIDDEN if name == "secret" else value for name, value in self.config.items()}

    def json(self, base_url):
        url = f"{base_url}/{self.target}/hooks/{self.id}"
        shown = {"type": "Organization", "id": self.id, "name": "web", "active": self.active,
                 "events": self.events, "config": self.shown_config(),
                 "updated_at": timestamp(self.updated_at),
                 "created_at": timestamp(self.created_at), "url": url, "ping_url": f"{url}/pings",
                 "deliveries_url": f"{url}/deliveries"}
        if self.target.startswith("repos/"):
            shown.update(type="Repository", test_url=f"{url}/tests",
                         last_response=self.last_response)
        return shown


def whole_config(config):
    """With the defaults of what was left out."""
    return {"content_type": "form", "insecure_ssl": "0", **config}


class HooksApi:
    def __init__(self, github):
        self.github = github
        self.hooks = {}  # id -> Hook, of repositories and organizations
        self._ids = itertools.count(459_322_501, 7)
        self.routes = [*self._routes_at("/repos/{owner}/{repo}", "repos/webhooks", "repository",
                                        "repo_hook"),
                       *self._routes_at("/orgs/{org}", "orgs/webhooks", "organization", "org_hook"),
                       *self._routes_of_apps()]

    def _routes_at(self, path, page, kind, scope):
        permission = f"{kind}_hooks"
        # One scope manages an organization's hooks; for a repository's there is one a level.
        scopes = {level: f"{level if kind == 'repository' else 'admin'}:{scope}"
                  for level in ("read", "write", "admin")}
        read = Need(permission, "read", (scopes["read"],))
        write = Need(permission, "write", (scopes["write"],))
        remove = Need(permission, "write", (scopes["admin"],))
        hooks, one = f"{path}/hooks", f"{path}/hooks/{{hook_id}}"
        delivery = f"{one}/deliveries/{{delivery_id}}"
        place = f"{DOCS}/{page}#{{}}-{'a' if kind == 'repository' else 'an'}-{kind}"

        def docs(text):
            return place.format(text)

        return [
            Route("GET", hooks, self._list, read,
                  docs=f"{DOCS}/{page}#list-{kind}-webhooks"),
            Route("POST", hooks, self._create, write, docs=docs("create") + "-webhook",
                  creates=True),
            Route("GET", one, self._get, read, docs=docs("get") + "-webhook"),
            Route("PATCH", one, self._update, write, docs=docs("update") + "-webhook"),
            Route("DELETE", one, self._delete, remove, docs=docs("delete") + "-webhook"),
            Route("POST", f"{one}/pings", self._ping, read, docs=docs("ping") + "-webhook",
                  creates=True),
            Route("GET", f"{one}/config", self._get_config, read,
                  docs=docs("get-a-webhook-configuration-for")),
            Route("PATCH", f"{one}/config", self._update_config, write,
                  docs=docs("update-a-webhook-configuration-for")),
            Route("GET", f"{one}/deliveries", self._list_deliveries, read,
                  docs=docs("list-deliveries-for") + "-webhook"),
            Route("GET", delivery, self._get_delivery, read,
                  docs=docs("get-a-delivery-for") + "-webhook"),
            Route("POST", f"{delivery}/attempts", self._redeliver, write,
                  docs=docs("redeliver-a-delivery-for") + "-webhook", creates=True),
        ]

    def _routes_of_apps(self):
        hook, docs = "/app/hook", f"{DOCS}/apps/webhooks#{{}}-an-app"
        delivery = f"{hook}/deliveries/{{delivery_id}}"

        def route(method, template, handler, text, **options):
            return Route(method, template, handler, actors=APPS, docs=docs.format(text), **options)

        return [
            route("GET", f"{hook}/config", self._get_config, "get-a-webhook-configuration-for"),
            route("PATCH", f"{hook}/config", self._update_config,
                  "update-a-webhook-configuration-for"),
            route("GET", f"{hook}/deliveries", self._list_deliveries, "list-deliveries-for"),
            route("GET", delivery, self._get_delivery, "get-a-delivery-for"),
            route("POST", f"{delivery}/attempts", self._redeliver, "redeliver-a-delivery-for",
                  creates=True),
        ]

    # -- what a test asks, and does -----------------------------------------------------------

    def add_hook(self, target, url, *, events=("workflow_job",), secret=None, content_type="json",
                 insecure_ssl="0", active=True):
        """A hook of repos/OWNER/NAME or orgs/NAME that somebody made in the settings."""
        config = {"url": url, "content_type": content_type, "insecure_ssl": insecure_ssl}
        if secret is not None:
            config["secret"] = secret
        kind, _, name = target.partition("/")
        owners = self.github.owners
        about = owners.repository(name) if kind == "repos" else owners.owner(name)
        return self._add(target, about.id, config, events, active)

    def add_app_hook(self, app, config):
        """Not among `hooks`: an app's is its own."""
        return Hook(next(self._ids), app.target, app.id, config, app.events, True,
                    self.github.clock())

    def hooks_of(self, target):
        return [hook for hook in self.hooks.values() if hook.target.lower() == target.lower()]

    def _add(self, target, target_id, config, events, active):
        hook = Hook(next(self._ids), target, target_id, config, events, active,
                    self.github.clock())
        self.hooks[hook.id] = hook
        return hook

    def _found(self, call, about, hook_id):
        """The hook that a path is about, None where there is none: by its id, or the app's own."""
        if call.actor.kind in APPS:
            return call.actor.app.hook
        hook = self.hooks.get(number(hook_id))
        return hook if hook and hook.target.lower() == about.target.lower() else None

    # -- hooks --------------------------------------------------------------------------------

    def _list(self, call, about):
        return call.page([hook.json(self.github.url) for hook in self.hooks_of(about.target)])

    def _create(self, call, about):
        body = call.body
        config, events = body.get("config", {}), body.get("events", ["push"])
        refusal = self._refusal(call, about, config, events, None)
        if refusal:
            return refusal
        hook = self._add(about.target, about.id, config, events, body.get("active", True))
        return Response.json(201, hook.json(self.github.url))

    def _refusal(self, call, about, config, events, existing):
        """Why a hook cannot be so, as GitHub says it. Hosts that the Internet cannot reach are
        refused by GitHub and not here: that is where tests listen."""
        url = urllib.parse.urlsplit(config.get("url", ""))
        if url.scheme not in ("http", "https") or not url.hostname:
            return call.invalid("Hook", "url is missing a scheme" if config.get("url")
                                else "url cannot be blank", "url")
        others = [hook for hook in self.hooks_of(about.target) if hook is not existing]
        kind = call.route.pattern[0]
        if any((hook.url, set(hook.events)) == (config["url"], set(events)) for hook in others):
            return call.invalid("Hook", "Hook already exists on this "
                                + ("repository" if kind == "repos" else "organization"))
        for event in events:
            if sum(event in hook.events for hook in others) >= MAX_HOOKS_PER_EVENT:
                return call.invalid("Hook", f'The "{event}" event cannot have more than '
                                    f"{MAX_HOOKS_PER_EVENT} hooks")
        return None

    def _get(self, call, about, hook_id):
        hook = self._found(call, about, hook_id)
        return Response.json(200, hook.json(self.github.url)) if hook else call.not_found()

    def _update(self, call, about, hook_id):
        hook, body = self._found(call, about, hook_id), call.body
        if hook is None:
            return call.not_found()
        # A configuration takes the old one's place: a secret that it leaves out is gone.
        config = body.get("config", hook.config)
        events = [event for event in body.get("events", hook.events)
                  if event not in body.get("remove_events", ())]
        events += [event for event in body.get("add_events", ()) if event not in events]
        refusal = self._refusal(call, about, config, events, hook)
        if refusal:
            return refusal
        hook.config = whole_config(config)
        hook.events = events
        hook.active = body.get("active", hook.active)
        hook.updated_at = self.github.clock()
        return Response.json(200, hook.json(self.github.url))

    def _delete(self, call, about, hook_id):
        hook = self._found(call, about, hook_id)
        if hook is None:
            return call.not_found()
        del self.hooks[hook.id]
        return Response(204)

    def _ping(self, call, about, hook_id):
        hook = self._found(call, about, hook_id)
        if hook is None:
            return call.not_found()
        payload = {"zen": "Practicality beats purity.", "hook_id": hook.id,
                   "hook": hook.json(self.github.url)}
        payload["repository" if call.route.pattern[0] == "repos" else "organization"] = about.json()
        self.github.deliveries.begin(hook, "ping", payload)
        return Response(204)

    def _get_config(self, call, about, hook_id=""):
        hook = self._found(call, about, hook_id)
        return Response.json(200, hook.shown_config()) if hook else call.not_found()

    def _update_config(self, call, about, hook_id=""):
        hook = self._found(call, about, hook_id)
        if hook is None:
            return call.not_found()
        hook.config.update(call.body)
        hook.updated_at = self.github.clock()
        return Response.json(200, hook.shown_config())

    # -- deliveries ---------------------------------------------------------------------------

    def _list_deliveries(self, call, about, hook_id=""):
        hook = self._found(call, about, hook_id)
        if hook is None:
            return call.not_found()
        low, high = {"success": (200, 399), "failure": (400, 599)}.get(call.query("status"),
                                                                      (0, 999))
        found = [each for each in self.github.deliveries.listed(hook)
                 if low <= each.status_code <= high]
        start, cursor = 0, call.query("cursor")
        if cursor is not None:
            start = next((index for index, each in enumerate(found)
                          if _cursor_of(each) == cursor), None)
            if start is None:
                return error(400, "Invalid cursor", call.route.docs)
        end = start + int(call.query("per_page", "30"))
        links = [(_cursor_of(found[end]), "next")] if end < len(found) else []
        return Response.json(200, [each.item() for each in found[start:end]],
                             call.link("cursor", links))

    def _delivery(self, call, about, names):
        hook = self._found(call, about, names[0])
        return next((each for each in self.github.deliveries.listed(hook)
                     if each.id == number(names[-1])), None) if hook else None

    def _get_delivery(self, call, about, *names):
        delivery = self._delivery(call, about, names)
        return Response.json(200, delivery.json()) if delivery else call.not_found()

    def _redeliver(self, call, about, *names):
        delivery = self._delivery(call, about, names)
        if delivery is None:
            return call.not_found()
        self.github.deliveries.redeliver(delivery)
        return Response.json(202, {})


def _cursor_of(delivery):
    return f"v1_{delivery.id}"
