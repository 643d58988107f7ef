"""A stand-in for the part of Nomad's HTTP API that runhook uses. Statuses and texts are those of
Nomad's own sources (command/agent/http.go, command/agent/job_endpoint.go, nomad/job_endpoint.go):
validation errors of a dispatch are 500 with plain text, and an idempotency token finds any child
that has not been collected.

As a program: python3 tests/standins/nomad.py --port 0 --token TOKEN --job github-runner
prints one JSON line with its url once it listens.
"""

import base64
import binascii
import datetime
import json
import random
import sys
import threading
import time
import uuid
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    __package__ = "standins"

from standins import program  # noqa: E402
from standins.httpd import HttpServer, Response  # noqa: E402

DISPATCH_PAYLOAD_SIZE_LIMIT = 16 * 1024
META_REQUIRED = ("REPO_FULL_NAME", "REPO_SHORT_NAME", "WORKFLOW_RUN")
CLOUDFLARE_REFUSAL = """<!DOCTYPE html>
<html><head><title>Forbidden</title></head>
<body><h1>Forbidden</h1><p>You don't have permission to view this. Please contact your system
administrator.</p><p>cloudflare access</p></body></html>
"""


class CodedError(Exception):
    """An error with the status that Nomad answers it with; the text is the whole body."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class AclToken:
    """capabilities None is a management token; else a set such as {"dispatch-job", "read-job"}, in
    which "agent:read" and "operator" stand for rights that are no namespace's. `expires_at` is in
    seconds since the epoch."""

    def __init__(self, secret, capabilities=None, namespaces=None, *, name="runhook",
                 expires_at=None):
        self.secret = secret
        self.name = name
        self.expires_at = expires_at
        self.capabilities = None if capabilities is None else frozenset(capabilities)
        self.namespaces = None if namespaces is None else frozenset(namespaces)

    def allows(self, capability, namespace):
        if self.capabilities is None:
            return True
        return (capability in self.capabilities
                and (self.namespaces is None or namespace in self.namespaces))


class ParameterizedJob:
    """A registered job. `payload` None makes it a job that cannot be dispatched. `groups` are its
    TaskGroups as the API shows them, with all that a registration left out: see task_group()."""

    def __init__(self, job_id, *, payload="optional", meta_required=(), meta_optional=(), meta=None,
                 namespace="default", job_type="batch", groups=()):
        self.type = job_type
        self.groups = list(groups)
        self.id = job_id
        self.namespace = namespace
        self.payload = payload
        self.meta_required = tuple(meta_required)
        self.meta_optional = tuple(meta_optional)
        self.meta = dict(meta or {})
        self.stop = False
        self.index = 0
        self.parent_id = ""
        self.source = None  # the job as it was registered through the API

    @property
    def is_parameterized(self):
        return self.payload is not None

    @property
    def status(self):
        if self.stop:
            return "dead"
        return "running" if self.is_parameterized else "pending"


def task_group(*, restarts=0, reschedules=0, replace=False, name="runner"):
    """A TaskGroup of a batch job as Nomad 1.8 and later shows it. Its own defaults are 3 restarts, 1
    reschedule, and a replacement of what a lost node ran."""
    restart = {"Attempts": restarts, "Interval": 86400 * 10**9, "Delay": 15 * 10**9, "Mode": "fail",
               "RenderTemplates": False}
    return {"Name": name, "Count": 1, "RestartPolicy": restart,
            "ReschedulePolicy": {"Attempts": reschedules, "Interval": 86400 * 10**9,
                                 "Delay": 5 * 10**9, "DelayFunction": "constant", "MaxDelay": 0,
                                 "Unlimited": False},
            "Disconnect": None if replace else {"LostAfter": 0, "StopOnClientAfter": None,
                                                "Replace": False, "Reconcile": None},
            "PreventRescheduleOnLost": False,
            "Tasks": [{"Name": "runner", "Driver": "docker", "Lifecycle": None,
                       "RestartPolicy": restart}]}


class Allocation:
    """A place on a node. Its task starts when the node has all that it needs."""

    def __init__(self, allocation_id, job_id, now):
        self.id = allocation_id
        self.job_id = job_id
        self.client_status = "pending"
        self.desired_status = "run"
        self.created_at = now
        self.modified_at = now
        self.started_at = None

    @property
    def is_living(self):
        return self.client_status in ("pending", "running", "unknown")

    def task_states(self):
        if self.client_status == "pending" and self.started_at is None:
            return None  # the node has not said anything yet
        return {"runner": {
            "State": {"pending": "pending", "running": "running"}.get(self.client_status, "dead"),
            "Failed": self.client_status == "failed", "Restarts": 0,
            "StartedAt": self.started_at and go_time(self.started_at),
            "FinishedAt": None if self.is_living else go_time(self.modified_at)}}


class Child:
    """A dispatched job. `payload` is decoded."""

    def __init__(self, parent, job_id, meta, payload, idempotency_token, index, now):
        self.id = job_id
        self.parent_id = parent.id
        self.namespace = parent.namespace
        self.meta = meta
        self.payload = payload
        self.idempotency_token = idempotency_token
        self.status = "pending"
        self.stop = False
        self.index = index
        self.submitted_at = now
        self.allocations = []
        self.unplaced = None  # why it could not be placed: an AllocMetric, as below

    def json(self):
        return json.loads(self.payload)


def alloc_metric(*, nodes=0, filtered=None, exhausted=None, datacenter="dc1"):
    """Nomad's AllocMetric: of so many nodes, how many a constraint filtered, how many lack what."""
    filtered, exhausted = filtered or {}, exhausted or {}
    return {"NodesEvaluated": nodes, "NodesFiltered": sum(filtered.values()), "NodesInPool": nodes,
            "NodePool": "default", "NodesAvailable": {datacenter: nodes}, "ClassFiltered": None,
            "ConstraintFiltered": filtered or None, "NodesExhausted": sum(exhausted.values()),
            "ClassExhausted": None, "DimensionExhausted": exhausted or None,
            "QuotaExhausted": None, "ResourcesExhausted": None, "Scores": None,
            "AllocationTime": 12000, "CoalescedFailures": 0, "ScoreMetaData": None}


class Nomad:
    """The cluster's state and its answers; `server` is the HTTP side, with its requests and faults.

    tokens           ACL tokens (AclToken, or a secret for a management token); None: ACLs are off
    required_headers headers that a proxy in front demands, such as Cloudflare Access's two
    task_api         answer like the socket that Nomad gives a task: a token is always asked for
    version          of the agent that answers
    job_gc           the job_gc_threshold of its server's configuration, "" where that has none; None
                     for an agent that is no server
    placement        "at once": a child runs as soon as it is dispatched; "never": it stays pending
    rng              where ids come from
    on_dispatch      called with each new child
    on_stop          called with a child that a request stops; the end of its allocations is then
                     the callee's to make, who may take its time
    """

    def __init__(self, *, jobs=(), tokens=None, region="global", namespaces=("default",),
                 required_headers=None, task_api=False, version="1.6.1", job_gc="",
                 placement="at once", clock=time.time,
                 rng=None, **server_options):
        self.clock = clock
        self.rng = rng or random.SystemRandom()
        self.on_dispatch = None
        self.on_stop = None
        self.region = region
        self.namespaces = set(namespaces)
        self.required_headers = dict(required_headers or {})
        self.task_api = task_api
        self.version = version
        self.job_gc = job_gc
        self.placement = placement
        self.has_leader = True
        self.dispatch_disabled = False
        self.tokens = None
        if tokens is not None:
            self.tokens = {}
            for token in tokens:
                token = token if isinstance(token, AclToken) else AclToken(token)
                self.tokens[token.secret] = token
        self.jobs = {}  # (namespace, id) -> ParameterizedJob
        self.children = []  # every child still in state, in order of dispatch
        self.dispatches = []  # every child ever made, collected or not
        self._index = 10
        self._lock = threading.RLock()
        for job in jobs:
            self.register(job)
        self.server = HttpServer(self._handle, clock=clock, **server_options)

    # -- life and asking ----------------------------------------------------------------------

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *exc):
        self.server.stop()

    @property
    def url(self):
        return self.server.url

    @property
    def faults(self):
        return self.server.faults

    @property
    def requests(self):
        return self.server.seen()

    def dispatch_requests(self):
        return self.server.seen(method="POST", path=r"/dispatch$")

    def wait_for_children(self, count=1, timeout_s=10.0):
        """Wait until so many children have been made; returns all of them."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self._lock:
                children = list(self.dispatches)
            if len(children) >= count:
                return children
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(children)} of {count} children within {timeout_s} s; "
                                   f"requests: {self.requests}")
            time.sleep(0.01)

    # -- the cluster --------------------------------------------------------------------------

    def register(self, job):
        with self._lock:
            job.index = self._next_index()
            self.jobs[job.namespace, job.id] = job
        return job

    def child(self, child_id, namespace="default"):
        with self._lock:
            for child in self.children:
                if child.id == child_id and child.namespace == namespace:
                    return child
        return None

    def finish(self, child, client_status="complete"):
        """The child's task ends by itself."""
        with self._lock:
            for allocation in child.allocations:
                if allocation.is_living:
                    self._end(allocation, client_status)
            child.status = "dead"
            child.index = self._next_index()

    def collect(self, only=None):
        """Nomad's garbage collection: dead children (or that one) leave the state, and with them
        what their idempotency tokens stand for."""
        with self._lock:
            self.children = [child for child in self.children
                             if child.status != "dead" or only not in (None, child)]

    def dispatch(self, namespace, job_id, payload, meta, idempotency_token):
        """Returns (child, whether it is new)."""
        with self._lock:
            parent = self.jobs.get((namespace, job_id))
            if parent is None:
                raise CodedError(500, "parameterized job not found")
            if not parent.is_parameterized:
                raise CodedError(500, f'Specified job "{job_id}" is not a parameterized job')
            if parent.stop:
                raise CodedError(500, f'Specified job "{job_id}" is stopped')
            _validate_dispatch(parent, payload, meta)
            if idempotency_token:
                for child in self.children:
                    if (child.parent_id == parent.id and child.namespace == namespace
                            and child.idempotency_token == idempotency_token):
                        return child, False
            now = self.clock()
            child = Child(parent, f"{parent.id}/dispatch-{int(now)}-{self.rng.getrandbits(32):08x}",
                          {**parent.meta, **meta}, payload, idempotency_token,
                          self._next_index(), now)
            self.children.append(child)
            self.dispatches.append(child)
            if self.placement == "at once":
                self.place(child)
            if self.on_dispatch is not None:
                self.on_dispatch(child)
            return child, True

    def place(self, child, *, started=True):
        """Gives the child an allocation, whose task starts at once or with start()."""
        with self._lock:
            allocation = Allocation(self._uuid(), child.id, self.clock())
            child.allocations.append(allocation)
            child.status = "running"
            child.unplaced = None
            child.index = self._next_index()
            if started:
                self.start(allocation)
            return allocation

    def start(self, allocation):
        with self._lock:
            allocation.client_status = "running"
            allocation.started_at = allocation.modified_at = self.clock()

    def fail_to_place(self, child, metric):
        """The child waits: `metric` (alloc_metric) says what for."""
        with self._lock:
            child.unplaced = metric

    def end(self, child, allocation, client_status="complete"):
        """One allocation's end: the child is dead with its last one."""
        with self._lock:
            self._end(allocation, client_status)
            if not any(other.is_living for other in child.allocations):
                child.status = "dead"
            child.index = self._next_index()

    def _end(self, allocation, client_status):
        allocation.client_status = client_status
        allocation.modified_at = self.clock()

    def deregister(self, namespace, job_id, purge=False):
        with self._lock:
            child = self.child(job_id, namespace)
            if child is not None:
                if self.on_stop is not None:
                    self.on_stop(child)
                child.stop = True
                # Nomad counts an allocation that shall stop as ended, whether or not its task has.
                child.status = "dead"
                for allocation in child.allocations:
                    allocation.desired_status = "stop"
                    if self.on_stop is None and allocation.is_living:
                        self._end(allocation, "complete")
                child.index = self._next_index()
                if purge:
                    self.children.remove(child)
            job = self.jobs.get((namespace, job_id))
            if job is not None:
                job.stop = True
                if purge:
                    del self.jobs[namespace, job_id]

    def _uuid(self):
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def _next_index(self):
        self._index += 1
        return self._index

    # -- the API ------------------------------------------------------------------------------

    def _handle(self, request):
        for name, value in self.required_headers.items():
            if request.headers.get(name) != value:
                return Response(403, CLOUDFLARE_REFUSAL,
                                [("Content-Type", "text/html; charset=UTF-8"),
                                 ("Server", "cloudflare"),
                                 ("CF-RAY", f"{self.rng.getrandbits(64):016x}")])
        try:
            if self.task_api:
                self._authenticate_task(request)
            response = self._route(request)
        except CodedError as error:
            response = Response(error.status, str(error),
                                [("Content-Type", "text/plain; charset=utf-8")])
        response.headers += [("Vary", "Accept-Encoding"), ("Vary", "Origin")]
        return response

    def _route(self, request):
        segments = request.segments
        if segments[:2] == ["v1", "jobs"] and len(segments) == 2:
            return self._jobs(request)
        if segments[:2] == ["v1", "job"] and len(segments) >= 3:
            # Nomad matches the suffix of the path after unescaping it.
            path = "/".join(segments[2:])
            for suffix, handler in (("/dispatch", self._dispatch),
                                    ("/allocations", self._allocations),
                                    ("/evaluations", self._evaluations)):
                if path.endswith(suffix):
                    return handler(request, path[:-len(suffix)])
            return self._job(request, path)
        if segments == ["v1", "status", "leader"]:
            _allow(request, "GET")
            self._require_leader()
            return _json("127.0.0.1:4647")
        if segments == ["v1", "agent", "self"]:
            _allow(request, "GET")
            self._allow_acl(request, "agent:read", "default")
            return _json(self._agent_json())
        if segments == ["v1", "acl", "token", "self"]:
            return self._token_self(request)
        if segments == ["v1", "system", "gc"]:
            _allow(request, "PUT", "POST")
            self._allow_acl(request, "operator", "default")
            self.collect()
            return Response(200)
        return Response(404)

    def _agent_json(self):
        server = {"Enabled": self.job_gc is not None, "JobGCThreshold": self.job_gc or "",
                  "JobGCInterval": "", "EvalGCThreshold": ""}
        return {"config": {"Region": self.region, "Datacenter": "dc1", "Server": server,
                           "ACL": {"Enabled": self.tokens is not None},
                           "Version": {"Version": self.version, "VersionPrerelease": "",
                                       "VersionMetadata": "", "Revision": ""}},
                "member": {"Name": f"standin.{self.region}", "Status": "alive"},
                "stats": {"nomad": {"server": "true", "leader": "true"}}}

    def _token_self(self, request):
        """As ACL.ResolveToken, which any token may ask about itself."""
        _allow(request, "GET")
        self._enter(request)
        if self.tokens is None:
            raise CodedError(400, "ACL support disabled")
        token = self.tokens.get(self._token(request))
        if token is None:
            raise CodedError(404, "ACL token not found")
        is_management = token.capabilities is None
        shown = {"AccessorID": str(uuid.uuid5(uuid.NAMESPACE_OID, token.secret)),
                 "SecretID": token.secret, "Name": token.name,
                 "Type": "management" if is_management else "client",
                 "Policies": None if is_management else ["runhook"], "Roles": None,
                 "Global": False, "CreateIndex": 7, "ModifyIndex": 7,
                 "CreateTime": go_time(0)}
        if token.expires_at is not None:
            shown.update(ExpirationTime=go_time(token.expires_at), ExpirationTTL="0s")
        return _json(shown, self._meta_headers())

    def _dispatch(self, request, job_id):
        _allow(request, "PUT", "POST")
        body = _decode_body(request)
        if not isinstance(body, dict):
            raise CodedError(400, f"json: cannot unmarshal {_go_type(body)} into Go value of type "
                             "structs.JobDispatchRequest")
        payload = _bytes_field(body, "Payload")
        meta = _string_map_field(body, "Meta")
        named = _field(body, "JobID")
        if named not in (None, "", job_id):
            raise CodedError(400, "Job ID does not match")
        namespace = self._enter(request)
        self._allow_acl(request, "dispatch-job", namespace)
        if self.dispatch_disabled:
            raise CodedError(403, "Job registration, dispatch, and scale are disabled by the "
                             "scheduler configuration")
        if not job_id:
            raise CodedError(500, "missing parameterized job ID")
        child, is_new = self.dispatch(namespace, job_id, payload, meta,
                                      request.query_value("idempotency_token", ""))
        answer = {"DispatchedJobID": child.id,
                  "EvalID": self._uuid() if is_new else "",
                  "EvalCreateIndex": child.index + 1 if is_new else 0,
                  "JobCreateIndex": child.index,
                  "Index": child.index + 1 if is_new else child.index}
        return _json(answer, [("X-Nomad-Index", str(answer["Index"]))])

    def _job(self, request, job_id):
        _allow(request, "GET", "PUT", "POST", "DELETE")
        if request.method in ("PUT", "POST"):
            return self._register_request(request, job_id)
        if request.method == "DELETE":
            purge = _parse_bool(request, "purge")
            namespace = self._enter(request)
            # The second one from Nomad 1.11.2 on.
            self._allow_acl(request, ("submit-job", "deregister-job"), namespace)
            self.deregister(namespace, job_id, purge)
            # An unknown job is answered in the same way.
            return _json({"EvalID": self._uuid(), "EvalCreateIndex": self._index,
                          "JobModifyIndex": self._index, "VolumeEvalID": "", "VolumeEvalIndex": 0,
                          "Index": self._index, "LastContact": 0, "KnownLeader": False,
                          "NextToken": ""}, [("X-Nomad-Index", str(self._index))])
        namespace = self._enter(request)
        self._allow_acl(request, "read-job", namespace)
        with self._lock:
            child = self.child(job_id, namespace)
            job = self.jobs.get((namespace, job_id))
            if child is None and job is None:
                raise CodedError(404, "job not found")
            return _json(self._child_json(child) if child else self._job_json(job),
                         self._meta_headers())

    def _jobs(self, request):
        _allow(request, "GET", "PUT", "POST")
        if request.method != "GET":
            return self._register_request(request, None)
        namespace = self._enter(request)
        self._allow_acl(request, "list-jobs", namespace)
        prefix = request.query_value("prefix", "")
        with_meta = _parse_bool(request, "meta")
        with self._lock:
            stubs = [self._stub_json(job, with_meta)
                     for job in list(self.jobs.values()) + self.children
                     if job.id.startswith(prefix) and namespace in (job.namespace, "*")]
        stubs.sort(key=lambda stub: stub["ID"])
        return _json(stubs, self._meta_headers())

    def _allocations(self, request, job_id):
        _allow(request, "GET")
        namespace = self._enter(request)
        self._allow_acl(request, "read-job", namespace)
        with self._lock:
            child = self.child(job_id, namespace)
            stubs = [] if child is None else [
                {"ID": allocation.id, "JobID": child.id, "Namespace": child.namespace,
                 "JobType": "batch", "TaskGroup": "runner",
                 "ClientStatus": allocation.client_status,
                 "DesiredStatus": allocation.desired_status,
                 "CreateTime": int(allocation.created_at * 1e9),
                 "ModifyTime": int(allocation.modified_at * 1e9),
                 "TaskStates": allocation.task_states()}
                for allocation in child.allocations]
        return _json(stubs, self._meta_headers())

    def _evaluations(self, request, job_id):
        _allow(request, "GET")
        namespace = self._enter(request)
        self._allow_acl(request, "read-job", namespace)
        with self._lock:
            child = self.child(job_id, namespace)
            evaluations = [] if child is None else self._evaluations_json(child)
        return _json(evaluations, self._meta_headers())

    def _register_request(self, request, job_id):
        body = _decode_body(request)
        source = _field(body, "Job") if isinstance(body, dict) else None
        if not isinstance(source, dict):
            raise CodedError(400, "Job must be specified")
        if not source.get("ID"):
            raise CodedError(400, "Job ID hasn't been provided")
        if job_id is not None and source["ID"] != job_id:
            raise CodedError(400, "Job ID does not match name")
        namespace = source.get("Namespace") or request.query_value("namespace", "default")
        self._require_leader()
        self._allow_acl(request, "submit-job", namespace)
        parameters = source.get("ParameterizedJob")
        job = ParameterizedJob(source["ID"], namespace=namespace, payload=None,
                               meta=source.get("Meta"), job_type=source.get("Type") or "service",
                               groups=source.get("TaskGroups") or ())
        if parameters is not None:
            job.payload = parameters.get("Payload") or "optional"
            job.meta_required = tuple(parameters.get("MetaRequired") or ())
            job.meta_optional = tuple(parameters.get("MetaOptional") or ())
        job.source = source
        self.register(job)
        return _json({"EvalID": "", "EvalCreateIndex": 0, "JobModifyIndex": job.index,
                      "Warnings": "", "Index": job.index, "LastContact": 0, "KnownLeader": False},
                     [("X-Nomad-Index", str(job.index))])

    # -- what stands before every call --------------------------------------------------------

    def _enter(self, request):
        """The checks before the ACL's: region, leader. Returns the namespace."""
        if request.query_value("region", "") not in ("", self.region):
            raise CodedError(500, "No path to region")
        self._require_leader()
        return request.query_value("namespace", "") or "default"

    def _require_leader(self):
        if not self.has_leader:
            raise CodedError(500, "No cluster leader")

    def _token(self, request):
        """As parseToken of command/agent/http.go: X-Nomad-Token first, then a bearer token."""
        token = request.headers.get("X-Nomad-Token", "")
        if token:
            return token.strip()
        scheme, separator, value = request.headers.get("Authorization", "").partition(" ")
        if separator and scheme.lower() == "bearer":
            return value.strip().split(" ")[0]
        return ""

    def _allow_acl(self, request, capability, namespace):
        """`capability` may be several, of which one is enough."""
        if self.tokens is None:
            return
        token = self.tokens.get(self._token(request))
        capabilities = (capability,) if isinstance(capability, str) else capability
        if token is None or not any(token.allows(each, namespace) for each in capabilities):
            raise CodedError(403, "Permission denied")

    def _authenticate_task(self, request):
        secret = self._token(request)
        if not secret:
            raise CodedError(401, "Unauthorized")
        if self.tokens is None or secret not in self.tokens:
            raise CodedError(403, "Forbidden")

    # -- what the API shows -------------------------------------------------------------------

    def _meta_headers(self):
        return [("X-Nomad-Index", str(self._index)), ("X-Nomad-KnownLeader", "true"),
                ("X-Nomad-LastContact", "0")]

    def _child_json(self, child):
        return {"ID": child.id, "ParentID": child.parent_id, "Name": child.id,
                "Namespace": child.namespace, "Region": self.region, "Type": "batch",
                "Priority": 50, "Datacenters": ["dc1"], "Status": child.status,
                "StatusDescription": "", "Stop": child.stop, "Meta": child.meta,
                "Payload": base64.b64encode(child.payload).decode() if child.payload else None,
                "ParameterizedJob": self._parameters_json(
                    self.jobs.get((child.namespace, child.parent_id))),
                "Dispatched": True, "DispatchIdempotencyToken": child.idempotency_token,
                "SubmitTime": int(child.submitted_at * 1e9), "TaskGroups": [],
                "CreateIndex": child.index, "ModifyIndex": child.index,
                "JobModifyIndex": child.index}

    def _job_json(self, job):
        return {**(job.source or {}), "ID": job.id, "ParentID": "", "Name": job.id,
                "Namespace": job.namespace, "Region": self.region, "Type": job.type,
                "TaskGroups": job.groups, "Status": job.status, "Stop": job.stop, "Meta": job.meta or None, "Payload": None,
                "ParameterizedJob": self._parameters_json(job), "Dispatched": False,
                "DispatchIdempotencyToken": "", "CreateIndex": job.index,
                "ModifyIndex": job.index, "JobModifyIndex": job.index}

    def _stub_json(self, job, with_meta):
        is_child = bool(job.parent_id)
        stub = {"ID": job.id, "ParentID": job.parent_id, "Name": job.id,
                "Namespace": job.namespace, "Datacenters": ["dc1"], "NodePool": "default",
                "Type": "batch", "Priority": 50, "Periodic": False,
                "ParameterizedJob": not is_child and job.is_parameterized, "Stop": job.stop,
                "Status": job.status, "StatusDescription": "", "JobSummary": None,
                "CreateIndex": job.index, "ModifyIndex": job.index, "JobModifyIndex": job.index,
                "SubmitTime": int(getattr(job, "submitted_at", 0) * 1e9)}
        if with_meta:
            stub["Meta"] = job.meta
        return stub

    def _evaluations_json(self, child):
        """The dispatch's own evaluation; and where that could not place it, the blocked one, which
        is tried again when a node has room."""
        def evaluation(number, status, trigger, failed, blocked=""):
            return {"ID": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{child.id}#{number}")),
                    "Namespace": child.namespace, "Priority": 50, "Type": "batch",
                    "TriggeredBy": trigger, "JobID": child.id, "Status": status,
                    "StatusDescription": "created to place remaining allocations"
                    if status == "blocked" else "",
                    "FailedTGAllocs": failed, "BlockedEval": blocked, "QueuedAllocations":
                    {"runner": 0 if failed is None and status == "complete" else 1},
                    "CreateIndex": child.index + number, "ModifyIndex": child.index + number,
                    "CreateTime": int(child.submitted_at * 1e9) + number,
                    "ModifyTime": int(child.submitted_at * 1e9) + number}

        if child.unplaced is None:
            return [evaluation(1, "complete", "job-register", None)]
        waiting = evaluation(2, "blocked", "queued-allocs", {"runner": child.unplaced})
        return [waiting, evaluation(1, "complete", "job-register", {"runner": child.unplaced},
                                    waiting["ID"])]

    def _parameters_json(self, job):
        if job is None or not job.is_parameterized:
            return None
        return {"Payload": job.payload, "MetaRequired": list(job.meta_required) or None,
                "MetaOptional": list(job.meta_optional) or None}


def go_time(seconds):
    """As Go's encoding/json writes a time: RFC 3339, with nanoseconds."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def _validate_dispatch(job, payload, meta):
    """In the order of Nomad's validateDispatchRequest."""
    if job.payload == "required" and not payload:
        raise CodedError(500, "Payload is not provided but required by parameterized job")
    if job.payload == "forbidden" and payload:
        raise CodedError(500, "Payload provided but forbidden by parameterized job")
    if len(payload) > DISPATCH_PAYLOAD_SIZE_LIMIT:
        raise CodedError(500, f"Payload exceeds maximum size; {len(payload)} > "
                         f"{DISPATCH_PAYLOAD_SIZE_LIMIT}")
    unpermitted = [key for key in meta if key not in job.meta_required + job.meta_optional]
    if unpermitted:
        raise CodedError(500, "Dispatch request included unpermitted metadata keys: "
                         f"[{' '.join(unpermitted)}]")
    missing = [key for key in job.meta_required if key not in meta]
    if missing:
        raise CodedError(500, f"Dispatch did not provide required meta keys: [{' '.join(missing)}]")


def _allow(request, *methods):
    if request.method not in methods:
        raise CodedError(405, "Invalid method")


def _json(value, headers=()):
    return Response(200, json.dumps(value, separators=(",", ":")),
                    [("Content-Type", "application/json"), *headers])


def _parse_bool(request, name):
    text = request.query_value(name, "")
    if text in ("", "0", "f", "F", "false", "False", "FALSE"):
        return False
    if text in ("1", "t", "T", "true", "True", "TRUE"):
        return True
    raise CodedError(500, f'Failed to parse value of "{name}" ({text}) as a bool: '
                     f'strconv.ParseBool: parsing "{text}": invalid syntax')


# -- Go's encoding/json, as far as its errors reach a client -----------------------------------


def _decode_body(request):
    if not request.body and "Transfer-Encoding" not in request.headers:
        raise CodedError(400, "Request body is empty")
    text = request.body.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise CodedError(400, "EOF")
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text) or "Unterminated string" in error.msg:
            raise CodedError(400, "unexpected EOF") from None
        raise CodedError(400, f"invalid character {text[error.pos]!r} looking for beginning of "
                         "value") from None
    return value


def _go_type(value):
    for kinds, name in ((bool, "bool"), (str, "string"), ((int, float), "number"), (list, "array"),
                        (dict, "object")):
        if isinstance(value, kinds):
            return name
    return "null"


def _field(body, name):
    """Go takes an exact key, else one that differs in case."""
    if name in body:
        return body[name]
    for key, value in body.items():
        if key.lower() == name.lower():
            return value
    return None


def _bytes_field(body, name):
    value = _field(body, name)
    if value is None:
        return b""
    if not isinstance(value, str):
        raise CodedError(400, f"json: cannot unmarshal {_go_type(value)} into Go struct field "
                         f"JobDispatchRequest.{name} of type []uint8")
    text = value.replace("\r", "").replace("\n", "")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        alphabet = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        at = next((index for index, character in enumerate(text) if character not in alphabet),
                  len(text) // 4 * 4)
        raise CodedError(400, f"illegal base64 data at input byte {at}") from None


def _string_map_field(body, name):
    value = _field(body, name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise CodedError(400, f"json: cannot unmarshal {_go_type(value)} into Go struct field "
                         f"JobDispatchRequest.{name} of type map[string]string")
    for item in value.values():
        if not isinstance(item, str):
            raise CodedError(400, f"json: cannot unmarshal {_go_type(item)} into Go struct field "
                             f"JobDispatchRequest.{name} of type string")
    return dict(value)


def main():
    parser = program.parser("A stand-in for Nomad's HTTP API.")
    parser.add_argument("--token", action="append",
                        help="an ACL token that is good; without any, ACLs are off")
    parser.add_argument("--job", action="append", default=[], metavar="ID",
                        help="a parameterized job with a required payload and the meta keys "
                        f"{', '.join(META_REQUIRED)}")
    parser.add_argument("--meta-optional", action="append", default=[], metavar="KEY",
                        help="a further meta key that the jobs declare")
    parser.add_argument("--region", default="global")
    arguments = parser.parse_args()
    jobs = [ParameterizedJob(job_id, payload="required", meta_required=META_REQUIRED,
                             meta_optional=arguments.meta_optional) for job_id in arguments.job]
    return program.run(Nomad(jobs=jobs, tokens=arguments.token, region=arguments.region,
                             **program.server_options(arguments)))


if __name__ == "__main__":
    program.main(main)
