/*
 * What GitHub tells of our webhooks, and what is to be done about them.
 * SPDX-License-Identifier: MIT
 */
#include "doctor/judge_hook.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SUBJECT_CAP (PLACE_WORDS_CAP + 16)

const char *
judge_hook_target(const char *place, char out[PLACE_WORDS_CAP])
{
    const char *name = strchr(place, '/');

    (void)snprintf(out, PLACE_WORDS_CAP, "%s%s",
                   place_is_organization(place) ? "--organization " : "",
                   name == NULL ? place : name + 1);
    return out;
}

/* What it is like by its settings. */
static bool
judge_settings(struct findings *findings, const char *subject, const char *target,
               const struct github_hook *hook)
{
    bool is_tls = strncmp(hook->url, "https:", 6) == 0;

    if (!hook->is_active)
        findings_add(findings, FINDING_ERROR, subject,
                     "it is not active, so GitHub sends nothing: runhook hooks install %s --url "
                     "%.256s",
                     target, hook->url);
    else if (!hook->sends_workflow_jobs)
        findings_add(findings, FINDING_ERROR, subject,
                     "it does not get Workflow job events: runhook hooks install %s --url %.256s",
                     target, hook->url);
    else if (!hook->has_secret)
        findings_add(findings, FINDING_ERROR, subject,
                     "it has no secret, so each of its deliveries is refused: runhook hooks "
                     "install %s --url %.256s",
                     target, hook->url);
    else if (is_tls && !hook->is_tls_verified)
        findings_add(findings, FINDING_WARNING, subject,
                     "GitHub does not check the certificate there: runhook hooks install %s --url "
                     "%.256s",
                     target, hook->url);
    else
        return true;
    return false;
}

static bool
judge_last(struct findings *findings, const char *subject, const char *target,
           const struct github_hook *hook, const struct github_last_delivery *last)
{
    int64_t code = last->code;

    if (!last->was_there || (code >= 200 && code < 300))
        return true;
    if (code == 403)
        findings_add(findings, FINDING_ERROR, subject,
                     "its last delivery was refused (403), since GitHub signs with another secret: "
                     "runhook hooks install %s --secret --url %.256s, or put that secret into "
                     "webhook_secret_file of [github]",
                     target, hook->url);
    else if (code == 0)
        findings_add(findings, FINDING_ERROR, subject,
                     "GitHub did not reach %.256s (%s): see its name, its certificate, and what "
                     "stands between",
                     hook->url, last->status);
    else if (code == 503)
        findings_add(findings, FINDING_WARNING, subject,
                     "its last delivery was answered 503: runhook could not write its ledger (see "
                     "its log), or the web server did not reach it");
    else if (code == 502 || code == 504)
        findings_add(findings, FINDING_WARNING, subject,
                     "its last delivery was answered %" PRId64 ": the web server did not reach "
                     "runhook; is it running, and is its socket where the web server looks?",
                     code);
    else if (code == 404 || code == 405)
        findings_add(findings, FINDING_ERROR, subject,
                     "its last delivery was answered %" PRId64 ": there is no webhook at %.256s; "
                     "see the web server's location, or the webhook's URL",
                     code, hook->url);
    else
        findings_add(findings, code >= 500 ? FINDING_WARNING : FINDING_ERROR, subject,
                     "its last delivery was answered %" PRId64 " (%s): see runhook's log and the "
                     "web server's",
                     code, last->status);
    return false;
}

void
judge_hook(struct findings *findings, const char *subject, const char *target,
           const struct github_hook *hook, const struct github_last_delivery *last)
{
    bool good = judge_settings(findings, subject, target, hook);

    if (hook->is_active)
        good = judge_last(findings, subject, target, hook, last) && good;
    if (good)
        findings_add(findings, FINDING_OK, subject, "%.256s: active, signed%s%s", hook->url,
                     last->was_there ? ", its last delivery taken" : ", nothing delivered yet",
                     hook->sends_others ? "; it gets other events too, which are ignored" : "");
}

void
judge_cover(struct findings *findings, const char *place, const struct hook_cover *cover,
            const char *url)
{
    const char *shown_url = url == NULL ? "https://…" : url;
    char target[PLACE_WORDS_CAP], subject[SUBJECT_CAP];
    int ways = (int)cover->is_covered + (int)cover->by_organization + (int)cover->by_app;

    (void)judge_hook_target(place, target);
    (void)snprintf(subject, sizeof subject, "hooks of %s", target);
    if (ways == 0 && cover->was_deleted)
        findings_add(findings, FINDING_ERROR, subject,
                     "the webhook that deliveries came from was deleted: runhook hooks install %s "
                     "--url %.256s",
                     target, shown_url);
    else if (ways > 1)
        findings_add(findings, FINDING_OK, subject,
                     "each job comes twice, by the repository's%s%s, which is harmless: the second "
                     "one is a duplicate",
                     cover->by_organization ? " and the organization's webhook" : "",
                     cover->by_app ? " and the App's" : "");
    else if (ways == 0 && !cover->is_unknown)
        findings_add(findings, FINDING_WARNING, subject,
                     "no webhook, so jobs are found by discovery alone: runhook hooks install %s "
                     "--url %.256s",
                     target, shown_url);
}
