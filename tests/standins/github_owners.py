"""Who owns what: users, organizations, enterprises and their repositories, and the part of the API
that shows them. What a test has not named is there all the same, an organization's and private,
unless GitHub(repositories=...) says which repositories exist."""

import itertools

from .github_answers import DOCS, PEOPLE, Need, Route, error, is_name
from .httpd import Response

DEFAULT_OWNER_ID = 148220917
DEFAULT_REPOSITORY_ID = 809431127
METADATA = Need("metadata", "read", ("repo",))


class Owner:
    def __init__(self, login, kind="Organization", owner_id=DEFAULT_OWNER_ID):
        self.login = login
        self.type = kind
        self.id = owner_id

    @property
    def target(self):
        return f"orgs/{self.login}"

    @property
    def is_organization(self):
        return self.type == "Organization"

    def json(self):
        return {"login": self.login, "id": self.id, "type": self.type,
                "url": f"https://api.github.com/users/{self.login}",
                "html_url": f"https://github.com/{self.login}"}


class Enterprise:
    def __init__(self, slug):
        self.slug = slug

    @property
    def target(self):
        return f"enterprises/{self.slug}"


class Repository:
    def __init__(self, full_name, owner, repository_id=DEFAULT_REPOSITORY_ID, *, private=True,
                 fork=False, archived=False, topics=(), default_branch="main"):
        self.full_name = full_name
        self.owner = owner
        self.name = full_name.partition("/")[2]
        self.id = repository_id
        self.private = private
        self.fork = fork
        self.archived = archived
        self.topics = list(topics)
        self.default_branch = default_branch

    @property
    def target(self):
        return f"repos/{self.full_name}"

    def json(self):
        return {"id": self.id, "node_id": "R_kgDOMD7wVw", "name": self.name,
                "full_name": self.full_name, "private": self.private, "fork": self.fork,
                "owner": self.owner.json(),
                "html_url": f"https://github.com/{self.full_name}",
                "url": f"https://api.github.com/repos/{self.full_name}",
                "visibility": "private" if self.private else "public",
                "archived": self.archived, "disabled": False, "topics": self.topics,
                "default_branch": self.default_branch}


class Owners:
    """`named` are the full names that GitHub(repositories=...) came with, as they were written."""

    def __init__(self, github, named):
        self.github = github
        self._named = list(named or ())
        self._owners = {}  # lower-case login -> Owner
        self._repositories = {}  # lower-case full name -> Repository
        self._gone = set()
        self._ids = itertools.count(900_000_001, 7)
        self.routes = [
            Route("GET", "/rate_limit", self._rate_limit, counts=False,
                  docs=f"{DOCS}/rate-limit/rate-limit"
                  "#get-rate-limit-status-for-the-authenticated-user"),
            Route("GET", "/user", self._get_self, actors=PEOPLE,
                  docs=f"{DOCS}/users/users#get-the-authenticated-user"),
            Route("GET", "/user/repos", self._list_own, Need("metadata"), actors=PEOPLE,
                  docs=f"{DOCS}/repos/repos#list-repositories-for-the-authenticated-user"),
            Route("GET", "/users/{username}", self._get_owner,
                  docs=f"{DOCS}/users/users#get-a-user"),
            Route("GET", "/users/{username}/repos", self._list_of_user, Need("metadata"),
                  docs=f"{DOCS}/repos/repos#list-repositories-for-a-user"),
            Route("GET", "/orgs/{org}/repos", self._list_of_organization, Need("metadata"),
                  docs=f"{DOCS}/repos/repos#list-organization-repositories"),
            Route("GET", "/repos/{owner}/{repo}", self._get_repository, METADATA,
                  docs=f"{DOCS}/repos/repos#get-a-repository"),
        ]

    # -- the registry -------------------------------------------------------------------------

    def add_owner(self, login, type="User"):
        assert type in ("User", "Organization") and is_name(login)
        owner = self._owners[login.lower()] = Owner(login, type, next(self._ids))
        for repository in self._repositories.values():
            if repository.owner.login.lower() == login.lower():
                repository.owner = owner
        return owner

    def add_repository(self, full_name, **properties):
        """Properties: private=True, fork=False, archived=False, topics=(), default_branch."""
        login, _, name = full_name.partition("/")
        assert is_name(login) and is_name(name)
        repository = Repository(full_name, self._owner_or_default(login), next(self._ids),
                                **properties)
        self._repositories[full_name.lower()] = repository
        self._gone.discard(full_name.lower())
        if self.github.repositories is not None:
            self.github.repositories.add(full_name.lower())
        return repository

    def remove_repository(self, full_name):
        self._repositories.pop(full_name.lower(), None)
        self._gone.add(full_name.lower())

    def exists(self, full_name):
        known = self.github.repositories
        return full_name.lower() not in self._gone and (
            known is None or full_name.lower() in known)

    def repository(self, full_name):
        """A repository, whether it was named or not; None where there is none of that name."""
        login, _, name = full_name.partition("/")
        if not is_name(login) or not is_name(name) or not self.exists(full_name):
            return None
        return self._repositories.get(full_name.lower()) or Repository(
            full_name, self._owner_or_default(login))

    def describe(self, full_name):
        """A repository as it stands in other objects, in runs for one; also when it is gone."""
        found = self.repository(full_name) or Repository(
            full_name, self._owner_or_default(full_name.partition("/")[0]))
        return found.json()

    def owner(self, login):
        if not is_name(login):
            return None
        known = self.github.repositories
        if login.lower() in self._owners or known is None or any(
                name.startswith(login.lower() + "/") for name in known):
            return self._owner_or_default(login)
        return None

    def _owner_or_default(self, login):
        return self._owners.get(login.lower()) or Owner(login)

    def listed(self):
        """The repositories that lists can show, since somebody named them, oldest first."""
        named = [self.repository(name) for name in self._named
                 if name.lower() not in self._repositories]
        return [repository for repository in [*named, *self._repositories.values()]
                if repository is not None and self.exists(repository.full_name)]

    def target_of(self, route, names):
        """(what a route is about, the names of its path that are left), or None for the first
        where there is no such thing."""
        kind = route.pattern[0]
        if kind == "repos":
            return self.repository(f"{names[0]}/{names[1]}"), names[2:]
        if kind == "orgs":
            owner = self.owner(names[0])
            return owner if owner is None or owner.is_organization else None, names[1:]
        if kind == "users":
            return self.owner(names[0]), names[1:]
        if kind == "enterprises":
            return Enterprise(names[0]) if is_name(names[0]) else None, names[1:]
        return self.github, names

    # -- the API ------------------------------------------------------------------------------

    def _rate_limit(self, call, _):
        rate = self.github.limits.rate_of(call.actor.rate_key)
        rate.renew()
        return Response.json(200, {"resources": {"core": rate.json()}, "rate": rate.json()})

    def _get_self(self, call, _):
        owner = self._owners.get(call.actor.login.lower()) or Owner(call.actor.login, "User", 1)
        return Response.json(200, owner.json())

    def _get_owner(self, call, owner):
        return Response.json(200, owner.json())

    def _get_repository(self, call, repository):
        return Response.json(200, repository.json())

    def _visible(self, call):
        return [repository for repository in self.listed() if call.actor.sees(repository)]

    def _list_own(self, call, _):
        if call.query("type") and (call.query("visibility") or call.query("affiliation")):
            return error(422, "If you specify visibility or affiliation, you cannot specify type.",
                         call.route.docs)
        wanted = set(call.query("affiliation", "owner,collaborator,organization_member").split(","))
        shown = [repository for repository in self._visible(call)
                 if self._affiliation(call, repository) in wanted
                 and _is_of_type(repository, call.query("visibility", "all"))]
        kind = call.query("type", "all")
        if kind in ("owner", "member"):
            shown = [repository for repository in shown
                     if (self._affiliation(call, repository) == "owner") == (kind == "owner")]
        return call.page([repository.json() for repository in
                          _sorted(call, (repository for repository in shown
                                         if _is_of_type(repository, kind)), "full_name")])

    def _affiliation(self, call, repository):
        if repository.owner.login.lower() == call.actor.login.lower():
            return "owner"
        return "organization_member" if repository.owner.is_organization else "collaborator"

    def _list_of_organization(self, call, owner):
        shown = [repository for repository in self._visible(call)
                 if repository.owner.login.lower() == owner.login.lower()
                 and _is_of_type(repository, call.query("type", "all"))]
        return call.page([repository.json() for repository in _sorted(call, shown, "created")])

    def _list_of_user(self, call, owner):
        # GitHub lists public ones here, also to the user whose they are.
        shown = [repository for repository in self.listed() if not repository.private
                 and repository.owner.login.lower() == owner.login.lower()]
        return call.page([repository.json() for repository in _sorted(call, shown, "full_name")])

    def repositories_by_id(self, ids):
        known = {repository.id: repository for repository in self.listed()}
        return [known.get(each) for each in ids]


def _is_of_type(repository, kind):
    return {"public": not repository.private, "private": repository.private,
            "forks": repository.fork, "sources": not repository.fork}.get(kind, True)


def _sorted(call, repositories, default):
    """By name, or by age for every other order that can be asked for. Unless asked otherwise names
    ascend and times descend."""
    key = call.query("sort", default)
    by_name = key == "full_name"
    direction = call.query("direction", "asc" if by_name else "desc")
    return sorted(repositories, reverse=direction == "desc",
                  key=lambda each: each.full_name.lower() if by_name else each.id)
