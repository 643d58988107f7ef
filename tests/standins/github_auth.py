"""Who asks, and what they may: personal access tokens of both kinds, the tokens of an app's
installations, and apps themselves. Each is an actor: it says whether it sees a repository and
whether it may take a route, and if not, how GitHub says so."""

import datetime

from .github_answers import APPS, DOCS, error
from .github_owners import Enterprise, Owner, Repository

LEVELS = {"read": 1, "write": 2, "admin": 3}
PUBLIC = ("metadata", "actions")  # what anybody may read in a public repository

# What a classic scope holds beside itself (docs: scopes for OAuth apps). admin:org_hook is in none.
IMPLIED = {
    "repo": {"public_repo", "admin:repo_hook"},
    "admin:repo_hook": {"write:repo_hook"},
    "write:repo_hook": {"read:repo_hook"},
    "admin:org": {"write:org", "manage_runners:org"},
    "write:org": {"read:org"},
    "admin:enterprise": {"manage_runners:enterprise", "read:enterprise"},
}
ALL_SCOPES = ("repo", "workflow", "admin:org", "admin:repo_hook", "admin:org_hook", "user",
              "admin:enterprise")


def _expanded(scopes):
    result, todo = set(), list(scopes)
    while todo:
        scope = todo.pop()
        if scope not in result:
            result.add(scope)
            todo += IMPLIED.get(scope, ())
    return result


def _accepted(scopes):
    """Every scope that holds one of these."""
    return sorted(scope for scope in {*IMPLIED, *scopes} if _expanded([scope]) & set(scopes))


def is_enough(granted, wanted):
    """Whether a level of a permission, or None, holds another."""
    return LEVELS.get(granted, 0) >= LEVELS[wanted]


def _lowered(names):
    return None if names is None else {name.lower() for name in names}


class Actor:
    """`kind` is one of those that a Route names, `login` the user or bot that it acts as, and
    `rate_key` whose requests its own are counted with."""

    inaccessible = "Resource not accessible by personal access token"

    def headers(self, _route):
        """What GitHub says about the credential in every answer to it."""
        return []

    def refusal_of_route(self, route):
        """The answer to a credential that is of the wrong kind altogether."""
        if self.kind in route.actors:
            return None
        if route.actors == APPS:
            return error(401, "A JSON web token could not be decoded", DOCS)
        return error(403, self.misplaced, route.docs)

    def refusal(self, _route, _target):
        """The answer where it lacks what the route needs, or does not see the target."""
        return None


class PersonalToken(Actor):
    """What both kinds have in common. `owners` and `repositories` bound what it is good for, None
    for everything that its user can reach."""

    login = "monalisa"
    misplaced = ("You must authenticate with an installation access token in order to list the "
                 "repositories for an installation.")

    def __init__(self, login, owners, repositories, expires_at):
        self.login = login or self.login
        self.owners = _lowered(owners)
        self.repositories = _lowered(repositories)
        self.expires_at = expires_at  # seconds since the epoch
        self.rate_key = ("user", self.login)

    def covers(self, repository):
        return ((self.owners is None or repository.owner.login.lower() in self.owners)
                and (self.repositories is None
                     or repository.full_name.lower() in self.repositories))

    def _covers_owner(self, login):
        return self.owners is None or login.lower() in self.owners

    def headers(self, _route):
        if self.expires_at is None:
            return []
        moment = datetime.datetime.fromtimestamp(self.expires_at, datetime.timezone.utc)
        return [("github-authentication-token-expiration", f"{moment:%Y-%m-%d %H:%M:%S} UTC")]


class ClassicToken(PersonalToken):
    kind = "classic"

    def __init__(self, login=None, scopes=ALL_SCOPES, owners=None, repositories=None,
                 expires_at=None):
        super().__init__(login, owners, repositories, expires_at)
        self.scopes = tuple(scopes)

    def holds(self, *scopes):
        return bool(_expanded(self.scopes) & set(scopes))

    def sees(self, repository):
        return not repository.private or (self.holds("repo") and self.covers(repository))

    def headers(self, route):
        scopes = route.need.scopes if route is not None and route.need else ()
        return [("X-OAuth-Scopes", ", ".join(self.scopes)),
                ("X-Accepted-OAuth-Scopes", ", ".join(_accepted(scopes))),
                *super().headers(route)]

    def refusal(self, route, target):
        need = route.need
        if isinstance(target, Repository):
            return self._refusal_in_repository(route, target)
        if need is None or not need.scopes:
            return None
        if isinstance(target, Owner) and not self._covers_owner(target.login):
            return error(404, "Not Found", route.docs)
        if self.holds(*need.scopes):
            return None
        if need.permission == "organization_hooks":
            return error(404, "Not Found", route.docs)
        if isinstance(target, Owner):
            return error(403, "You must be an org admin or have the runners and runner groups "
                         "fine-grained permission.", route.docs)
        return error(403, "Must have admin rights to Enterprise.", route.docs)

    def _refusal_in_repository(self, route, repository):
        need = route.need
        if self.covers(repository) and self.holds(*need.scopes):
            return None
        if repository.private:
            return error(404, "Not Found", route.docs)
        if need.level == "read" and need.permission in PUBLIC:
            return None
        return error(403, "Must have admin rights to Repository.", route.docs)


class FineGrained(Actor):
    """What fine-grained personal tokens and installation tokens have in common: permissions by
    name, and the header that says which ones a route accepts."""

    def may(self, need):
        if need.permission == "metadata" and need.level == "read":
            return True  # granted with every other one
        return need.permission is not None and is_enough(self.permissions.get(need.permission),
                                                         need.level)

    def sees(self, repository):
        return not repository.private or self.covers(repository)

    def headers(self, route):
        accepted = []
        if route is not None and route.need and route.need.permission:
            accepted = [("X-Accepted-GitHub-Permissions",
                         f"{route.need.permission}={route.need.level}")]
        return [*accepted, *super().headers(route)]

    def refusal(self, route, target):
        need = route.need
        if isinstance(target, Repository) and not self.covers(target):
            if target.private:
                return error(404, "Not Found", route.docs)
            if need.level == "read" and need.permission in PUBLIC:
                return None
            return error(403, self.inaccessible, route.docs)
        if need is None:
            return None
        if isinstance(target, Owner) and need.permission != "metadata" \
                and not self._covers_owner(target.login):
            return error(404, "Not Found", route.docs)
        # No fine-grained credential manages an enterprise's runners.
        if isinstance(target, Enterprise) or not self.may(need):
            return error(403, self.inaccessible, route.docs)
        return None


class FineGrainedToken(FineGrained, PersonalToken):
    kind = "fine-grained"

    def __init__(self, login=None, permissions=None, owners=None, repositories=None,
                 expires_at=None):
        super().__init__(login, owners, repositories, expires_at)
        self.permissions = dict(permissions or {})


class InstallationToken(FineGrained):
    """`repositories` are full names in lower case, or None for all that the installation has."""

    kind = "installation"
    inaccessible = misplaced = "Resource not accessible by integration"

    def __init__(self, token, installation, permissions, repositories, created_at, expires_at):
        self.token = token
        self.installation = installation
        self.permissions = permissions
        self.repositories = repositories
        self.created_at = created_at
        self.expires_at = expires_at
        self.revoked = False
        self.login = f"{installation.app.slug}[bot]"
        self.rate_key = ("installation", installation.id)

    def covers(self, repository):
        return self.installation.covers(repository) and (
            self.repositories is None or repository.full_name.lower() in self.repositories)

    def _covers_owner(self, login):
        return login.lower() == self.installation.account.lower()

    def __repr__(self):
        return f"<token of installation {self.installation.id}: {self.permissions}>"


class AppIdentity(Actor):
    """An app that speaks for itself, by a JSON web token."""

    kind = "app"

    def __init__(self, app):
        self.app = app
        self.login = f"{app.slug}[bot]"
        self.rate_key = ("app", app.id)

    def sees(self, repository):
        return self.app.installation_of(repository) is not None

    def refusal_of_route(self, route):
        return None if self.kind in route.actors else error(401, "Bad credentials", DOCS)


class Installation:
    """`account` is a login, or a slug where `kind` is Enterprise; `repositories` are full names in
    lower case, or None for all."""

    def __init__(self, installation_id, app, account, kind, permissions, repositories, now):
        self.id = installation_id
        self.app = app
        self.account = account
        self.kind = kind
        self.permissions = dict(permissions)
        self.repositories = repositories
        self.created_at = now
        self.suspended_at = None
        self.is_installed = True

    def covers(self, repository):
        return repository.owner.login.lower() == self.account.lower() and (
            self.repositories is None or repository.full_name.lower() in self.repositories)


class App:
    def __init__(self, app_id, public_key, client_id, slug, permissions, events):
        self.id = app_id
        self.public_key = public_key  # PEM
        self.client_id = client_id
        self.slug = slug
        self.permissions = dict(permissions)
        self.events = list(events)
        self.hook = None
        self.installations = []

    @property
    def target(self):
        return f"apps/{self.id}"

    def installation_of(self, repository):
        return next((each for each in self.installations if each.covers(repository)), None)


def with_metadata(permissions):
    """Reading metadata comes with every permission about repositories."""
    return {**permissions, "metadata": "read"} if permissions else {}
