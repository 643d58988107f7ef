/*
 * How a request can fail.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "text/escape.h"

const char *
upstream_text(enum upstream upstream)
{
    return upstream == UPSTREAM_GITHUB ? "github" : "nomad";
}

const char *
failure_text(enum failure_kind kind)
{
    static const char *const texts[] = {
        [FAILURE_NONE] = "none",
        [FAILURE_UNRESOLVED] = "unresolved",
        [FAILURE_REFUSED] = "refused",
        [FAILURE_TIMEOUT] = "timeout",
        [FAILURE_TLS] = "tls",
        [FAILURE_RESET] = "reset",
        [FAILURE_TRUNCATED] = "truncated",
        [FAILURE_OVERSIZED] = "oversized",
        [FAILURE_GARBAGE] = "garbage",
        [FAILURE_UNAUTHORIZED] = "unauthorized",
        [FAILURE_FORBIDDEN] = "forbidden",
        [FAILURE_RATE_LIMITED] = "rate_limited",
        [FAILURE_NOT_FOUND] = "not_found",
        [FAILURE_CONFLICT] = "conflict",
        [FAILURE_UNPROCESSABLE] = "unprocessable",
        [FAILURE_REDIRECTED] = "redirected",
        [FAILURE_REJECTED] = "rejected",
        [FAILURE_SERVER] = "server",
        [FAILURE_NOMAD_JOB] = "nomad_job",
        [FAILURE_NOMAD_ODD] = "nomad_odd",
        [FAILURE_NO_CHILD] = "no_child",
        [FAILURE_CONFIGURATION] = "configuration",
        [FAILURE_STOPPED] = "stopped",
        [FAILURE_LOCAL] = "local",
    };

    return texts[kind];
}

bool
failure_changed_nothing(const struct failure *failure)
{
    switch (failure->kind) {
    case FAILURE_UNRESOLVED:
    case FAILURE_REFUSED:
    case FAILURE_TLS:
    case FAILURE_UNAUTHORIZED:
    case FAILURE_FORBIDDEN:
    case FAILURE_RATE_LIMITED:
    case FAILURE_NOT_FOUND:
    case FAILURE_UNPROCESSABLE:
    case FAILURE_REDIRECTED:
    case FAILURE_REJECTED:
    case FAILURE_NOMAD_JOB:
    case FAILURE_NO_CHILD:
    case FAILURE_CONFIGURATION:
        return true;
    default:
        return false;
    }
}

static void
set(struct failure *failure, enum upstream upstream, enum failure_kind kind, const char *format,
    va_list args)
{
    *failure = (struct failure){.kind = kind, .upstream = upstream, .retry_after_ms = -1};
    (void)vsnprintf(failure->text.text, sizeof failure->text.text, format, args);
    escape_tame(failure->text.text);
}

bool
failure_set(struct failure *failure, enum upstream upstream, enum failure_kind kind,
            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set(failure, upstream, kind, format, args);
    va_end(args);
    return false;
}

bool
failure_garbage(struct failure *failure, enum upstream upstream, const char *format, ...)
{
    va_list args;

    if (errno == ENOMEM)
        return failure_set(failure, upstream, FAILURE_LOCAL,
                           "out of memory while reading an answer");
    va_start(args, format);
    set(failure, upstream, FAILURE_GARBAGE, format, args);
    va_end(args);
    return false;
}
