/*
 * A bar that shows how far a long piece of work has come.
 * SPDX-License-Identifier: MIT
 */
#include "text/progress.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text/buffer.h"
#include "text/escape.h"

#define BAR_CHARS 24
#define WHAT_CHARS 40

/* To the line's begin, and wipe it (ECMA-48: EL). */
#define WIPE "\r\033[K"

void
progress_init(struct progress *progress, FILE *out)
{
    const char *term = getenv("TERM");
    bool is_capable = term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;

    *progress = (struct progress){.out = is_capable && isatty(fileno(out)) == 1 ? out : NULL};
}

static void
draw(const struct progress *progress)
{
    size_t filled = progress->total == 0 ? 0 : progress->done * BAR_CHARS / progress->total;
    struct buffer what = BUFFER_INIT(1024);

    escape_add(&what, progress->what, WHAT_CHARS);
    (void)fputs(WIPE, progress->out);
    if (progress->total > 0) {
        (void)fputc('[', progress->out);
        for (size_t i = 0; i < BAR_CHARS; i++)
            (void)fputc(i < filled ? '#' : '.', progress->out);
        (void)fprintf(progress->out, "] %zu/%zu ", progress->done, progress->total);
    }
    (void)fputs(buffer_text(&what), progress->out);
    (void)fflush(progress->out);
    buffer_fini(&what);
}

void
progress_show(struct progress *progress, size_t done, size_t total, const char *what)
{
    progress->done = done;
    progress->total = total;
    (void)snprintf(progress->what, sizeof progress->what, "%s", what);
    escape_trim(progress->what);
    if (progress->out != NULL)
        draw(progress);
}

void
progress_clear(struct progress *progress)
{
    if (progress->out == NULL)
        return;
    (void)fputs(WIPE, progress->out);
    (void)fflush(progress->out);
}

void
progress_say(struct progress *progress, const char *format, ...)
{
    va_list args;

    progress_clear(progress);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    if (progress->out != NULL && progress->what[0] != '\0')
        draw(progress);
}
