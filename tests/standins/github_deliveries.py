"""What webhooks sent: real requests to a hook's URL, the record of each attempt, and redeliveries.
A delivery is on GitHub's list for three days."""

import hmac
import http.client
import itertools
import json
import ssl
import threading
import time
import urllib.parse
import uuid

from .github_answers import exact_timestamp
from .httpd import REASONS

LISTED_FOR_S = 3 * 24 * 3600
USER_AGENT = "GitHub-Hookshot/8e9b331"
TARGET_TYPES = {"repos": "repository", "orgs": "organization", "apps": "integration"}


class Delivery:
    """One attempt. `guid` is the event's, and the same in every redelivery of it; `payload` is what
    goes out as JSON, or the very bytes, which need not be JSON at all."""

    def __init__(self, delivery_id, hook, event, guid, payload, at, redelivery):
        self.id = delivery_id
        self.hook = hook
        self.event = event
        self.guid = guid
        self.payload = payload
        self.delivered_at = at  # seconds since the epoch
        self.redelivery = redelivery
        self.duration_s = 0.0
        self.status = None
        self.status_code = None
        self.url = hook.url
        self.insecure_ssl = "0"
        self.body = b""
        self.request_headers = {}
        self.response_headers = {}
        self.response_body = None

    def item(self):
        """As lists show it."""
        about = self.payload if isinstance(self.payload, dict) else {}

        def id_of(name):
            return about[name].get("id") if isinstance(about.get(name), dict) else None

        return {"id": self.id, "guid": self.guid,
                "delivered_at": exact_timestamp(self.delivered_at),
                "redelivery": self.redelivery, "duration": round(self.duration_s, 2),
                "status": self.status, "status_code": self.status_code, "event": self.event,
                "action": about.get("action"), "installation_id": id_of("installation"),
                "repository_id": id_of("repository"), "throttled_at": None}

    def json(self):
        return {**self.item(), "url": self.url,
                "request": {"headers": self.request_headers,
                            "payload": self.payload if isinstance(self.payload, dict) else None},
                "response": {"headers": self.response_headers, "payload": self.response_body}}


class Deliveries:
    """Sending never holds the API's lock: whoever is sent to may ask the API meanwhile."""

    def __init__(self, github, timeout_s, ca_file):
        self.github = github
        self.timeout_s = timeout_s
        self.ca_file = ca_file
        self._ids = itertools.count(176_001_234_567, 13)  # over 2^31, as real ids are
        self._threads = []

    def deliver(self, hook, event, payload, guid=None):
        """Sends, whatever the hook is subscribed to, and returns the recorded attempt."""
        delivery = self._new(hook, event, payload, guid, False)
        self._send(delivery)
        return delivery

    def record(self, hook, event, payload, status_code, *, at=None, guid=None, status=None,
               redelivery=False):
        """An attempt that is on the list without having been made."""
        delivery = self._new(hook, event, payload, guid, redelivery, at)
        self._end(delivery, status_code, status)
        return delivery

    def redeliver(self, delivery):
        """Sends the same bytes again, in the background."""
        self.begin(delivery.hook, delivery.event, delivery.payload, delivery.guid, True)

    def begin(self, hook, event, payload, guid=None, redelivery=False):
        """Sends in a thread of its own."""
        delivery = self._new(hook, event, payload, guid, redelivery)
        thread = threading.Thread(target=self._send, args=(delivery,), daemon=True)
        with self.github.changing():
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
            thread.start()

    def wait(self):
        """Until everything that was sent in the background has been recorded."""
        with self.github.changing():
            threads = list(self._threads)
        for thread in threads:
            thread.join(3 * self.timeout_s)

    def listed(self, hook):
        """Newest first."""
        oldest = self.github.clock() - LISTED_FOR_S
        return sorted((each for each in hook.deliveries if each.delivered_at >= oldest),
                      key=lambda each: (each.delivered_at, each.id), reverse=True)

    # -- one attempt --------------------------------------------------------------------------

    def _new(self, hook, event, payload, guid, redelivery, at=None):
        with self.github.changing():
            delivery = Delivery(next(self._ids), hook, event, guid or str(uuid.uuid4()), payload,
                                self.github.clock() if at is None else at, redelivery)
            delivery.url, delivery.insecure_ssl = hook.url, str(hook.config["insecure_ssl"])
            delivery.body, content_type = encode(payload, hook.config["content_type"])
            delivery.request_headers = self._headers(delivery, content_type)
            return delivery

    def _end(self, delivery, status_code, status=None):
        with self.github.changing():
            delivery.status_code = status_code
            delivery.status = status or (REASONS.get(status_code, "OK") if status_code < 400
                                         else f"Invalid HTTP Response: {status_code}")
            delivery.hook.deliveries.append(delivery)
            delivery.hook.last_response = {"code": status_code, "status": "active"
                                           if status_code < 400 else "invalid_http_response",
                                           "message": delivery.status}

    def _headers(self, delivery, content_type):
        hook = delivery.hook
        headers = {"Accept": "*/*", "Content-Type": content_type, "User-Agent": USER_AGENT,
                   "X-GitHub-Delivery": delivery.guid, "X-GitHub-Event": delivery.event,
                   "X-GitHub-Hook-ID": str(hook.id),
                   "X-GitHub-Hook-Installation-Target-ID": str(hook.target_id),
                   "X-GitHub-Hook-Installation-Target-Type":
                       TARGET_TYPES[hook.target.partition("/")[0]]}
        secret = hook.config.get("secret")
        if secret:
            for name, digest in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
                made = hmac.new(secret.encode(), delivery.body, digest)
                headers[name] = f"{digest}={made.hexdigest()}"
        return headers

    def _send(self, delivery):
        began = time.monotonic()
        try:
            status, reason = self._post(delivery), None
        except TimeoutError:
            status, reason = 504, "timed out"
        except (OSError, http.client.HTTPException, UnicodeError):
            status, reason = 502, "failed to connect to host"
        delivery.duration_s = time.monotonic() - began
        self._end(delivery, status, reason)

    def _post(self, delivery):
        url = urllib.parse.urlsplit(delivery.url)
        if url.scheme == "https":
            connection = http.client.HTTPSConnection(
                url.hostname, url.port, timeout=self.timeout_s,
                context=self._tls(delivery.insecure_ssl))
        else:
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=self.timeout_s)
        path = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
        try:
            # A redirection is not followed.
            connection.request("POST", path, delivery.body, delivery.request_headers)
            response = connection.getresponse()
            delivery.response_body = response.read().decode(errors="replace")
            delivery.response_headers = dict(response.getheaders())
            return response.status
        finally:
            connection.close()

    def _tls(self, insecure):
        context = ssl.create_default_context(cafile=self.ca_file)
        if insecure == "1":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def encode(payload, content_type):
    """(the body, its content type) of a payload in one of GitHub's two forms."""
    text = payload if isinstance(payload, bytes) else json.dumps(
        payload, separators=(",", ":")).encode()
    if content_type == "json":
        return text, "application/json"
    return b"payload=" + urllib.parse.quote_plus(text).encode(), "application/x-www-form-urlencoded"
