/*
 * runhook serve: FastCGI on descriptor 0 or on a socket of our own, or one request of plain CGI.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <runhook/runhook.h>

#include "clock/clock.h"
#include "commands/command.h"
#include "commands/common.h"
#include "commands/reload.h"
#include "config/values.h"
#include "dispatch/dispatcher.h"
#include "harden/filter.h"
#include "ledger/gate.h"
#include "metrics/meter.h"
#include "serve/cgi.h"
#include "serve/fastcgi.h"
#include "serve/listen.h"
#include "serve/webhook.h"

/* From a signal to the exit there are 10 s: first requests, then dispatches, are given these. */
#define STOP_REQUESTS_MS 4000
#define STOP_DISPATCHES_MS 7000
#define STOP_S 9

/* How long plain CGI goes on dispatching after its answer. */
#define CGI_DISPATCH_MS 20000

#define HEAPS_MAX 2

/* Bodies and pages from here on have memory of their own, which is gone with them. */
#define LARGE_BYTES (128 * 1024)

/* So much that is free at a heap's end stays there for the next to need it. */
#define SPARE_BYTES (1024 * 1024)

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* From the beginning to the end: a change of the configuration that is told while the program
 * starts is read once it has started, and one that is told while it stops, or to a CGI program, is
 * for nobody. */
static void
block_hangup(void)
{
    sigset_t hangup;

    (void)sigemptyset(&hangup);
    (void)sigaddset(&hangup, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &hangup, NULL);
}

/* In every thread but the one that waits for them: libfcgi installs handlers of its own, which must
 * not run where a signal is to be waited for. */
static void
block_signals(sigset_t *signals)
{
    (void)sigemptyset(signals);
    (void)sigaddset(signals, SIGTERM);
    (void)sigaddset(signals, SIGINT);
    (void)sigaddset(signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Waits for one of the signals, at most `wait_ms`. 0 where none came. */
static int
wait_for_signal(const sigset_t *signals, int64_t wait_ms)
{
    const struct timespec timeout = {.tv_sec = wait_ms / 1000,
                                     .tv_nsec = (long)(wait_ms % 1000) * 1000000};
    int signal_number = sigtimedwait(signals, NULL, &timeout);

    return signal_number > 0 ? signal_number : 0;
}

static void
wake_dispatcher(const struct answer *answer, void *arg)
{
    if (answer->is_news && answer->outcome == OUTCOME_ACCEPTED)
        dispatcher_wake_for_job(arg);
    else if (answer->is_news)
        dispatcher_wake(arg);
}

/* The last step before the first request, in the one thread that there is by then. Where it cannot
 * be had, it is done without: it is one wall of several, and jobs wait for their runners. */
static bool
filter_syscalls(const struct workplace *place)
{
    struct setup *setup = current_take(place->setups);
    bool is_wanted = setup->config->server.syscall_filter, is_on = false;
    struct rh_reason reason;

    current_return(place->setups, setup);
    if (is_wanted) {
        is_on = filter_apply(&reason);
        if (!is_on)
            log_message(place->log, LOG_LEVEL_WARNING, "syscall_filter",
                        "system calls are not filtered: %s", reason.text);
    }
    return is_on;
}

static void
log_start(const struct workplace *place, const struct listener *listener, bool is_filtered)
{
    struct setup *setup = current_take(place->setups);
    struct log_line line;

    log_begin(&line, LOG_LEVEL_INFO, "listening");
    log_text(&line, "address", listener->address);
    log_text(&line, "version", rh_version());
    log_text(&line, "receiver", ledger_receiver(place->ledger));
    log_number(&line, "pid", getpid());
    log_number(&line, "pools", (int64_t)setup->config->pools_len);
    log_text(&line, "syscall_filter", is_filtered ? "on" : "off");
    log_end(place->log, &line);
    current_return(place->setups, setup);
}

/*
 * The program's last word: what still hangs after STOP_S (a call into the kernel, or a library that
 * does not come back) has nothing to add. Everything that was accepted is on disk, and leases end
 * with the process.
 */
static void
end_the_process(int signal_number)
{
    (void)signal_number;
    _exit(EXIT_DONE);
}

static void
end_in_any_case(void)
{
    (void)signal(SIGALRM, end_the_process);
    (void)alarm(STOP_S);
}

/* Brings into the ledger when the webhook secrets were used. */
static void
note_secrets(const struct workplace *place, enum secret_watch_when when)
{
    struct setup *setup = current_take(place->setups);

    secret_watch_write(setup->secrets, place->ledger, setup->config->server.retention_d * DAY_MS,
                       when);
    current_return(place->setups, setup);
}

/* glibc gives each of some threads a heap of its own, and those keep what was once in use. Here
 * they mostly wait for the disk: a third less memory under load, at no cost that could be measured.
 * And it raises its bound for blocks that are given back at once with the first large one that is
 * freed: from then on the heaps would keep what a flood of large bodies has made of them. With its
 * own bound of 128 KiB, a delivery that is accepted gave back six pages and asked for them again.
 */
static void
bound_heaps(void)
{
    (void)mallopt(M_ARENA_MAX, HEAPS_MAX);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, SPARE_BYTES);
}

/* Runs until a signal asks it to stop. */
static int
run(struct workplace *place, const struct invocation *invocation, const struct listener *listener,
    const sigset_t *signals)
{
    const struct webhook webhook = workplace_webhook(place);
    bool is_filtered = filter_syscalls(place);
    struct dispatcher *dispatcher =
        dispatcher_new(place->setups, place->ledger, place->log, meter_observer(place->meter));
    struct fastcgi *fastcgi = NULL;
    int signal_number = 0, status = EXIT_FAILED;
    int64_t stop_ms;

    meter_start(place->meter); /* before its page can be asked for */
    if (dispatcher == NULL || !dispatcher_start(dispatcher) ||
        (fastcgi = fastcgi_start(&webhook, listener->fd, wake_dispatcher, dispatcher)) == NULL) {
        log_message(place->log, LOG_LEVEL_ERROR, "start", "the threads could not be started: %s",
                    strerror(errno));
    } else {
        log_start(place, listener, is_filtered);
        while (signal_number == 0 || signal_number == SIGHUP) {
            int64_t wait_ms;

            if (signal_number == SIGHUP)
                reload(place, invocation);
            wait_ms = dispatcher_tick(dispatcher);
            fastcgi_tick(fastcgi);
            note_secrets(place, SECRET_WATCH_DUE);
            (void)meter_flush(place->meter, place->ledger, METER_DUE);
            (void)receipts_write(place->receipts, place->ledger, RECEIPTS_DUE, NULL);
            signal_number = wait_for_signal(signals, wait_ms);
        }
        log_message(place->log, LOG_LEVEL_INFO, "stopping", "%s", strsignal(signal_number));
        status = EXIT_DONE;
    }
    stop_ms = clock_monotonic_ms();
    ledger_hurry(place->ledger);
    end_in_any_case();
    fastcgi_stop(fastcgi, stop_ms + STOP_REQUESTS_MS);
    if (dispatcher != NULL)
        dispatcher_stop(dispatcher, stop_ms + STOP_DISPATCHES_MS);
    dispatcher_free(dispatcher);
    note_secrets(place, SECRET_WATCH_ALL);
    (void)meter_flush(place->meter, place->ledger, METER_ALL);
    (void)receipts_write(place->receipts, place->ledger, RECEIPTS_ALL, NULL);
    if (status == EXIT_DONE)
        log_message(place->log, LOG_LEVEL_INFO, "stopped",
                    "everything that was accepted is stored");
    return status;
}

static int
serve_fastcgi(struct workplace *place, const struct invocation *invocation,
              struct listener *listener)
{
    struct rh_reason reason;
    sigset_t signals;
    int status = EXIT_FAILED;

    block_signals(&signals);
    /* Who restarts has perhaps mended something: upstreams that were left alone are asked anew. */
    if (ledger_become_owner(place->ledger, &reason) == LEDGER_OK &&
        ledger_write(place->ledger, gate_ask_anew, NULL, &reason) == LEDGER_OK)
        status = run(place, invocation, listener, &signals);
    else
        (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
    listen_close(listener);
    return status;
}

/* Whether an answer was given to who holds the webhook's secret. */
static bool
is_github(enum outcome outcome)
{
    return outcome == OUTCOME_ACCEPTED || outcome == OUTCOME_DUPLICATE ||
           outcome == OUTCOME_IGNORED || outcome == OUTCOME_PONG;
}

/* Answers, lets the web server have that, and then does what is due. A web server may want to end
 * its CGI program once it has the answer: what is in hand is finished first. */
static int
serve_cgi(const struct workplace *place)
{
    const struct webhook webhook = workplace_webhook(place);
    struct dispatcher *dispatcher;
    struct rh_reason reason;
    struct answer answer;
    sigset_t signals;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)filter_syscalls(place);
    cgi_answer(&webhook, &answer);
    /* From before the web server has the answer: some (lighttpd is one) end their CGI program when
     * they have it. Not from the beginning: one that waits for a body may be ended. */
    block_signals(&signals);
    if (!cgi_reply(&answer))
        log_message(place->log, LOG_LEVEL_WARNING, "answer", "it could not be written");
    note_secrets(place, SECRET_WATCH_ALL);
    (void)receipts_write(place->receipts, place->ledger, RECEIPTS_ONE, NULL);
    answer_fini(&answer);
    (void)meter_flush(place->meter, place->ledger,
                      is_github(answer.outcome) ? METER_ALL : METER_SPARING);
    if (!is_github(answer.outcome))
        return EXIT_DONE; /* strangers do not set anything going */
    if (ledger_become_owner(place->ledger, &reason) != LEDGER_OK) {
        log_message(place->log, LOG_LEVEL_ERROR, "ledger", "%s", reason.text);
        return EXIT_FAILED;
    }
    dispatcher =
        dispatcher_new(place->setups, place->ledger, place->log, meter_observer(place->meter));
    if (dispatcher == NULL)
        return EXIT_FAILED;
    (void)dispatcher_drain(dispatcher, clock_monotonic_ms() + CGI_DISPATCH_MS);
    dispatcher_free(dispatcher);
    (void)meter_flush(place->meter, place->ledger, METER_ALL);
    return EXIT_DONE;
}

/* The answer where not even the configuration can be read: the reason is on standard error alone.
 */
static void
apologize(void)
{
    (void)printf("Status: 503 Service Unavailable\r\nContent-Type: application/json\r\n\r\n"
                 "{\"status\":\"unavailable\",\"reason\":\"runhook cannot start: see the web "
                 "server's error log\"}\n");
    (void)fflush(stdout);
}

/* Where to listen, which the caller frees; NULL where nothing says it. */
static char *
copy_listen(const struct setup *setup)
{
    const char *listen = setup->config->server.listen;

    return listen == NULL ? NULL : strdup(listen);
}

int
command_serve(const struct invocation *invocation, int argc, char **argv)
{
    const char *given = NULL;
    char *address = NULL;
    struct workplace place;
    struct setup *setup = NULL;
    struct listener listener;
    struct rh_reason reason;
    bool is_cgi = !listen_inherited() && cgi_started();
    bool listens = false;
    int status = EXIT_FAILED;

    block_hangup();
    bound_heaps();
    if (argc == 3 && strcmp(argv[1], "--listen") == 0)
        given = argv[2];
    else if (argc != 1)
        return command_usage(command_find("serve"),
                             "serve takes --listen ADDRESS and nothing else");
    if (given != NULL && !value_listen(given, &address, &reason))
        return command_usage(command_find("serve"), "--listen %s", reason.text);
    if (!workplace_open(&place, invocation)) {
        if (is_cgi)
            apologize();
        goto out;
    }
    setup = current_take(place.setups);
    if (address == NULL)
        address = copy_listen(setup);
    if (is_cgi) {
        status = serve_cgi(&place);
    } else if (given == NULL && listen_inherited()) {
        listen_inherit(&listener);
        listens = true;
    } else if (address == NULL) {
        status = command_usage(command_find("serve"),
                               "descriptor 0 is no FastCGI socket: start it from a web server or "
                               "spawn-fcgi, or say --listen unix:PATH or HOST:PORT");
    } else {
        listens = listen_open(address, &setup->config->server, &listener, &reason);
        if (!listens)
            (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
    }
    current_return(place.setups, setup); /* it may be replaced while the program serves */
    if (listens)
        status = serve_fastcgi(&place, invocation, &listener);
out:
    workplace_close(&place);
    free(address);
    return status;
}
