"""Everything that can stand in an Authorization header, and the verdict on it."""

import itertools

from .github_answers import DOCS, error
from .github_auth import (ALL_SCOPES, App, AppIdentity, ClassicToken, FineGrainedToken,
                          Installation, InstallationToken, with_metadata)

JWT_LIFETIME_S = 600
INSTALLATION_TOKEN_LIFETIME_S = 3600


class Credentials:
    """Which personal tokens are good is for the set GitHub.tokens to say; one that nobody described
    is classic and has every scope."""

    def __init__(self, github):
        self.github = github
        self.apps = {}  # issuer, an app id or a client id, as text -> App
        self.installation_tokens = []  # every one issued, in order
        self._described = {}  # token -> PersonalToken
        self._ids = itertools.count(51_000_001, 11)
        self._plain = ClassicToken()
        self._plain.rate_key = None

    # -- what there is ------------------------------------------------------------------------

    def add_token(self, token, kind="classic", *, login=None, scopes=ALL_SCOPES, permissions=None,
                  owners=None, repositories=None, expires_at=None):
        """A personal access token that is good until it leaves GitHub.tokens or expires. Scopes
        are a classic one's, permissions a fine-grained one's."""
        if kind == "classic":
            made = ClassicToken(login, scopes, owners, repositories, expires_at)
        else:
            assert kind == "fine-grained", kind
            made = FineGrainedToken(login, permissions, owners, repositories, expires_at)
        self._described[token] = made
        self.github.tokens.add(token)
        return made

    def add_app(self, app_id, public_key_pem, *, client_id=None, slug="runhook", permissions=None,
                events=("workflow_job",), hook=None):
        """`hook` is the configuration of its webhook: url, content_type, secret, insecure_ssl."""
        if isinstance(public_key_pem, bytes):
            public_key_pem = public_key_pem.decode("ascii")
        app = App(app_id, public_key_pem, client_id or f"Iv23li{app_id:014d}", slug,
                  with_metadata(permissions or {}), events)
        if hook is not None:
            app.hook = self.github.hooks.add_app_hook(app, hook)
        self.apps[str(app.id)] = self.apps[app.client_id] = app
        return app

    def install(self, app, owner, permissions=None, repositories=None):
        """On a user or an organization, or, as `enterprises/SLUG`, on an enterprise. Permissions
        are the app's where none are given. Repositories are names or full names, None for all."""
        kind = "Enterprise"
        if owner.startswith("enterprises/"):
            owner = owner.partition("/")[2]
        else:
            found = self.github.owners.owner(owner)
            kind = found.type if found else "Organization"
        if repositories is not None:
            repositories = {(name if "/" in name else f"{owner}/{name}").lower()
                            for name in repositories}
        granted = app.permissions if permissions is None else with_metadata(permissions)
        installation = Installation(next(self._ids), app, owner, kind, granted, repositories,
                                    self.github.clock())
        app.installations.append(installation)
        return installation

    def uninstall(self, installation):
        """Its tokens die with it."""
        installation.is_installed = False
        installation.app.installations.remove(installation)
        for token in self.installation_tokens:
            token.revoked = token.revoked or token.installation is installation

    def suspend(self, installation):
        installation.suspended_at = self.github.clock()

    def unsuspend(self, installation):
        installation.suspended_at = None

    def issue(self, installation, permissions, repositories):
        """An installation token; see InstallationToken."""
        now = self.github.clock()
        characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        text = "ghs_" + "".join(self.github.rng.choices(characters, k=36))
        token = InstallationToken(text, installation, permissions, repositories, now,
                                  now + INSTALLATION_TOKEN_LIFETIME_S)
        self.installation_tokens.append(token)
        return token

    # -- who asks -----------------------------------------------------------------------------

    def actor_of(self, request):
        """(who asks, None), or (None, GitHub's refusal)."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None, error(401, "Requires authentication", DOCS)
        scheme, text = scheme.lower(), text.strip()
        if scheme not in ("bearer", "token"):
            return None, error(401, "Bad credentials", DOCS)
        if text in self.github.tokens:
            return self._personal(text)
        issued = next((each for each in self.installation_tokens if each.token == text), None)
        if issued is not None:
            return self._installations_own(issued)
        if scheme == "bearer" and text.count(".") == 2:
            return self._app(text)
        return None, error(401, "Bad credentials", DOCS)

    def _personal(self, text):
        actor = self._described.get(text, self._plain)
        if actor.expires_at is not None and actor.expires_at <= self.github.clock():
            return None, error(401, "Bad credentials", DOCS)
        return actor, None

    def _installations_own(self, issued):
        if issued.revoked or issued.expires_at <= self.github.clock():
            return None, error(401, "Bad credentials", DOCS)
        if issued.installation.suspended_at is not None:
            return None, error(403, "This installation has been suspended", DOCS)
        return issued, None

    def _app(self, text):
        """By an independent implementation of JSON web tokens, which only tests with apps need."""
        import jwt

        undecodable = error(401, "A JSON web token could not be decoded", DOCS)
        try:
            claims = jwt.decode(text, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError):
            return None, undecodable
        if "iss" not in claims:
            return None, error(401, "Missing 'issuer' claim ('iss') in assertion", DOCS)
        app = self.apps.get(str(claims["iss"]))
        if app is None:
            return None, error(404, "Integration not found", DOCS)
        # The times are held against the clock of the stand-in, not this machine's.
        unchecked = dict.fromkeys(("verify_exp", "verify_iat", "verify_nbf", "verify_aud",
                                   "verify_iss"), False)
        try:
            jwt.decode(text, app.public_key, algorithms=["RS256"], options=unchecked)
        except (jwt.PyJWTError, ValueError):
            return None, undecodable
        message = _fault_of_times(claims, self.github.clock())
        return (None, error(401, message, DOCS)) if message else (AppIdentity(app), None)


def _fault_of_times(claims, now):
    for name, words in (("exp", "expiration time"), ("iat", "issued at")):
        if name not in claims:
            return f"Missing '{words}' claim ('{name}') in assertion"
    expires_at, issued_at = claims["exp"], claims["iat"]
    if isinstance(expires_at, bool) or not isinstance(expires_at, (int, float)) \
            or expires_at <= now:
        return ("'Expiration time' claim ('exp') must be a numeric value representing the future "
                "time at which the assertion expires")
    if expires_at > now + JWT_LIFETIME_S:
        return "'Expiration time' claim ('exp') is too far in the future"
    if type(issued_at) is not int or issued_at > now:
        return ("'Issued at' claim ('iat') must be an Integer representing the time that the "
                "assertion was issued")
    return None
