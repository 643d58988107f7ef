/*
 * The filter of system calls.
 * SPDX-License-Identifier: MIT
 */
#include "harden/filter.h"

#include <stdio.h>

#ifdef RUNHOOK_SECCOMP
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>

#include "harden/refused.h"

/* libseccomp's level of a kernel that puts a filter on all threads at once (3.17). */
#define API_ALL_THREADS 2

/* What libseccomp says of a failure: a negated errno. */
static bool
fail(struct rh_reason *reason, const char *what, int result)
{
    (void)snprintf(reason->text, sizeof reason->text, "%s: %s", what, strerror(-result));
    return false;
}

/* A call that this architecture, or this libseccomp, does not know cannot be refused, nor made. */
static bool
add_rule(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned count,
         const struct scmp_arg_cmp *conditions, struct rh_reason *reason)
{
    int call = seccomp_syscall_resolve_name(name), result = 0;

    if (call != __NR_SCMP_ERROR)
        result = seccomp_rule_add_array(filter, action, call, count, conditions);
    return result == 0 || fail(reason, name, result);
}

static bool
is_permitted(int family)
{
    for (size_t i = 0; i < permitted_families_len; i++) {
        if (permitted_families[i] == family)
            return true;
    }
    return false;
}

/* One by one, and not "all above": a caller may leave anything in the upper half of a register
 * that holds an int, and a comparison would see that. */
static bool
refuse_families(scmp_filter_ctx filter, struct rh_reason *reason)
{
    for (int family = AF_UNSPEC + 1; family < AF_MAX; family++) {
        const struct scmp_arg_cmp is_it =
            SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)family);

        if (!is_permitted(family) &&
            !add_rule(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 1, &is_it, reason))
            return false;
    }
    return true;
}

static bool
refuse_calls(scmp_filter_ctx filter, struct rh_reason *reason)
{
    for (const char *const *name = refused_calls; *name != NULL; name++) {
        if (!add_rule(filter, SCMP_ACT_ERRNO(EPERM), *name, 0, NULL, reason))
            return false;
    }
    for (size_t i = 0; i < refused_arguments_len; i++) {
        const struct refused_argument *refused = &refused_arguments[i];
        const struct scmp_arg_cmp is_it = {.arg = refused->argument,
                                           .op = SCMP_CMP_MASKED_EQ,
                                           .datum_a = refused->mask,
                                           .datum_b = refused->value};

        if (!add_rule(filter, SCMP_ACT_ERRNO(EPERM), refused->call, 1, &is_it, reason))
            return false;
    }
    return refuse_families(filter, reason);
}

/* The flags of clone3 are behind a pointer, where no filter can look. To a kernel without it
 * (before 5.3) glibc falls back to clone. */
static bool
hide_clone3(scmp_filter_ctx filter, struct rh_reason *reason)
{
    return add_rule(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL, reason);
}

/* What comes by another architecture's table of calls (i386 and x32 on x86_64) would pass by every
 * rule. No library that is loaded here can do that: only somebody who evades a filter does. */
static bool
load_filter(bool (*fill)(scmp_filter_ctx, struct rh_reason *), bool is_logged,
            struct rh_reason *reason)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool loaded = false;
    int result;

    if (filter == NULL)
        return fail(reason, "seccomp_init", -ENOMEM);
    result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (result != 0) {
        (void)fail(reason, "seccomp_attr_set", result);
        goto out;
    }
    /* Refusals in the kernel's log are a help, which a kernel before 4.14 does not give. */
    if (is_logged)
        (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    if (!fill(filter, reason))
        goto out;
    result = seccomp_load(filter);
    loaded = result == 0 || fail(reason, "seccomp_load", result);
out:
    seccomp_release(filter);
    return loaded;
}

bool
filter_is_possible(struct rh_reason *reason)
{
    if (seccomp_api_get() >= API_ALL_THREADS)
        return true;
    (void)snprintf(reason->text, sizeof reason->text,
                   "this kernel, or what confines this process, takes no seccomp filter");
    return false;
}

/* Two filters, since every thread that is started tries clone3 first: of these, the kernel's log is
 * to have no line. */
bool
filter_apply(struct rh_reason *reason)
{
    return filter_is_possible(reason) && load_filter(hide_clone3, false, reason) &&
           load_filter(refuse_calls, true, reason);
}

#else

bool
filter_is_possible(struct rh_reason *reason)
{
    (void)snprintf(reason->text, sizeof reason->text, "runhook was built without libseccomp");
    return false;
}

bool
filter_apply(struct rh_reason *reason)
{
    return filter_is_possible(reason);
}

#endif
