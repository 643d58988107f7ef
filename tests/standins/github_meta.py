"""GitHub about itself: GET /meta, which anybody may ask. Members, keys and the networks of webhooks
are as api.github.com gives them; of the longest lists, a few."""

from .github_answers import DOCS, TOKENS, Route
from .github_auth import Actor
from .httpd import Response

HOOKS = ("192.30.252.0/22", "185.199.108.0/22", "140.82.112.0/20", "143.55.64.0/20",
         "2a0a:a440::/29", "2606:50c0::/32")
ANONYMOUS_LIMIT = 60  # requests an hour
KEYS = {"SHA256_ECDSA": "p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
        "SHA256_ED25519": "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
        "SHA256_RSA": "uNiVztksCsDhcc0u9e8BgrJXVGDHaOT0nLKbLpdJpSM"}


class Anonymous(Actor):
    """Who asks without a credential; GitHub counts by the address that it comes from."""

    kind = "anonymous"
    rate_key = ("ip", "127.0.0.1")


class MetaApi:
    """`hooks` is the list that is told, which a test may change, also to what is none;
    `is_public`, whether it is told without a credential: a GitHub Enterprise Server in private mode
    does not, and one of any kind has no hooks (`hooks = None`)."""

    def __init__(self):
        self.hooks = list(HOOKS)
        self.is_public = True
        self.routes = [Route("GET", "/meta", self._get, docs=f"{DOCS}/meta/meta"
                             "#get-github-meta-information", actors=TOKENS | {Anonymous.kind})]

    def _get(self, _call, _about):
        if self.hooks is None:
            return Response.json(200, {"verifiable_password_authentication": True,
                                       "packages": [], "dependabot": [],
                                       "installed_version": "3.17.2"})
        return Response.json(200, {
            "verifiable_password_authentication": False,
            "ssh_key_fingerprints": KEYS,
            "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9"
                         "GKJl"],
            "hooks": self.hooks,
            "web": [*HOOKS, "20.201.28.151/32", "4.208.26.197/32"],
            "api": [*HOOKS, "20.201.28.148/32", "4.208.26.200/32"],
            "git": [*HOOKS, "20.201.28.152/32", "4.208.26.198/32"],
            "github_enterprise_importer": ["192.30.252.0/22", "135.234.59.224/28"],
            "packages": ["140.82.121.33/32", "4.208.26.196/32"],
            "pages": ["192.30.252.153/32", "185.199.108.153/32", "2606:50c0:8000::153/128"],
            "importer": ["52.23.85.212/32", "52.0.228.224/32"],
            # Thousands, which make the answer as long as the real one.
            "actions": [f"4.{n // 250}.{n % 250}.0/24" for n in range(5000)],
            "actions_macos": ["13.105.117.0/27", "13.105.117.31/32"],
            "codespaces": ["4.151.249.160/28"],
            "copilot": ["20.85.130.105/32"],
            "dependabot": ["18.213.123.130/32"],
            "domains": {"website": ["*.github.com", "*.github.dev"], "codespaces": ["*.github.com"],
                        "copilot": ["*.githubcopilot.com"], "packages": ["*.pkg.github.com"],
                        "actions": ["*.actions.githubusercontent.com"],
                        "actions_inbound": {"full_domains": ["github.com"],
                                            "wildcard_domains": ["*.github.com"]},
                        "artifact_attestations": {"trust_domain": "", "services": []}}})
