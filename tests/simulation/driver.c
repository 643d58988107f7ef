/*
 * The program under simulation: runhook's receiver and dispatcher without a socket, a thread or a
 * clock of their own, driven by commands on standard input, one JSON line of answer each:
 *
 *     deliver LEN EVENT GUID SIGNATURE   and LEN bytes: a webhook delivery, answered
 *     work                               everything that is due now
 *     work N before|after                likewise, killed around the N-th write to the ledger
 *
 * Time is a number of milliseconds in a file that it maps; what the program takes for random comes
 * from a seed. So a run is determined by what drives it, and can be played again.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <sqlite3.h>

#include "clock/clock.h"
#include "commands/common.h"
#include "dispatch/dispatcher.h"
#include "ledger/gate.h"
#include "serve/webhook.h"

/* Of real time: what takes longer hangs. */
#define WORK_MS 20000

/* The linker puts these in place of the real ones: see CMakeLists.txt. */
int64_t __wrap_clock_now_ms(void);
int64_t __wrap_clock_boot_ms(void);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned int flags);
enum ledger_error __wrap_ledger_write(struct ledger *ledger, ledger_work work, void *arg,
                                      struct rh_reason *reason);
enum ledger_error __real_ledger_write(struct ledger *ledger, ledger_work work, void *arg,
                                      struct rh_reason *reason);
void __wrap_ledger_write_all(struct ledger *ledger, struct ledger_item *items, size_t len);
void __real_ledger_write_all(struct ledger *ledger, struct ledger_item *items, size_t len);

/* What stands behind the functions above, which have no argument to hand it in. */
static const volatile int64_t *now_ms;
static uint64_t random_state;
static long writes_to_live; /* 0: for ever */
static bool dies_after;

int64_t
__wrap_clock_now_ms(void)
{
    return *now_ms;
}

int64_t
__wrap_clock_boot_ms(void)
{
    return *now_ms;
}

/* Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (SplitMix64). */
static uint64_t
next_random(void)
{
    uint64_t mixed = random_state += 0x9e3779b97f4a7c15;

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

static void
fill_random(unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)next_random();
}

ssize_t
__wrap_getrandom(void *bytes, size_t len, unsigned int flags)
{
    (void)flags;
    fill_random(bytes, len);
    return (ssize_t)len;
}

static int
sqlite_random(sqlite3_vfs *vfs, int len, char *bytes)
{
    (void)vfs;
    fill_random((unsigned char *)bytes, (size_t)len);
    return len;
}

/* Before a write, and after it, is when a death counts. Returns whether this is the last write. */
static bool
begin_write(void)
{
    bool is_last = writes_to_live > 0 && --writes_to_live == 0;

    if (is_last && !dies_after)
        (void)raise(SIGKILL);
    return is_last;
}

enum ledger_error
__wrap_ledger_write(struct ledger *ledger, ledger_work work, void *arg, struct rh_reason *reason)
{
    bool is_last = begin_write();
    enum ledger_error error = __real_ledger_write(ledger, work, arg, reason);

    if (is_last)
        (void)raise(SIGKILL);
    return error;
}

/* Called from outside: ledger_write's own use of it is within one object, and not wrapped. */
void
__wrap_ledger_write_all(struct ledger *ledger, struct ledger_item *items, size_t len)
{
    bool is_last = begin_write();

    __real_ledger_write_all(ledger, items, len);
    if (is_last)
        (void)raise(SIGKILL);
}

static bool
map_clock(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *mapped = MAP_FAILED;

    if (fd >= 0) {
        mapped = mmap(NULL, sizeof *now_ms, PROT_READ, MAP_SHARED, fd, 0);
        (void)close(fd);
    }
    now_ms = mapped == MAP_FAILED ? NULL : mapped;
    return now_ms != NULL;
}

/* One delivery, as the web server would hand it over. */
struct delivery {
    char length[24], event[64], guid[80], signature[128];
    const char *body;
    size_t left;
};

static const char *
variable(const void *arg, const char *name)
{
    const struct delivery *delivery = arg;
    const char *const pairs[][2] = {{"REQUEST_METHOD", "POST"},
                                    {"REQUEST_URI", "/github/webhook"},
                                    {"REMOTE_ADDR", "192.0.2.1"},
                                    {"CONTENT_TYPE", "application/json"},
                                    {"CONTENT_LENGTH", delivery->length},
                                    {"HTTP_X_GITHUB_EVENT", delivery->event},
                                    {"HTTP_X_GITHUB_DELIVERY", delivery->guid},
                                    {"HTTP_X_HUB_SIGNATURE_256", delivery->signature}};

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (strcmp(pairs[i][0], name) == 0)
            return pairs[i][1];
    }
    return NULL;
}

static int
give(void *arg, char *bytes, size_t cap)
{
    struct delivery *delivery = arg;
    size_t len = delivery->left < cap ? delivery->left : cap;

    memcpy(bytes, delivery->body, len);
    delivery->body += len;
    delivery->left -= len;
    return (int)len;
}

static bool
deliver(const struct webhook *webhook, const char *line)
{
    struct delivery delivery = {0};
    struct request request = {.source = &delivery, .variable = variable, .read = give};
    struct answer answer;
    char *body;

    if (sscanf(line, "deliver %zu %63s %79s %127s", &delivery.left, delivery.event, delivery.guid,
               delivery.signature) != 4 ||
        (body = malloc(delivery.left + 1)) == NULL)
        return false;
    if (fread(body, 1, delivery.left, stdin) != delivery.left) {
        free(body);
        return false;
    }
    delivery.body = body;
    (void)snprintf(delivery.length, sizeof delivery.length, "%zu", delivery.left);
    webhook_answer(webhook, &request, &answer);
    (void)printf("{\"status\":%d,\"outcome\":\"%s\"}\n", answer_http_status(answer.outcome),
                 answer_status_text(answer.outcome));
    answer_fini(&answer);
    free(body);
    return true;
}

static bool
work(struct dispatcher *dispatcher, const char *line)
{
    char when[8] = "";
    int64_t failed;

    writes_to_live = 0;
    if (sscanf(line, "work %ld %7s", &writes_to_live, when) == 2)
        dies_after = strcmp(when, "after") == 0;
    failed = dispatcher_drain(dispatcher, clock_monotonic_ms() + WORK_MS);
    writes_to_live = 0;
    (void)printf("{\"failed\":%" PRId64 "}\n", failed);
    return true;
}

static int
obey(const struct workplace *place, struct dispatcher *dispatcher)
{
    const struct webhook webhook = workplace_webhook(place);
    char *line = NULL;
    size_t line_cap = 0;
    bool understood = true;

    while (understood && getline(&line, &line_cap, stdin) > 0) {
        if (strncmp(line, "deliver ", 8) == 0)
            understood = deliver(&webhook, line);
        else if (strncmp(line, "work", 4) == 0)
            understood = work(dispatcher, line);
        else
            understood = false;
        (void)fflush(stdout);
    }
    free(line);
    return understood ? EXIT_DONE : EXIT_USAGE;
}

int
main(int argc, char **argv)
{
    struct dispatcher *dispatcher = NULL;
    struct workplace place;
    struct rh_reason reason;
    int status = EXIT_FAILED;

    if (argc != 4 || !map_clock(argv[2])) {
        (void)fprintf(stderr, "usage: %s CONFIG CLOCK SEED\n", argv[0]);
        return EXIT_USAGE;
    }
    random_state = strtoull(argv[3], NULL, 10);
    sqlite3_vfs_find(NULL)->xRandomness = sqlite_random;
    (void)signal(SIGPIPE, SIG_IGN);
    if (!workplace_open(&place, &(struct invocation){.config_path = argv[1]}))
        goto out;
    if (ledger_become_owner(place.ledger, &reason) != LEDGER_OK ||
        ledger_write(place.ledger, gate_ask_anew, NULL, &reason) != LEDGER_OK) {
        (void)fprintf(stderr, "%s: %s\n", argv[0], reason.text);
        goto out;
    }
    dispatcher = dispatcher_new(place.setups, place.ledger, place.log, NULL);
    if (dispatcher != NULL)
        status = obey(&place, dispatcher);
out:
    dispatcher_free(dispatcher);
    workplace_close(&place);
    return status;
}
