/*
 * GitHub's REST API, as far as the deliveries of a webhook go: what it sent in the last three days,
 * how each attempt ended, and sending one again. GitHub never does that by itself.
 * Forms: docs.github.com, "REST API endpoints for repository webhooks", "… for organization
 * webhooks" and "… for GitHub App webhooks". SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_DELIVERY_H
#define UPSTREAM_GITHUB_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "upstream/account.h"
#include "upstream/failure.h"
#include "upstream/github.h"

/* How long GitHub keeps a delivery on its list, and can send it again. */
#define GITHUB_DELIVERIES_MS (INT64_C(3) * 24 * 3600 * 1000)

#define GITHUB_GUID_CAP 65
#define GITHUB_EVENT_CAP 48

/* A webhook: of a place (config/place.h) by its id, or a GitHub App's own. Borrowed. */
struct github_sender {
    const char *place; /* PLACE_APP for an App's */
    int64_t id;        /* not looked at for an App's */
    struct account *app;
};

/* One attempt at a delivery. Every attempt at the same event has the same GUID. */
struct github_delivery {
    int64_t id;
    char guid[GITHUB_GUID_CAP];
    int64_t delivered_at_ms;
    bool is_redelivery;
    int64_t status_code; /* of the receiver's answer; 0 where there is none, or none yet */
    char event[GITHUB_EVENT_CAP];
    char action[GITHUB_EVENT_CAP]; /* "" for none */
    int64_t repository_id;         /* 0 for none; likewise: */
    int64_t installation_id;
};

/* Reads one of a list. False where it is no delivery: without an id, a GUID or a time. */
bool github_delivery_read(const cJSON *json, struct github_delivery *delivery);

typedef bool (*github_delivery_visitor)(const struct github_delivery *delivery, void *arg);

/*
 * Calls `visit` for each attempt since a moment, the newest first; false ends the list.
 * GET /{place}/hooks/{id}/deliveries, or /app/hook/deliveries, as far back as it takes.
 * FAILURE_NOT_FOUND in the API's own words (failure->is_apis_word) where there is no such webhook,
 * or the credential may not see it: GitHub does not say which.
 */
bool github_deliveries(struct github *github, const struct github_sender *sender, int64_t since_ms,
                       github_delivery_visitor visit, void *arg, struct failure *failure);

/* Has GitHub make another attempt, by the id of any: POST …/deliveries/{id}/attempts. How that ends
 * is on the list later. */
bool github_redeliver(struct github *github, const struct github_sender *sender,
                      int64_t delivery_id, struct failure *failure);

#endif
