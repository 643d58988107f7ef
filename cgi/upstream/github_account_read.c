/*
 * What GitHub's REST API answers about accounts. Forms: docs.github.com, "REST API endpoints for
 * GitHub Apps", "… for users", "… for rate limits", "… for repository webhook deliveries".
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_account_read.h"

#include <stdio.h>
#include <string.h>

#include <runhook/delivery.h>

#include "text/escape.h"
#include "text/json.h"

#define EXPIRY_LEN_MAX 40
#define EVENT "workflow_job"

bool
github_read_expiry(const char *text, int64_t *at_ms)
{
    char day[11] = "", hour[9] = "", zone[8] = "", iso[EXPIRY_LEN_MAX];
    int64_t at_s = 0;
    int read = 0;

    *at_ms = 0;
    if (strlen(text) > EXPIRY_LEN_MAX - 8 ||
        sscanf(text, "%10s %8s %7s%n", day, hour, zone, &read) != 3 || text[read] != '\0')
        return false;
    if (strcmp(zone, "UTC") == 0)
        (void)snprintf(iso, sizeof iso, "%sT%sZ", day, hour);
    else if ((zone[0] == '+' || zone[0] == '-') && strlen(zone) == 5)
        (void)snprintf(iso, sizeof iso, "%sT%s%.3s:%s", day, hour, zone, zone + 3);
    else
        return false;
    if (!rh_time_parse(iso, &at_s))
        return false;
    *at_ms = at_s * 1000;
    return true;
}

bool
github_read_token_self(const struct buffer *body, const char *scopes, const char *expires,
                       struct github_token *token)
{
    cJSON *json = json_parse(body);
    const char *login = json_text(json, "login");
    bool done = login != NULL && login[0] != '\0';

    if (done)
        escape_copy(token->login, sizeof token->login, login);
    cJSON_Delete(json);
    token->is_classic = scopes != NULL;
    escape_copy(token->scopes, sizeof token->scopes, scopes);
    token->expires_at_ms = 0;
    if (expires != NULL && !github_read_expiry(expires, &token->expires_at_ms))
        return false;
    return done;
}

static enum github_level
read_level(const char *text)
{
    if (text == NULL)
        return GITHUB_NO_ACCESS;
    if (strcmp(text, "read") == 0)
        return GITHUB_READ;
    return strcmp(text, "write") == 0 || strcmp(text, "admin") == 0 ? GITHUB_WRITE
                                                                    : GITHUB_NO_ACCESS;
}

static bool
read_grants(const cJSON *json, struct github_grants *grants)
{
    const cJSON *permissions = cJSON_GetObjectItemCaseSensitive(json, "permissions");

    for (int i = 0; i < GITHUB_PERMISSIONS; i++)
        grants->levels[i] =
            read_level(json_text(permissions, github_permission((enum github_permission)i)->name));
    return cJSON_IsObject(permissions);
}

static bool
has_event(const cJSON *events)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, events)
    {
        if (cJSON_IsString(item) && strcmp(cJSON_GetStringValue(item), EVENT) == 0)
            return true;
    }
    return false;
}

bool
github_read_app(const struct buffer *body, struct github_app *app)
{
    cJSON *json = json_parse(body);
    const cJSON *events = cJSON_GetObjectItemCaseSensitive(json, "events");
    const char *name = json_text(json, "name");
    bool done = name != NULL && cJSON_IsArray(events) && read_grants(json, &app->grants);

    if (done) {
        escape_copy(app->name, sizeof app->name, name);
        app->sends_workflow_jobs = has_event(events);
    }
    cJSON_Delete(json);
    return done;
}

bool
github_read_installation(const cJSON *json, struct github_installation *installation)
{
    const cJSON *account = cJSON_GetObjectItemCaseSensitive(json, "account");
    const cJSON *suspended = cJSON_GetObjectItemCaseSensitive(json, "suspended_at");
    const char *login = json_text(account, "login"), *slug = json_text(account, "slug");
    const char *selection = json_text(json, "repository_selection");
    /* An enterprise has a slug and no login. */
    const char *name = login != NULL ? login : slug;

    *installation = (struct github_installation){0};
    if (name == NULL || selection == NULL ||
        !json_number(json, "id", RH_ID_MAX, &installation->id) || installation->id == 0 ||
        !read_grants(json, &installation->grants))
        return false;
    (void)snprintf(installation->owner, sizeof installation->owner, "%s%s",
                   login != NULL ? "" : PLACE_ENTERPRISE, name);
    escape_trim(installation->owner);
    installation->is_suspended = cJSON_IsString(suspended);
    installation->is_selected = strcmp(selection, "all") != 0;
    return true;
}

bool
github_read_rate(const struct buffer *body, struct github_rate *rate)
{
    cJSON *json = json_parse(body);
    const cJSON *resources = cJSON_GetObjectItemCaseSensitive(json, "resources");
    const cJSON *core = cJSON_GetObjectItemCaseSensitive(resources, "core");
    int64_t reset_s;
    bool done;

    *rate = (struct github_rate){0};
    done = json_number(core, "limit", RH_ID_MAX, &rate->limit) && rate->limit > 0 &&
           json_number(core, "remaining", RH_ID_MAX, &rate->remaining) &&
           json_number(core, "reset", RH_ID_MAX / 1000, &reset_s);
    if (done) {
        rate->renews_at_ms = reset_s * 1000;
        rate->used = rate->remaining > rate->limit ? 0 : rate->limit - rate->remaining;
    } else {
        *rate = (struct github_rate){0};
    }
    cJSON_Delete(json);
    return done;
}

bool
github_read_last_delivery(const cJSON *json, struct github_last_delivery *last)
{
    const char *status = json_text(json, "status");
    struct buffer plain = BUFFER_INIT(GITHUB_STATUS_CAP - 1);

    *last = (struct github_last_delivery){0};
    if (status == NULL || !json_number(json, "status_code", 999, &last->code))
        return false;
    last->was_there = true;
    (void)escape_plain(&plain, status, strlen(status), SIZE_MAX);
    escape_copy(last->status, sizeof last->status, buffer_text(&plain));
    buffer_fini(&plain);
    return true;
}
