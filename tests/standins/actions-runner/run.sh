#!/bin/bash
# Stands in for actions/runner's run.sh: runs one job, which is to look for the credential in every
# place that a step of a workflow can reach, and records what it found.
#
# RUN_DOES: "job" (a job, then deregistered by GitHub), "crash" (ends before it gets a job), "fail"
# (the same, and says so by its status), or "idle" (waits for a job until it is interrupted).
# RUN_HOLDS: a file; the job takes until it exists.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

record() {
    jq -cn --arg event "$1" --arg found "${2:-}" --arg jit "${ACTIONS_RUNNER_INPUT_JITCONFIG:-}" \
        '{program: "run.sh", event: $event, arguments: $ARGS.positional, jit_config: $jit, found: $found}' \
        --args -- "${arguments[@]}" >>"$STANDIN_RECORD"
}

# Sets $session to that of a process, without a process of its own: there may be many to ask.
session_of() {
    local stat fields
    session=
    { read -r stat <"$1/stat"; } 2>/dev/null || return 0
    read -ra fields <<<"${stat##*) }"
    session=${fields[3]}
}

# A step runs as the runner's user, below the runner: it can read the runner's files and those of
# the task, and the arguments and the environment of every process of its user. Those of the task
# share a session.
look_for_credential() {
    local process session own needle='credential-[0-9a-f]+'
    env | grep -E "$needle" | sed 's/^/step environment: /' || true
    grep -rlE "$needle" "$NOMAD_TASK_DIR" "$NOMAD_ALLOC_DIR" . 2>/dev/null | sed 's/^/file: /' || true
    session_of /proc/self
    own=$session
    for process in /proc/[0-9]*; do
        session_of "$process"
        [[ $session == "$own" ]] || continue
        if tr '\0' '\n' <"$process/cmdline" 2>/dev/null | grep -qE "^$needle"; then
            echo "arguments of ${process##*/}"
        fi
        if tr '\0' '\n' <"$process/environ" 2>/dev/null | grep -qE "=$needle"; then
            echo "environment of ${process##*/}"
        fi
    done
}

arguments=("$@")
interrupted=
trap 'interrupted=yes' INT
trap 'kill -INT $$' TERM # as the real one does with RUNNER_MANUALLY_TRAP_SIG

# With a just-in-time configuration the real one writes these files from it and then drops it.
if [[ -n ${ACTIONS_RUNNER_INPUT_JITCONFIG:-} ]]; then
    record started
    unset ACTIONS_RUNNER_INPUT_JITCONFIG
    echo jit >.runner
else
    record started
fi
[[ -e .runner ]] || { echo "Not configured." >&2; exit 1; }
umask >"$STANDIN_RECORD.umask"

case ${RUN_DOES:-job} in
crash) exit 0 ;; # the real one hides the failures of its listener
fail) exit 3 ;;
idle)
    while [[ -z $interrupted ]]; do sleep 0.05; done
    record interrupted
    exit 0
    ;;
esac

record step "$(look_for_credential)"
while [[ -n ${RUN_HOLDS:-} && ! -e ${RUN_HOLDS:-} ]]; do sleep 0.05; done
rm -f -- "$GITHUB_STANDIN/$(cat .runner)" .runner .credentials .credentials_rsaparams
