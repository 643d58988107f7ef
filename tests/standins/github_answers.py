"""What the parts of the GitHub stand-in make their answers with: a route and who may take it, one
call of it, errors in GitHub's form, pages with their Link, and GitHub's ways to write a time."""

import datetime
import string
import urllib.parse

from .httpd import Response

DOCS = "https://docs.github.com/rest"
NAME_CHARACTERS = set(string.ascii_letters + string.digits + "._-")

# Who may take a route. People's tokens are of two kinds, an installation's are its own, and a JSON
# web token speaks for an app itself.
PEOPLE = frozenset({"classic", "fine-grained"})
INSTALLATIONS = frozenset({"installation"})
TOKENS = PEOPLE | INSTALLATIONS
APPS = frozenset({"app"})


class Need:
    """What a credential has to hold: for classic tokens one of `scopes`, for the others
    `permission` at `level`. Without a permission, no fine-grained credential will do."""

    def __init__(self, permission, level="read", scopes=()):
        self.permission = permission
        self.level = level
        self.scopes = tuple(scopes)


class Route:
    """A method and a path, in the words of GitHub's description (`template`)."""

    def __init__(self, method, template, handler, need=None, *, docs=DOCS, actors=TOKENS,
                 creates=False, counts=True):
        self.method = method
        self.template = template
        self.handler = handler
        self.need = need
        self.docs = docs
        self.actors = actors
        self.creates = creates  # whether it counts as creating content
        self.counts = counts  # whether it takes from the primary limit
        self.pattern = [None if part.startswith("{") else part
                        for part in template.split("/")[1:]]

    def names(self, segments):
        """What stands for the names of the template, or None where the path is another."""
        if len(segments) != len(self.pattern) or any(
                part is not None and part != segment
                for part, segment in zip(self.pattern, segments)):
            return None
        return [segment for part, segment in zip(self.pattern, segments) if part is None]


class Call:
    """One request on its way through its route."""

    def __init__(self, request, route, actor, base_url):
        self.request = request
        self.route = route
        self.actor = actor
        self.base_url = base_url
        self.body = {}  # the JSON object that came, once it was found good

    def query(self, name, default=None):
        return self.request.query_value(name, default)

    def not_found(self):
        return error(404, "Not Found", self.route.docs)

    def invalid(self, resource, message, field=None):
        """422 as GitHub says it of what is well formed and still not good."""
        return error(422, "Validation Failed", self.route.docs, errors=[
            {"resource": resource, "code": "custom", "message": message,
             **({"field": field} if field else {})}])

    def page(self, items, name=None, **more):
        """One page of a list, and in Link where the others are. With a name, the list stands beside
        its total and `more`; else it is all of the answer."""
        size = min(number(self.query("per_page", "30")) or 30, 100)
        here = number(self.query("page", "1")) or 1
        last = max(1, -(-len(items) // size))
        links = []
        if here > 1:
            links.append((min(here - 1, last), "prev"))
        if here < last:
            links += [(here + 1, "next"), (last, "last")]
        if here > 1:
            links.append((1, "first"))
        shown = items[(here - 1) * size:here * size]
        if name is not None:
            shown = {"total_count": len(items), **more, name: shown}
        return Response.json(200, shown, self.link("page", links))

    def link(self, parameter, links):
        """The Link header for pairs of the parameter's value and the relation."""
        rest = [(key, value) for key, value in self.request.query if key != parameter]
        parts = []
        for value, relation in links:
            query = urllib.parse.urlencode([*rest, (parameter, value)])
            parts.append(f'<{self.base_url}{self.request.path}?{query}>; rel="{relation}"')
        return [("Link", ", ".join(parts))] if parts else []


def error(status, message, documentation_url=DOCS, *, headers=(), **more):
    return Response.json(status, {"message": message, **more,
                                  "documentation_url": documentation_url,
                                  "status": str(status)}, headers)


def number(text):
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def is_name(text):
    """Whether an owner or a repository can be called so."""
    return bool(text) and set(text) <= NAME_CHARACTERS and text not in (".", "..")


def local_timestamp(seconds):
    """As GitHub writes it of registration tokens: milliseconds, and an offset that is seldom Z."""
    zone = datetime.timezone(datetime.timedelta(hours=-8))
    return datetime.datetime.fromtimestamp(seconds, zone).isoformat(timespec="milliseconds")


def exact_timestamp(seconds):
    """As GitHub writes it of deliveries: fractional seconds, in UTC."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
