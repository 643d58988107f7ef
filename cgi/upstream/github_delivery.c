/*
 * GitHub's REST API, as far as the deliveries of a webhook go.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_delivery.h"

#include <inttypes.h>
#include <string.h>

#include <runhook/delivery.h>

#include "text/escape.h"
#include "text/json.h"
#include "upstream/github_array.h"
#include "upstream/github_request.h"

/* Fifty thousand attempts: of the three days, a delivery every five seconds. */
#define PAGES_MAX 500

/* The milliseconds of a time that rh_time_parse has taken, which drops them. */
static int64_t
fraction_ms(const char *time)
{
    const char *at = strchr(time, '.');
    int64_t ms = 0;

    for (int unit = 100; at != NULL && unit > 0 && at[1] >= '0' && at[1] <= '9'; unit /= 10)
        ms += unit * (*++at - '0');
    return ms;
}

/* A GUID goes into the ledger and the log. */
static bool
read_guid(const cJSON *json, char guid[GITHUB_GUID_CAP])
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    const char *text = json_text(json, "guid");
    size_t len = text == NULL ? 0 : strspn(text, allowed);

    guid[0] = '\0';
    if (len == 0 || text[len] != '\0' || len >= GITHUB_GUID_CAP)
        return false;
    memcpy(guid, text, len + 1);
    return true;
}

static void
read_word(const cJSON *json, const char *name, char word[GITHUB_EVENT_CAP])
{
    const char *text = json_text(json, name);

    escape_copy(word, GITHUB_EVENT_CAP, text);
}

bool
github_delivery_read(const cJSON *json, struct github_delivery *delivery)
{
    const char *time = json_text(json, "delivered_at");
    int64_t delivered_at_s;

    *delivery = (struct github_delivery){0};
    if (!json_number(json, "id", RH_ID_MAX, &delivery->id) || delivery->id == 0 ||
        !read_guid(json, delivery->guid) || time == NULL || !rh_time_parse(time, &delivered_at_s))
        return false;
    delivery->delivered_at_ms = delivered_at_s * 1000 + fraction_ms(time);
    delivery->is_redelivery = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "redelivery"));
    (void)json_number(json, "status_code", 999, &delivery->status_code);
    (void)json_number(json, "repository_id", RH_ID_MAX, &delivery->repository_id);
    (void)json_number(json, "installation_id", RH_ID_MAX, &delivery->installation_id);
    read_word(json, "event", delivery->event);
    read_word(json, "action", delivery->action);
    return true;
}

/* Begins the path to a webhook's deliveries. */
static bool
add_path(struct buffer *path, const struct github_sender *sender, struct failure *failure)
{
    if (sender->app != NULL)
        (void)buffer_add_text(path, "/app/hook/deliveries");
    else if (github_path(path, sender->place, failure))
        (void)buffer_addf(path, "/hooks/%" PRId64 "/deliveries", sender->id);
    else
        return false;
    return true;
}

/* A list that is being read. */
struct reading {
    int64_t since_ms;
    github_delivery_visitor visit;
    void *arg;
    bool is_garbage;
};

static bool
visit_item(const cJSON *item, void *arg)
{
    struct reading *reading = arg;
    struct github_delivery delivery;

    reading->is_garbage = !github_delivery_read(item, &delivery);
    return !reading->is_garbage && delivery.delivered_at_ms >= reading->since_ms &&
           reading->visit(&delivery, reading->arg);
}

bool
github_deliveries(struct github *github, const struct github_sender *sender, int64_t since_ms,
                  github_delivery_visitor visit, void *arg, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {.path = &path,
                                     .place = sender->place,
                                     .as_app = sender->app,
                                     .permission = github_permission_of_hooks(sender->place)};
    struct reading reading = {.since_ms = since_ms, .visit = visit, .arg = arg};
    bool done = add_path(&path, sender, failure) &&
                github_array(github, &call, NULL, PAGES_MAX, visit_item, &reading, failure);

    buffer_fini(&path);
    if (done && reading.is_garbage)
        done = failure_garbage(failure, UPSTREAM_GITHUB,
                               "GitHub's list of deliveries cannot be read: is [github] api_url "
                               "right?");
    return done;
}

bool
github_redeliver(struct github *github, const struct github_sender *sender, int64_t delivery_id,
                 struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {.method = "POST",
                                     .path = &path,
                                     .place = sender->place,
                                     .as_app = sender->app,
                                     .permission = github_permission_of_hooks(sender->place)};
    struct http_reply reply;
    bool done = add_path(&path, sender, failure);

    (void)buffer_addf(&path, "/%" PRId64 "/attempts", delivery_id);
    if (done && (done = github_send(github, &call, &reply, failure))) {
        if (reply.status != 202)
            done = github_refused(github, &call, &reply, failure);
        http_reply_fini(&reply);
    }
    buffer_fini(&path);
    return done;
}
