/*
 * Each test looks from a child process: a filter is never taken off again.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harden/filter.h"
#include "harden/refused.h"

/* What a pointer or a descriptor never is: no call that is let through does anything with it. */
#define NOTHING (-1L)

/* What an int in a register may have above it. */
#define GARBAGE (INT64_C(0x5eed) << 32)

#define NOT_FILTERED 99

/* Runs `look` in a child under the filter; its result is the child's exit status. */
static int
status_of(int (*look)(void))
{
    struct rh_reason reason;
    int status = -1;
    pid_t child;

    if (!filter_is_possible(&reason)) {
        print_message("%s\n", reason.text);
        skip();
    }
    child = fork();
    if (child == 0) {
        if (filter_apply(&reason))
            _exit(look());
        (void)fprintf(stderr, "%s\n", reason.text);
        _exit(NOT_FILTERED);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void
assert_good(int status)
{
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool
is_refused(long call, long first, long second, long third, int error)
{
    errno = 0;
    return syscall(call, first, second, third, NOTHING, NOTHING, NOTHING) == -1 && errno == error;
}

/* -- what is refused ------------------------------------------------------------------------- */

static int
look_at_every_name(void)
{
    int let_through = 0;

    for (const char *const *name = refused_calls; *name != NULL; name++) {
        int call = seccomp_syscall_resolve_name(*name);

        if (call >= 0 && !is_refused(call, NOTHING, NOTHING, NOTHING, EPERM)) {
            (void)fprintf(stderr, "%s: %s\n", *name, strerror(errno));
            let_through++;
        }
    }
    return let_through;
}

static void
every_listed_call_is_refused(void **state)
{
    (void)state;
    assert_good(status_of(look_at_every_name));
}

/* By their numbers here, so that no slip of a name in the list goes unseen. */
static int
look_at_known_numbers(void)
{
    static const long calls[] = {
        SYS_execve,  SYS_execveat,    SYS_ptrace,        SYS_process_vm_readv,
        SYS_mount,   SYS_umount2,     SYS_pivot_root,    SYS_chroot,
        SYS_unshare, SYS_setns,       SYS_init_module,   SYS_finit_module,
        SYS_bpf,     SYS_keyctl,      SYS_add_key,       SYS_perf_event_open,
        SYS_setuid,  SYS_setgid,      SYS_setresuid,     SYS_setgroups,
        SYS_capset,  SYS_kexec_load,  SYS_clock_settime, SYS_io_uring_setup,
        SYS_reboot,  SYS_userfaultfd, SYS_pidfd_getfd,   SYS_move_mount,
        SYS_mknodat, SYS_personality, SYS_sethostname,   SYS_open_by_handle_at,
    };
    int let_through = 0;

    for (size_t i = 0; i < COUNT(calls); i++)
        let_through += !is_refused(calls[i], NOTHING, NOTHING, NOTHING, EPERM);
    return let_through;
}

static void
what_an_intruder_wants_next_is_refused(void **state)
{
    (void)state;
    assert_good(status_of(look_at_known_numbers));
}

static int
look_at_a_shell(void)
{
    char shell[] = "/bin/sh", option[] = "-c", command[] = "exit 7";
    char *const arguments[] = {shell, option, command, NULL};

    (void)execv(shell, arguments);
    return errno == EPERM ? 0 : 1;
}

static void
no_program_is_started(void **state)
{
    (void)state;
    assert_good(status_of(look_at_a_shell));
}

static int
look_at_namespaces(void)
{
    static const unsigned long flags[] = {
        CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
        CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET};
    int let_through = 0;

    for (size_t i = 0; i < COUNT(flags); i++) {
        long child;

        errno = 0;
        child = syscall(SYS_clone, flags[i] | SIGCHLD, 0, 0, 0, 0);
        if (child == 0)
            _exit(0);
        let_through += child != -1 || errno != EPERM;
    }
    return let_through + !is_refused(SYS_clone3, NOTHING, 88, 0, ENOSYS);
}

static void
a_child_has_no_namespaces_of_its_own(void **state)
{
    (void)state;
    assert_good(status_of(look_at_namespaces));
}

static int
look_at_sockets(void)
{
    static const int refused[] = {AF_PACKET, AF_ALG,       AF_VSOCK, AF_KEY,
                                  AF_TIPC,   AF_BLUETOOTH, AF_CAN,   AF_XDP};
    int wrong = 0;

    for (size_t i = 0; i < COUNT(refused); i++) {
        wrong += !is_refused(SYS_socket, refused[i], SOCK_RAW, 0, EAFNOSUPPORT);
        wrong += !is_refused(SYS_socket, GARBAGE | refused[i], SOCK_RAW, 0, EAFNOSUPPORT);
    }
    for (size_t i = 0; i < permitted_families_len; i++) {
        errno = 0;
        (void)syscall(SYS_socket, GARBAGE | permitted_families[i], SOCK_DGRAM, 0);
        wrong += errno == EPERM || (errno == EAFNOSUPPORT && permitted_families[i] != AF_INET6);
    }
    return wrong;
}

static void
sockets_are_of_four_families(void **state)
{
    (void)state;
    assert_good(status_of(look_at_sockets));
}

static int
look_at_terminals(void)
{
    return !is_refused(SYS_ioctl, 0, TIOCSTI, NOTHING, EPERM) +
           !is_refused(SYS_ioctl, 0, GARBAGE | TIOCSTI, NOTHING, EPERM) +
           !is_refused(SYS_ioctl, 0, TIOCLINUX, NOTHING, EPERM);
}

static void
nothing_is_typed_into_a_terminal(void **state)
{
    (void)state;
    assert_good(status_of(look_at_terminals));
}

static int
look_at_memory(void)
{
    size_t len = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int wrong = page == MAP_FAILED;

    errno = 0;
    wrong += mprotect(page, len, PROT_READ | PROT_WRITE | PROT_EXEC) == 0 || errno != EPERM;
#ifdef __x86_64__
    errno = 0;
    wrong += mprotect(page, len, PROT_READ | PROT_EXEC) == 0 || errno != EPERM;
#endif
    wrong += mprotect(page, len, PROT_READ) != 0;
    errno = 0;
    wrong += mmap(NULL, len, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                  0) != MAP_FAILED ||
             errno != EPERM;
    return wrong;
}

static void
what_was_written_is_not_run(void **state)
{
    (void)state;
    assert_good(status_of(look_at_memory));
}

#ifdef __x86_64__
static int
call_as_i386(void)
{
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory"); /* getpid */
    return result > 0;
}

/* The one thing that is not answered: no library can have come to it by itself. */
static void
a_call_by_another_table_ends_the_process(void **state)
{
    int status = status_of(call_as_i386);

    (void)state;
    assert_true(WIFSIGNALED(status));
    if (WTERMSIG(status) == SIGSEGV)
        skip(); /* this kernel has no such table */
    assert_int_equal(WTERMSIG(status), SIGSYS);
}
#endif

/* -- where it holds, and what goes on working ------------------------------------------------ */

struct worker {
    sem_t filtered;
    bool refused;
};

static void *
try_to_trace(void *arg)
{
    struct worker *worker = arg;

    (void)sem_wait(&worker->filtered);
    worker->refused = is_refused(SYS_ptrace, NOTHING, NOTHING, NOTHING, EPERM);
    return NULL;
}

/* Of a process with a thread that was there before: 0 where that one is filtered as well. */
static int
filter_with_a_thread(void)
{
    struct worker worker = {.refused = false};
    struct rh_reason reason;
    pthread_t thread;

    if (sem_init(&worker.filtered, 0, 0) != 0 ||
        pthread_create(&thread, NULL, try_to_trace, &worker) != 0)
        return 1;
    if (!filter_apply(&reason))
        return NOT_FILTERED;
    (void)sem_post(&worker.filtered);
    return pthread_join(thread, NULL) != 0 || !worker.refused;
}

static void
threads_that_are_there_are_filtered_too(void **state)
{
    struct rh_reason reason;
    int status = -1;
    pid_t child;

    (void)state;
    if (!filter_is_possible(&reason))
        skip();
    child = fork();
    if (child == 0)
        _exit(filter_with_a_thread());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_good(status);
}

static void *
resolve(void *arg)
{
    struct addrinfo *found = NULL;

    *(int *)arg = getaddrinfo("localhost", "443", NULL, &found);
    if (found != NULL)
        freeaddrinfo(found);
    return NULL;
}

/* As libcurl does it: a name is resolved in a thread, which loads NSS modules. */
static int
look_at_a_resolver(void)
{
    pthread_t thread;
    int result = -1;

    if (pthread_create(&thread, NULL, resolve, &result) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    return result == 0 ? 0 : 2;
}

static void
names_are_resolved_in_threads(void **state)
{
    (void)state;
    assert_good(status_of(look_at_a_resolver));
}

/* A library that nothing has loaded before. */
static int
look_at_loading(void)
{
    void *library = dlopen("libnss_hesiod.so.2", RTLD_NOW);

    if (library == NULL)
        library = dlopen("libanl.so.1", RTLD_NOW);
    if (library == NULL)
        (void)fprintf(stderr, "%s\n", dlerror());
    return library == NULL;
}

static void
libraries_are_loaded(void **state)
{
    (void)state;
    assert_good(status_of(look_at_loading));
}

static int
look_at_privileges(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_SECCOMP) != 2;
}

static void
the_kernel_says_so(void **state)
{
    (void)state;
    assert_good(status_of(look_at_privileges));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_listed_call_is_refused),
        cmocka_unit_test(what_an_intruder_wants_next_is_refused),
        cmocka_unit_test(no_program_is_started),
        cmocka_unit_test(a_child_has_no_namespaces_of_its_own),
        cmocka_unit_test(sockets_are_of_four_families),
        cmocka_unit_test(nothing_is_typed_into_a_terminal),
        cmocka_unit_test(what_was_written_is_not_run),
#ifdef __x86_64__
        cmocka_unit_test(a_call_by_another_table_ends_the_process),
#endif
        cmocka_unit_test(threads_that_are_there_are_filtered_too),
        cmocka_unit_test(names_are_resolved_in_threads),
        cmocka_unit_test(libraries_are_loaded),
        cmocka_unit_test(the_kernel_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
