"""What GitHub's OpenAPI description says about the requests of every route: the parameters of its
query and the members of its body. A request that does not fit is answered 422, as GitHub answers
it, and kept as text, so that a test can say that there was none.

After github/rest-api-description, descriptions/api.github.com/api.github.com.2022-11-28
(info.version 1.1.4, of 2026); the enterprise paths after descriptions/ghec of the same. Paths are
written as there.

The stand-in is stricter on purpose: GitHub ignores parameters that it does not know, takes a
per_page over 100 for 100, and lets most bodies have members that mean nothing. A client that sends
such a thing has made a mistake which GitHub would not tell it of.
"""

import json

STRING = {"type": "string"}
BOOLEAN = {"type": "boolean"}
INTEGER = {"type": "integer"}
STRINGS = {"type": "array", "items": STRING}


def one_of(*values):
    return {"type": "string", "enum": values}


def an_object(required=(), **members):
    return {"type": "object", "required": required, "properties": members}


PER_PAGE = {"per_page": {"type": "integer", "minimum": 1, "maximum": 100}}
PAGES = {**PER_PAGE, "page": {"type": "integer", "minimum": 1}}
DIRECTION = {"direction": one_of("asc", "desc")}
SORT = {"sort": one_of("created", "updated", "pushed", "full_name"), **DIRECTION}
NOTHING = ({}, None)  # no parameters, and a body that nobody reads
DELIVERIES = ({**PER_PAGE, "cursor": STRING, "status": one_of("success", "failure")}, None)

INSECURE_SSL = {"type": ("string", "number"), "enum": ("0", "1", 0, 1)}
CONTENT_TYPE = one_of("json", "form")
CONFIG = {"url": STRING, "content_type": CONTENT_TYPE, "secret": STRING,
          "insecure_ssl": INSECURE_SSL}
EVENTS = {"events": STRINGS, "active": BOOLEAN}
LEVEL = one_of("read", "write", "admin")

# In app-permissions of the description, what runhook can have a use for, and its neighbours.
PERMISSIONS = an_object(**dict.fromkeys((
    "actions", "administration", "checks", "contents", "deployments", "environments", "issues",
    "metadata", "pull_requests", "repository_hooks", "secrets", "statuses", "workflows", "members",
    "organization_administration", "organization_hooks", "organization_self_hosted_runners"),
    LEVEL))

JIT = an_object(("name", "runner_group_id", "labels"),
                name={"type": "string", "minLength": 1, "maxLength": 64}, runner_group_id=INTEGER,
                labels={**STRINGS, "minItems": 1, "maxItems": 100}, work_folder=STRING)

RUN_STATUSES = ("completed", "action_required", "cancelled", "failure", "neutral", "skipped",
                "stale", "success", "timed_out", "in_progress", "queued", "requested", "waiting",
                "pending")
AFFILIATIONS = {"type": "string", "list_of": ("owner", "collaborator", "organization_member")}

REPOSITORY, ORGANIZATION = "/repos/{owner}/{repo}", "/orgs/{org}"
ENTERPRISE, RUNS = "/enterprises/{enterprise}", "/repos/{owner}/{repo}/actions/runs"

# (method, path) -> (parameters of the query, body)
SCHEMAS = {
    ("GET", "/app"): NOTHING,
    ("GET", "/app/installations"): ({**PAGES, "since": STRING, "outdated": STRING}, None),
    ("GET", "/app/installations/{installation_id}"): NOTHING,
    ("POST", "/app/installations/{installation_id}/access_tokens"): (
        {}, an_object(repositories=STRINGS, permissions=PERMISSIONS,
                      repository_ids={"type": "array", "items": INTEGER})),
    ("GET", "/installation/repositories"): (PAGES, None),
    ("GET", f"{REPOSITORY}/installation"): NOTHING,
    ("GET", f"{ORGANIZATION}/installation"): NOTHING,
    ("GET", f"{ENTERPRISE}/installation"): NOTHING,
    ("GET", "/users/{username}/installation"): NOTHING,

    ("GET", "/meta"): NOTHING,
    ("GET", "/rate_limit"): NOTHING,
    ("GET", "/user"): NOTHING,
    ("GET", "/user/repos"): (
        {**PAGES, **SORT, "visibility": one_of("all", "public", "private"),
         "affiliation": AFFILIATIONS, "type": one_of("all", "owner", "public", "private", "member"),
         "since": STRING, "before": STRING}, None),
    ("GET", "/users/{username}"): NOTHING,
    ("GET", "/users/{username}/repos"): (
        {**PAGES, **SORT, "type": one_of("all", "owner", "member")}, None),
    ("GET", f"{ORGANIZATION}/repos"): (
        {**PAGES, **SORT,
         "type": one_of("all", "public", "private", "forks", "sources", "member")}, None),
    ("GET", REPOSITORY): NOTHING,

    ("GET", f"{REPOSITORY}/actions/jobs/{{job_id}}"): NOTHING,
    ("GET", RUNS): (
        {**PAGES, "actor": STRING, "branch": STRING, "event": STRING, "created": STRING,
         "status": one_of(*RUN_STATUSES), "exclude_pull_requests": BOOLEAN,
         "check_suite_id": INTEGER, "head_sha": STRING}, None),
    ("GET", f"{RUNS}/{{run_id}}"): ({"exclude_pull_requests": BOOLEAN}, None),
    ("GET", f"{RUNS}/{{run_id}}/jobs"): ({**PAGES, "filter": one_of("latest", "all")}, None),

    ("GET", "/app/hook/config"): NOTHING,
    ("PATCH", "/app/hook/config"): ({}, an_object(**CONFIG)),
    ("GET", "/app/hook/deliveries"): DELIVERIES,
    ("GET", "/app/hook/deliveries/{delivery_id}"): NOTHING,
    ("POST", "/app/hook/deliveries/{delivery_id}/attempts"): NOTHING,
    ("POST", f"{REPOSITORY}/hooks"): (
        {}, an_object(name=one_of("web"), config=an_object(**CONFIG), **EVENTS)),
    ("PATCH", f"{REPOSITORY}/hooks/{{hook_id}}"): (
        {}, an_object(config=an_object(**CONFIG), add_events=STRINGS, remove_events=STRINGS,
                      **EVENTS)),
    ("POST", f"{ORGANIZATION}/hooks"): (
        {}, an_object(("name", "config"), name=one_of("web"),
                      config=an_object(("url",), username=STRING, password=STRING, **CONFIG),
                      **EVENTS)),
    ("PATCH", f"{ORGANIZATION}/hooks/{{hook_id}}"): (
        {}, an_object(name=one_of("web"), config=an_object(("url",), **CONFIG), **EVENTS)),
}
for place in (REPOSITORY, ORGANIZATION):
    hook = f"{place}/hooks/{{hook_id}}"
    SCHEMAS.update({
        ("GET", f"{place}/hooks"): (PAGES, None),
        ("GET", hook): NOTHING,
        ("DELETE", hook): NOTHING,
        ("POST", f"{hook}/pings"): NOTHING,
        ("GET", f"{hook}/config"): NOTHING,
        ("PATCH", f"{hook}/config"): ({}, an_object(**CONFIG)),
        ("GET", f"{hook}/deliveries"): DELIVERIES,
        ("GET", f"{hook}/deliveries/{{delivery_id}}"): NOTHING,
        ("POST", f"{hook}/deliveries/{{delivery_id}}/attempts"): NOTHING,
    })
for place in (REPOSITORY, ORGANIZATION, ENTERPRISE):
    SCHEMAS.update({
        ("GET", f"{place}/actions/runners"): ({**PAGES, "name": STRING}, None),
        ("GET", f"{place}/actions/runners/{{runner_id}}"): NOTHING,
        ("DELETE", f"{place}/actions/runners/{{runner_id}}"): NOTHING,
        ("POST", f"{place}/actions/runners/registration-token"): NOTHING,
        ("POST", f"{place}/actions/runners/generate-jitconfig"): ({}, JIT),
    })
SCHEMAS["GET", f"{ORGANIZATION}/actions/runner-groups"] = (
    {**PAGES, "visible_to_repository": STRING}, None)
SCHEMAS["GET", f"{ENTERPRISE}/actions/runner-groups"] = (
    {**PAGES, "visible_to_organization": STRING}, None)

_TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list,
          "object": dict}


def fault_of_query(parameters, query):
    """What is wrong with pairs of names and texts, or None."""
    seen = set()
    for name, text in query:
        if name not in parameters:
            return f'"{name}" is not a permitted key.'
        if name in seen:
            return f'"{name}" is there twice.'
        seen.add(name)
        schema = parameters[name]
        fault = fault_of(schema, _from_text(schema, text), name)
        if fault:
            return fault
    return None


def _from_text(schema, text):
    if schema["type"] == "integer" and text.isascii() and text.isdigit():
        return int(text)
    if schema["type"] == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text


def fault_of_body(schema, body):
    """(the object that came, what is wrong with it as text, the status for that). An empty body is
    an object without members."""
    if not body:
        value = {}
    else:
        try:
            value = json.loads(body)
        except ValueError:
            return {}, "Problems parsing JSON", 400
        if not isinstance(value, dict):
            return {}, "Body should be a JSON object", 400
    if schema is None:
        return {}, None, None
    fault = fault_of(schema, value, "")
    return value, fault, 422 if fault else None


def fault_of(schema, value, name):
    """What is wrong with a value, in words like GitHub's, or None. Covers what is used above."""
    types = schema["type"] if isinstance(schema["type"], tuple) else (schema["type"],)
    if not any(_is(value, each) for each in types):
        return f"For '{name}', {json.dumps(value)} is not a{_n(types[0])} {types[0]}."
    choices = schema.get("enum")
    if choices and value not in choices:
        return f"For '{name}', {json.dumps(value)} is not a possible value. Must be one of " \
               f"the following: {', '.join(map(str, choices))}."
    if "list_of" in schema and set(value.split(",")) - set(schema["list_of"]):
        return f"For '{name}', {json.dumps(value)} is not a list of {schema['list_of']}."
    if isinstance(value, (int, float)) and not (
            schema.get("minimum", value) <= value <= schema.get("maximum", value)):
        return f"For '{name}', {value} is out of range."
    for word, what in (("Length", "characters"), ("Items", "items")):
        if isinstance(value, (str, list)):
            least, most = schema.get(f"min{word}", 0), schema.get(f"max{word}")
            if len(value) < least or (most is not None and len(value) > most):
                return f"For '{name}', {len(value)} {what} are too " \
                       f"{'few' if len(value) < least else 'many'}."
    if isinstance(value, list):
        return next((fault for index, item in enumerate(value)
                     if (fault := fault_of(schema["items"], item, f"{name}/{index}"))), None)
    return _fault_of_members(schema, value, name) if isinstance(value, dict) else None


def _fault_of_members(schema, value, name):
    for missing in (key for key in schema["required"] if key not in value):
        return f"Invalid input: object is missing required key: {missing}."
    for key, member in value.items():
        if key not in schema["properties"]:
            return f'"{key}" is not a permitted key.'
        fault = fault_of(schema["properties"][key], member, f"{name}/{key}".strip("/"))
        if fault:
            return fault
    return None


def _is(value, kind):
    # In Python True is an integer, and in JSON it is none.
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _n(word):
    return "n" if word[0] in "aeiou" else ""
