"""Webhook deliveries as GitHub sends them."""

import datetime
import hashlib
import hmac
import itertools
import json
import urllib.parse
import uuid

WEBHOOK_SECRET = "webhook-secret-7c1d52ab9e"
DOCUMENTED_SECRET = "It's a Secret to Everybody"  # of GitHub's own example
POOL_LABELS = ("self-hosted", "linux", "x64")

_ids = itertools.count(59_000_000_001, 17)  # over 2^31, as real ids are


def next_id():
    return next(_ids)


def sign(body, secret=WEBHOOK_SECRET, algorithm="sha256"):
    return f"{algorithm}={hmac.new(secret.encode(), body, algorithm).hexdigest()}"


def timestamp(age_s=0):
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age_s)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Delivery:
    """A body and how it is announced. `headers()` gives what GitHub would send with it."""

    def __init__(self, body, event="workflow_job", *, content_type="application/json",
                 secret=WEBHOOK_SECRET):
        self.body = body if isinstance(body, bytes) else json.dumps(
            body, ensure_ascii=False, separators=(",", ":")).encode()
        self.event = event
        self.content_type = content_type
        self.secret = secret
        self.guid = str(uuid.uuid4())
        self.job = None  # the workflow_job object, where the body was made from one
        self.repository = None

    def headers(self, **changes):
        """`changes` replaces a header (underscores for dashes) or, with None, leaves it out."""
        result = {
            "Accept": "*/*",
            "Content-Type": self.content_type,
            "User-Agent": "GitHub-Hookshot/3f1d9c8",
            "X-GitHub-Delivery": self.guid,
            "X-GitHub-Event": self.event,
            "X-GitHub-Hook-ID": "488120366",
            "X-Hub-Signature": sign(self.body, self.secret, "sha1"),
            "X-Hub-Signature-256": sign(self.body, self.secret),
        }
        for name, value in changes.items():
            name = name.replace("_", "-")
            result = {key: old for key, old in result.items() if key.lower() != name.lower()}
            if value is not None:
                result[name] = value
        return result

    def as_form(self):
        """The same delivery as GitHub's default content type, with its own signature."""
        form = b"payload=" + urllib.parse.quote_plus(self.body).encode()
        result = Delivery(form, self.event, secret=self.secret,
                          content_type="application/x-www-form-urlencoded")
        result.job, result.repository = self.job, self.repository
        return result

    @property
    def id(self):
        return self.job["id"]


def workflow_job(action="queued", *, repository="octo-harbor/lighthouse", fork=False, secret=None,
                 drop=(), **fields):
    """A `workflow_job` delivery. `fields` replace those of the workflow_job object, `drop` names
    fields of it that are left out."""
    job_id = fields.pop("id", None)
    job_id = next_id() if job_id is None else job_id
    run_id = fields.pop("run_id", None)
    run_id = next_id() if run_id is None else run_id
    owner, _, name = repository.partition("/")
    status = {"queued": "queued", "waiting": "waiting", "in_progress": "in_progress",
              "completed": "completed"}.get(action, "queued")
    job = {
        "id": job_id,
        "run_id": run_id,
        "workflow_name": "Build and test",
        "head_branch": "main",
        "run_url": f"https://api.github.com/repos/{repository}/actions/runs/{run_id}",
        "run_attempt": 1,
        "node_id": "CR_kwDOMD7wV88AAAAN8Jd8LA",
        "head_sha": "edf5e904b2cc6b97f62a47d4438a4e1b69321685",
        "url": f"https://api.github.com/repos/{repository}/actions/jobs/{job_id}",
        "html_url": f"https://github.com/{repository}/actions/runs/{run_id}/job/{job_id}",
        "status": status,
        "conclusion": "success" if action == "completed" else None,
        "created_at": timestamp(5),
        "started_at": timestamp(5),
        "completed_at": timestamp() if action == "completed" else None,
        "name": "build",
        "steps": [],
        "check_run_url": f"https://api.github.com/repos/{repository}/check-runs/{job_id}",
        "labels": list(POOL_LABELS),
        "runner_id": 21 if action in ("in_progress", "completed") else None,
        "runner_name": "somebody-else-1" if action in ("in_progress", "completed") else None,
        "runner_group_id": None,
        "runner_group_name": None,
        **fields,
    }
    for field in drop:
        job.pop(field)
    body = {
        "action": action,
        "workflow_job": job,
        "repository": {
            "id": 809431127,
            "node_id": "R_kgDOMD7wVw",
            "name": name,
            "full_name": repository,
            "private": True,
            "owner": {"login": owner, "id": 148220917, "type": "Organization"},
            "html_url": f"https://github.com/{repository}",
            "fork": fork,
            "url": f"https://api.github.com/repos/{repository}",
            "default_branch": "main",
        },
        "sender": {"login": "octo-person", "id": 1, "type": "User"},
    }
    delivery = Delivery(body, secret=secret or WEBHOOK_SECRET)
    delivery.job = job
    delivery.repository = repository
    return delivery


def ping(secret=WEBHOOK_SECRET):
    return Delivery({"zen": "Keep it logically awesome.", "hook_id": 488120366,
                     "hook": {"type": "Repository", "id": 488120366, "events": ["workflow_job"]},
                     "repository": {"full_name": "octo-harbor/lighthouse"}}, "ping", secret=secret)


def push():
    return Delivery({"ref": "refs/heads/main", "before": "0" * 40, "after": "1" * 40,
                     "repository": {"full_name": "octo-harbor/lighthouse"}, "commits": []}, "push")


def sha256(body):
    return hashlib.sha256(body).hexdigest()
