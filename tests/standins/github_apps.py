"""The part of the API that is for GitHub Apps: the app itself, its installations, and the tokens
that it mints for them."""

from .actions import timestamp
from .github_answers import APPS, DOCS, INSTALLATIONS, Need, Route, error, number
from .github_auth import is_enough, with_metadata
from .github_owners import Repository
from .httpd import Response

APP_DOCS = f"{DOCS}/apps/apps"


class AppsApi:
    def __init__(self, github):
        self.github = github
        found = f"{APP_DOCS}#get-a{{}}-installation-for-the-authenticated-app"

        def route(method, template, handler, docs, **options):
            return Route(method, template, handler, docs=docs, actors=APPS, **options)

        self.routes = [
            route("GET", "/app", self._get, f"{APP_DOCS}#get-the-authenticated-app"),
            route("GET", "/app/installations", self._list,
                  f"{APP_DOCS}#list-installations-for-the-authenticated-app"),
            route("GET", "/app/installations/{installation_id}", self._get_installation,
                  found.format("n")),
            route("POST", "/app/installations/{installation_id}/access_tokens", self._create_token,
                  f"{APP_DOCS}#create-an-installation-access-token-for-an-app", creates=True),
            route("GET", "/repos/{owner}/{repo}/installation", self._of_repository,
                  found.format("-repository")),
            route("GET", "/orgs/{org}/installation", self._of_owner,
                  found.format("n-organization")),
            route("GET", "/users/{username}/installation", self._of_owner, found.format("-user")),
            # In the description of GitHub Enterprise Cloud alone.
            route("GET", "/enterprises/{enterprise}/installation", self._of_enterprise,
                  found.format("n-enterprise")),
            Route("GET", "/installation/repositories", self._list_repositories, Need("metadata"),
                  actors=INSTALLATIONS, docs=f"{DOCS}/apps/installations"
                  "#list-repositories-accessible-to-the-app-installation"),
        ]

    def _get(self, call, _):
        app = call.actor.app
        return Response.json(200, {
            "id": app.id, "client_id": app.client_id, "slug": app.slug, "name": app.slug,
            "node_id": "A_kwDOCNEvKc4ADm7h", "description": None,
            "owner": {"login": "octo-org", "id": 1, "type": "Organization"},
            "external_url": "https://example.com",
            "html_url": f"https://github.com/apps/{app.slug}",
            "created_at": timestamp(0), "updated_at": timestamp(0),
            "permissions": app.permissions, "events": app.events,
            "installations_count": len(app.installations)})

    def _list(self, call, _):
        return call.page([self._json(each) for each in call.actor.app.installations])

    def _installation(self, call, installation_id):
        return next((each for each in call.actor.app.installations
                     if each.id == number(installation_id)), None)

    def _get_installation(self, call, _, installation_id):
        return self._answer(call, self._installation(call, installation_id))

    def _of_repository(self, call, repository):
        return self._answer(call, call.actor.app.installation_of(repository))

    def _of_owner(self, call, owner):
        kind = "Organization" if call.route.pattern[0] == "orgs" else "User"
        return self._answer(call, self._of_account(call, owner.login, kind))

    def _of_enterprise(self, call, enterprise):
        return self._answer(call, self._of_account(call, enterprise.slug, "Enterprise"))

    def _of_account(self, call, account, kind):
        return next((each for each in call.actor.app.installations
                     if (each.account.lower(), each.kind) == (account.lower(), kind)), None)

    def _answer(self, call, installation):
        if installation is None:
            return call.not_found()
        return Response.json(200, self._json(installation))

    def _json(self, installation):
        app, url = installation.app, self.github.url
        owner = self.github.owners.owner(installation.account)
        account = {"slug": installation.account, "id": 1} \
            if installation.kind == "Enterprise" or owner is None else owner.json()
        suspended_at = installation.suspended_at
        return {"id": installation.id, "account": account, "app_id": app.id, "app_slug": app.slug,
                "client_id": app.client_id, "target_id": account["id"],
                "target_type": installation.kind, "permissions": installation.permissions,
                "events": app.events, "single_file_name": None,
                "repository_selection": _selection(installation.repositories),
                "access_tokens_url": f"{url}/app/installations/{installation.id}/access_tokens",
                "repositories_url": f"{url}/installation/repositories",
                "html_url": f"https://github.com/settings/installations/{installation.id}",
                "created_at": timestamp(installation.created_at),
                "updated_at": timestamp(installation.created_at),
                "suspended_by": None,
                "suspended_at": None if suspended_at is None else timestamp(suspended_at)}

    # -- tokens -------------------------------------------------------------------------------

    def _create_token(self, call, _, installation_id):
        installation = self._installation(call, installation_id)
        if installation is None:
            return call.not_found()
        if installation.suspended_at is not None:
            return error(403, "This installation has been suspended", call.route.docs)
        permissions = call.body.get("permissions") or installation.permissions
        if any(not is_enough(installation.permissions.get(name), level)
               for name, level in permissions.items()):
            return error(422, "The permissions requested are not granted to this installation.",
                         call.route.docs)
        chosen, complaint = self._chosen(call, installation)
        if complaint:
            return error(422, complaint, call.route.docs)
        names = None if chosen is None else {each.full_name.lower() for each in chosen}
        issued = self.github.credentials.issue(
            installation, with_metadata(permissions), names)
        answer = {"token": issued.token, "expires_at": timestamp(issued.expires_at),
                  "permissions": issued.permissions,
                  "repository_selection": _selection(
                      installation.repositories if chosen is None else chosen)}
        if chosen is not None:
            answer["repositories"] = [repository.json() for repository in chosen]
        return Response.json(201, answer)

    def _chosen(self, call, installation):
        """(the repositories that the body names, or None, and why they will not do, or None)."""
        names, ids = call.body.get("repositories"), call.body.get("repository_ids")
        if names is None and ids is None:
            return None, None
        owners = self.github.owners
        chosen = [owners.repository(f"{installation.account}/{name}") for name in names or ()]
        chosen += owners.repositories_by_id(ids or ())
        if all(isinstance(each, Repository) and installation.covers(each) for each in chosen):
            return chosen, None
        return None, ("There is at least one repository that does not exist or is not accessible "
                      "to the parent installation.")

    def _list_repositories(self, call, _):
        shown = [repository.json() for repository in self.github.owners.listed()
                 if call.actor.covers(repository)]
        bounds = call.actor.repositories
        if bounds is None:
            bounds = call.actor.installation.repositories
        return call.page(shown, "repositories", repository_selection=_selection(bounds))


def _selection(repositories):
    return "all" if repositories is None else "selected"
