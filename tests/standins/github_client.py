"""A client of the GitHub stand-in for its own tests: one kept connection, answers as JSON, and the
JSON web tokens of an app, which an independent library makes."""

import http.client
import json
import re


class Answer:
    def __init__(self, status, body, headers):
        self.status = status
        self.headers = headers
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = body.decode()

    @property
    def message(self):
        return self.json["message"]

    def link(self, relation):
        """The target of a relation in Link, or None."""
        found = re.search(rf'<([^>]+)>; rel="{relation}"', self.headers["Link"] or "")
        return found and found[1]


class Client:
    def __init__(self, github, token):
        self.github = github
        self.token = token
        self.connection = http.client.HTTPConnection(github.url.removeprefix("http://"), timeout=5)

    def __call__(self, method, path, body=None, **headers):
        fields = {"User-Agent": "test/1", "Authorization": f"Bearer {self.token}",
                  **{name.replace("_", "-"): value for name, value in headers.items()}}
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        path = path.removeprefix(self.github.url)
        self.connection.request(method, path, body, fields)
        response = self.connection.getresponse()
        return Answer(response.status, response.read(), response.headers)

    def get(self, path, **headers):
        return self("GET", path, **headers)

    def post(self, path, body=None):
        return self("POST", path, body)

    def walk(self, path, name=None):
        """(the items of every page, one after the other, and how many pages there were)."""
        items, pages = [], 0
        while path:
            answer = self.get(path)
            assert answer.status == 200, answer.json
            items += answer.json if name is None else answer.json[name]
            pages += 1
            path = answer.link("next")
        return items, pages


def key_pair():
    """(a private RSA key, its public one), as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(serialization.Encoding.PEM,
                                serialization.PrivateFormat.TraditionalOpenSSL,
                                serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM,
                                           serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def web_token(private_key, now, issuer, *, algorithm="RS256", **claims):
    """An app's JSON web token, with claims of its own or, as None, without them."""
    import jwt

    whole = {"iat": int(now) - 60, "exp": int(now) + 540, "iss": issuer, **claims}
    whole = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(whole, private_key, algorithm=algorithm)
