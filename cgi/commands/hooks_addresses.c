/*
 * runhook hooks addresses: where GitHub sends webhooks from, for a web server's configuration.
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include "commands/hooks.h"
#include "commands/hooks_desk.h"
#include "commands/hooks_options.h"
#include "commands/replace_file.h"
#include "hooks/hook_addresses.h"
#include "text/json.h"
#include "upstream/github_meta.h"

#define TEXT_MAX ((size_t)64 * 1024)

/* {"hooks": […]}, as GitHub has it. */
static bool
write_json(struct buffer *out, const struct hook_addresses *addresses)
{
    cJSON *root = cJSON_CreateObject(), *array = cJSON_AddArrayToObject(root, "hooks");
    char text[HOOK_ADDRESS_CAP], *printed = NULL;
    bool done = array != NULL;

    for (size_t i = 0; done && i < addresses->len; i++)
        done = cJSON_AddItemToArray(
            array, cJSON_CreateString(hook_address_text(&addresses->items[i], text)));
    if (done)
        printed = cJSON_Print(root);
    done = printed != NULL && buffer_addf(out, "%s\n", printed);
    cJSON_free(printed);
    cJSON_Delete(root);
    return done;
}

static bool
write_text(struct buffer *out, const struct hook_addresses *addresses,
           const struct hooks_options *options)
{
    if (hooks_given(options, HOOKS_JSON))
        return write_json(out, addresses);
    return hook_addresses_write(out, addresses,
                                hooks_given(options, HOOKS_NGINX)      ? HOOK_ADDRESSES_NGINX
                                : hooks_given(options, HOOKS_LIGHTTPD) ? HOOK_ADDRESSES_LIGHTTPD
                                                                       : HOOK_ADDRESSES_LINES);
}

/* To the file, and whether that changed to standard output; or all to standard output. */
static bool
deliver(const struct buffer *text, const char *path)
{
    struct rh_reason reason;
    bool changed;

    if (path != NULL && !replace_file(path, text->bytes, text->len, &changed, &reason)) {
        (void)fprintf(stderr, "runhook: error: --output: %s\n", reason.text);
        return false;
    }
    if (fputs(path == NULL ? buffer_text(text)
              : changed    ? "changed\n"
                           : "unchanged\n",
              stdout) >= 0 &&
        fflush(stdout) == 0)
        return true;
    (void)fprintf(stderr, "runhook: error: standard output cannot be written\n");
    return false;
}

static bool
go(struct hooks_desk *desk, const struct hooks_options *options)
{
    struct hook_addresses addresses;
    struct buffer text = BUFFER_INIT(TEXT_MAX);
    struct failure failure;
    bool done;

    do
        done = github_hook_addresses(desk->github, &addresses, &failure);
    while (!done && hooks_desk_again(desk, &failure));
    if (!done) {
        (void)fprintf(stderr, "runhook: error: %s%s\n", failure.text.text,
                      options->output == NULL ? "" : "; the file stays as it is");
        return false;
    }
    done = write_text(&text, &addresses, options);
    if (!done)
        (void)fprintf(stderr, "runhook: error: out of memory\n");
    done = done && deliver(&text, options->output);
    buffer_fini(&text);
    return done;
}

int
hooks_addresses(const struct invocation *invocation, int argc, char **argv)
{
    static const enum hooks_flags forms[] = {HOOKS_NGINX, HOOKS_LIGHTTPD, HOOKS_JSON};
    struct hooks_options options;
    struct hooks_desk desk;
    int status = hooks_options_read(
        &options, HOOKS_NGINX | HOOKS_LIGHTTPD | HOOKS_JSON | HOOKS_OUTPUT, 0, argc, argv);
    size_t forms_len = 0;
    bool done;

    if (status != EXIT_DONE)
        return status;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        forms_len += hooks_given(&options, forms[i]);
    if (forms_len > 1)
        return hooks_usage(argv[0], "one of --nginx, --lighttpd and --json, not several");
    if (options.targets_len > 0)
        return hooks_usage(argv[0], "addresses are GitHub's: they are not those of an owner");
    done = hooks_desk_open_for_all(&desk, invocation) && go(&desk, &options);
    hooks_desk_close(&desk);
    return done ? EXIT_DONE : EXIT_FAILED;
}
