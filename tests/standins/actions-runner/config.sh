#!/bin/bash
# Stands in for actions/runner's config.sh: registers and removes in the folder $GITHUB_STANDIN,
# one file a runner, and is as strict as the real one. It knows the token by its SHA-256, so that the
# token itself is nowhere but where the script under test puts it.
#
# CONFIG_FAILS: "register" or "remove" fail. CONFIG_WAITS: a file; registering takes until it exists.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

fail() {
    echo "config.sh: $*" >&2
    exit 1
}

jq -cn --arg token "${ACTIONS_RUNNER_INPUT_TOKEN:-}" --arg payload_there "$(ls "$NOMAD_TASK_DIR")" \
    '{program: "config.sh", arguments: $ARGS.positional, token: $token, task_dir: $payload_there}' \
    --args -- "$@" >>"$STANDIN_RECORD"
[[ -n ${ACTIONS_RUNNER_INPUT_TOKEN:-} ]] || fail "no token, and nobody to ask for one"
sum=$(printf '%s' "$ACTIONS_RUNNER_INPUT_TOKEN" | sha256sum | cut -d' ' -f1)
[[ $sum == "$GITHUB_STANDIN_TOKEN_SHA256" ]] || fail "Http response code: NotFound"

if [[ ${1:-} == remove ]]; then
    [[ ${CONFIG_FAILS:-} != remove ]] || fail "Failed: Removing runner from the server"
    if [[ ! -e .runner ]]; then
        echo "Cannot connect to server, because config files are missing."
        exit 0
    fi
    rm -f -- "$GITHUB_STANDIN/$(cat .runner)" .runner .credentials .credentials_rsaparams
    echo "Runner removed successfully"
    exit 0
fi

[[ ! -e .runner ]] || fail "Cannot configure the runner because it is already configured."
[[ ${CONFIG_FAILS:-} != register ]] || fail "Http response code: ServiceUnavailable"
name='' replace='' labels='' no_default_labels=''
while [[ $# -gt 0 ]]; do
    case $1 in
    --name) name=$2; shift ;;
    --labels) labels=$2; shift ;;
    --url | --work | --runnergroup) shift ;;
    --replace) replace=yes ;;
    --no-default-labels) no_default_labels=yes ;;
    --unattended | --ephemeral | --disableupdate) ;;
    *) fail "Unrecognized command-line input argument: '$1'" ;;
    esac
    shift
done
[[ -n $name ]] || fail "no name"
[[ -n $labels || -z $no_default_labels ]] || fail "--no-default-labels without --labels"
[[ ! -e $GITHUB_STANDIN/$name || -n $replace ]] || fail "A runner exists with the same name $name."
if [[ -n ${CONFIG_WAITS:-} ]]; then
    : >"$CONFIG_WAITS.reached"
    until [[ -e $CONFIG_WAITS ]]; do sleep 0.05; done
fi
echo "$labels" >"$GITHUB_STANDIN/$name"
echo "$name" >.runner
echo "{}" >.credentials
echo "{}" >.credentials_rsaparams
echo "Runner successfully added"
