#!/bin/bash
# One GitHub Actions runner for one job, from the payload that runhook dispatched.
#
#   run-runner.sh run      the main task: register as ephemeral, run one job
#   run-runner.sh remove   the poststop task: take away the registration if one is left
#
# No step of a workflow may read the registration token, which would let it register runners of its
# own. So the file is gone before anything of the runner starts; the token is never an argument; it
# is in the environment of config.sh alone; and only the subshell that starts config.sh ever holds
# it in memory, which is over before run.sh begins.
#
# That leaves nothing to remove the registration with, and a trap in here could not help when the
# task is killed hard or runs out of memory. Nomad can: it starts the poststop task whatever became
# of the main one, in a container of its own where no step's leftovers run, and writes the payload
# anew for it. A registration whose job has run needs none of this, GitHub has removed it by then.
#
# Environment: NOMAD_TASK_DIR and NOMAD_ALLOC_DIR (from Nomad)
#   RUNNER_HOME      where config.sh and run.sh are (/home/runner)
#   RUNNER_SOURCE    copy the runner from here to RUNNER_HOME first (nothing is copied)
#   RUNNER_WORK_DIR  where jobs are checked out, from RUNNER_HOME (_work)
set -euo pipefail

payload=${NOMAD_TASK_DIR:?}/payload.json
# Seen by both tasks. A step can write it or delete it, and gains nothing: one removal too many or
# too few, and runhook looks the name up as well, once this is all over.
registered=${NOMAD_ALLOC_DIR:?}/data/registered
runner_home=${RUNNER_HOME:-/home/runner}

# run.sh then passes signals on, so that the runner can cancel its job in good order.
export RUNNER_MANUALLY_TRAP_SIG=1

say() {
    printf 'run-runner: %s\n' "$*"
}

die() {
    say "$*"
    exit 1
}

# field NAME: a text of the payload, empty if it has none.
field() {
    jq -r --arg name "$1" '.[$name] // "" | strings | select(test("[[:cntrl:]]") | not)' "$payload"
}

# Only in a subshell: takes what the payload says, and removes it from the disk.
take_payload() {
    url=$(field url)
    name=$(field runner_name)
    group=$(field runner_group)
    labels=$(jq -r '.labels // [] | map(strings) | join(",")' "$payload")
    token=$(field token)
    jit_config=$(field jit_config)
    rm -f -- "$payload"
    [[ ! -e $payload ]] || die "cannot remove $payload, so nothing is started"
    [[ $url == http*://* && -n $name && -n $labels ]] ||
        die "the payload lacks url, runner_name or labels"
    [[ -n $token$jit_config ]] || die "the payload has neither token nor jit_config"
}

enter_home() {
    if [[ -n ${RUNNER_SOURCE:-} ]]; then
        mkdir -p -- "$runner_home"
        cp -a -- "$RUNNER_SOURCE/." "$runner_home" || die "cannot copy the runner from $RUNNER_SOURCE"
    fi
    cd -- "$runner_home" || die "there is no runner in $runner_home"
}

# Only in the subshell that took the payload.
configure() {
    ACTIONS_RUNNER_INPUT_TOKEN=$token ./config.sh --unattended --ephemeral --disableupdate \
        --url "$url" --name "$name" --labels "$labels" --no-default-labels \
        ${group:+--runnergroup "$group"} --work "${RUNNER_WORK_DIR:-_work}" "$@"
}

# No --replace: should Nomad ever run this twice, as after a client was cut off, the second one must
# fail here and not take the name away from a runner that is busy.
register() (
    take_payload
    enter_home
    configure
)

start_registered() {
    cd -- "$runner_home"
    exec ./run.sh
}

# A just-in-time configuration is the registration: it goes to run.sh, through the environment,
# since arguments can be seen by every user of the machine. The runner keeps what is in it in its
# own folder, as it keeps its keys after config.sh. It is of use to nobody else, and GitHub ends it
# with the job.
start_just_in_time() {
    take_payload
    enter_home
    export ACTIONS_RUNNER_INPUT_JITCONFIG=$jit_config
    exec ./run.sh
}

runner_pid=
stopping=
stop() {
    stopping=yes
    [[ -z $runner_pid ]] || kill -TERM "$runner_pid" 2>/dev/null || true
}

run() {
    local start=start_registered status
    trap stop TERM INT
    [[ -w ${registered%/*} ]] || die "cannot write to ${registered%/*}"

    # Job control: what a shell without it starts in the background ignores SIGINT for good, and
    # that is the signal by which run.sh ends the runner.
    set -m

    if [[ -n $(jq -r '.jit_config // empty | "yes"' "$payload") ]]; then
        start=start_just_in_time
    else
        # A stop that comes meanwhile waits until config.sh is done, so that what is registered is
        # always known to be.
        register || die "the runner could not be registered"
    fi
    : >"$registered"
    [[ -z $stopping ]] || exit 143

    ("$start") </dev/null &
    runner_pid=$!
    [[ -z $stopping ]] || stop
    while :; do
        status=0
        wait "$runner_pid" || status=$?
        # A signal ends the wait early.
        kill -0 "$runner_pid" 2>/dev/null || break
    done

    # After its job an ephemeral runner deletes its settings.
    [[ $status -eq 0 && ! -e $runner_home/.runner ]] ||
        die "the runner ended with status $status and ran no job to its end"
    rm -f -- "$registered"
}

# `config.sh remove` reads from .runner whom to talk to, and a step could have written there what it
# likes. So nothing of the main task is used: take the registration over by its name, then remove it.
unregister() (
    take_payload
    enter_home
    configure --replace || exit 1
    for pause in 1 2 0; do
        ! ACTIONS_RUNNER_INPUT_TOKEN=$token ./config.sh remove || exit 0
        sleep "$pause"
    done
    exit 1
)

remove() {
    if [[ ! -e $registered ]]; then
        rm -f -- "$payload"
        say "no registration is left"
    elif [[ -n $(jq -r '.jit_config // empty | "yes"' "$payload") ]]; then
        rm -f -- "$payload"
        say "a just-in-time registration may be left; only GitHub's API can remove it, and runhook does"
    elif unregister; then
        rm -f -- "$registered"
        say "the registration is removed"
    else
        die "a registration may be left: runhook removes it, or GitHub after a day offline"
    fi
}

case ${1:-} in
run | remove) "$1" ;;
*) die "usage: run-runner.sh run|remove" ;;
esac
