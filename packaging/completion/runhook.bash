# Completion of runhook in bash.

# The words that may follow: commands, verbs and options, as `runhook help` has them.
_runhook_words() {
    case $1 in
    serve) echo '--listen' ;;
    check) echo '--online --url --json' ;;
    jobs) echo 'retry forget --json' ;;
    'jobs retry' | 'jobs forget' | 'runners forget') ;;
    runners) echo 'forget --all --json' ;;
    explain) echo '--headers --json' ;;
    hooks) echo 'install list remove ping redeliver addresses' ;;
    'hooks install')
        echo '--url --insecure-url --organization --app --app-of --topic --archived --forks' \
            '--secret --dry-run --json'
        ;;
    'hooks list') echo '--url --insecure-url --organization --topic --archived --forks --json' ;;
    'hooks remove')
        echo '--url --insecure-url --organization --topic --archived --forks --dry-run --json'
        ;;
    'hooks ping') echo '--url --insecure-url --organization --topic --archived --forks --json' ;;
    'hooks redeliver')
        echo '--url --insecure-url --organization --app --app-of --since --topic --archived' \
            '--forks --dry-run --json'
        ;;
    'hooks addresses') echo '--nginx --lighttpd --json --output' ;;
    help) echo 'serve dispatch check jobs runners explain metrics hooks version help' ;;
    '')
        echo 'serve dispatch check jobs runners explain metrics hooks version help' \
            '--config --version --help -h'
        ;;
    esac
}

_runhook() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local said='' i

    COMPREPLY=()
    case $previous in
    --config | --headers | --output)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    --listen | --url | --organization | --app-of | --topic | --since) return ;;
    esac
    # The command, and its verb if it has some: the first words that are neither options nor theirs.
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --config) ((i++)) ;;
        -*) ;;
        *)
            case $said in
            '') said=${COMP_WORDS[i]} ;;
            hooks | jobs | runners) said+=" ${COMP_WORDS[i]}" ;;
            esac
            ;;
        esac
    done
    mapfile -t COMPREPLY < <(compgen -W "$(_runhook_words "$said")" -- "$current")
    if [[ $said == explain ]]; then
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current")
    fi
}

complete -F _runhook runhook
