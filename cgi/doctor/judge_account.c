/*
 * What GitHub's answers about an account mean for the runners to be.
 * SPDX-License-Identifier: MIT
 */
#include "doctor/judge_account.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "doctor/judge_hook.h"
#include "text/buffer.h"
#include "text/span.h"

#define LIST_MAX ((size_t)1024)

#define DAY_MS (INT64_C(86400) * 1000)
#define EXPIRES_SOON_MS (14 * DAY_MS)

#define SKEW_WARNING_S 30
#define SKEW_ERROR_S 60

void
judge_clock(struct findings *findings, int64_t now_ms, int64_t server_now_ms, bool has_app)
{
    int64_t skew_s = (now_ms - server_now_ms) / 1000;
    int64_t off_s = skew_s < 0 ? -skew_s : skew_s;
    const char *side = skew_s < 0 ? "behind" : "ahead of";

    if (off_s > SKEW_ERROR_S && has_app)
        findings_add(findings, FINDING_ERROR, "clock",
                     "%" PRId64 " s %s GitHub's, which takes no App's token of such a time: set "
                     "this machine's clock right",
                     off_s, side);
    else if (off_s > SKEW_WARNING_S)
        findings_add(findings, FINDING_WARNING, "clock",
                     "%" PRId64 " s %s GitHub's: set this machine's clock right", off_s, side);
    else
        findings_add(findings, FINDING_OK, "clock", "as GitHub's");
}

/* Whether a list like "repo, admin:org" has an item. */
static bool
lists(const char *scopes, const char *scope)
{
    size_t len = strlen(scope);

    while (*scopes != '\0') {
        size_t item_len = strcspn(scopes, ", ");

        if (item_len == len && strncmp(scopes, scope, len) == 0)
            return true;
        scopes += item_len;
        scopes += strspn(scopes, ", ");
    }
    return false;
}

bool
judge_scopes_hold(const char *scopes, enum github_permission permission)
{
    /* Each with those that include it, or do as well. */
    static const char *const holders[GITHUB_PERMISSIONS][4] = {
        [GITHUB_METADATA] = {"repo"},
        [GITHUB_ACTIONS] = {"repo"},
        [GITHUB_ADMINISTRATION] = {"repo"},
        [GITHUB_ORGANIZATION_RUNNERS] = {"admin:org", "manage_runners:org"},
        [GITHUB_ENTERPRISE_RUNNERS] = {"manage_runners:enterprise", "admin:enterprise"},
        [GITHUB_REPOSITORY_HOOKS] = {"admin:repo_hook", "write:repo_hook", "repo"},
        [GITHUB_ORGANIZATION_HOOKS] = {"admin:org_hook"},
    };

    for (size_t i = 0; i < 4 && holders[permission][i] != NULL; i++) {
        if (lists(scopes, holders[permission][i]))
            return true;
    }
    return false;
}

static void
add_once(struct buffer *list, const char *item)
{
    if (!lists(buffer_text(list), item))
        (void)buffer_addf(list, "%s%s", list->len == 0 ? "" : ", ", item);
}

/* The scopes that are missing, matter so much, and are not in those that are `asked` for already.
 */
static void
add_missing_scopes(const struct github_token *token, const struct needs *needs,
                   enum finding_level level, const char *asked, struct buffer *list)
{
    for (int i = 0; i < GITHUB_PERMISSIONS; i++) {
        enum github_permission permission = (enum github_permission)i;

        if (needs->levels[i] == level && !judge_scopes_hold(token->scopes, permission) &&
            !judge_scopes_hold(asked, permission))
            add_once(list, github_permission(permission)->scope);
    }
}

static bool
judge_scopes(struct findings *findings, const char *subject, const struct github_token *token,
             const struct needs *needs)
{
    static const enum finding_level levels[] = {FINDING_ERROR, FINDING_WARNING};
    struct buffer lists[2] = {BUFFER_INIT(LIST_MAX), BUFFER_INIT(LIST_MAX)};
    bool good = true;

    for (size_t i = 0; i < 2; i++) {
        bool is_one;

        add_missing_scopes(token, needs, levels[i], buffer_text(&lists[0]), &lists[i]);
        if (lists[i].len == 0)
            continue;
        is_one = strchr(buffer_text(&lists[i]), ',') == NULL;
        findings_add(findings, levels[i], subject,
                     "it lacks the scope%s %s (it has: %s): add %s in the token's settings",
                     is_one ? "" : "s", buffer_text(&lists[i]),
                     token->scopes[0] == '\0' ? "none" : token->scopes, is_one ? "it" : "them");
        good = false;
    }
    buffer_fini(&lists[0]);
    buffer_fini(&lists[1]);
    return good;
}

static bool
needs_any(const struct needs *needs, enum github_permission permission)
{
    return needs->levels[permission] != FINDING_OK;
}

void
judge_token(struct findings *findings, const char *subject, const struct github_token *token,
            const struct needs *needs, int64_t now_ms)
{
    int64_t left_ms = token->expires_at_ms - now_ms;
    bool expires = token->expires_at_ms > 0, good = true;
    char span[SPAN_CAP];

    if (expires && left_ms <= 0) {
        findings_add(findings, FINDING_ERROR, subject,
                     "it has expired: put a new one into token_file of %s", subject);
        good = false;
    } else if (expires && left_ms < EXPIRES_SOON_MS) {
        findings_add(findings, FINDING_WARNING, subject,
                     "it expires in %s: put a new one into token_file of %s before that",
                     span_text(left_ms, span), subject);
        good = false;
    }
    if (token->is_classic) {
        good = judge_scopes(findings, subject, token, needs) && good;
    } else if (needs_any(needs, GITHUB_ENTERPRISE_RUNNERS)) {
        findings_add(findings, FINDING_ERROR, subject,
                     "a fine-grained token cannot register runners of an enterprise: make a "
                     "classic one with manage_runners:enterprise");
        good = false;
    }
    if (!good)
        return;
    findings_add(findings, FINDING_OK, subject, "a %s token of %s%s%s%s%s",
                 token->is_classic ? "classic" : "fine-grained", token->login,
                 token->is_classic ? ", with " : ", whose permissions are tried below",
                 token->is_classic ? token->scopes : "", expires ? "; it expires in " : "",
                 expires ? span_text(left_ms, span) : "");
}

/* The permissions that are needed and not granted, with the highest of their levels. */
static enum finding_level
add_missing_permissions(const struct github_grants *grants, const struct needs *needs,
                        struct buffer *list)
{
    enum finding_level level = FINDING_OK;

    for (int i = 0; i < GITHUB_PERMISSIONS; i++) {
        enum github_permission permission = (enum github_permission)i;

        if (!needs_any(needs, permission) || github_grants_allow(grants, permission))
            continue;
        (void)buffer_addf(list, "%s%s", list->len == 0 ? "" : ", ",
                          github_permission(permission)->words);
        if (needs->levels[i] > level)
            level = needs->levels[i];
    }
    return level;
}

void
judge_app(struct findings *findings, const char *subject, const char *id,
          const struct github_app *app, const struct needs *needs)
{
    struct buffer list = BUFFER_INIT(LIST_MAX);
    struct needs others = *needs;
    enum finding_level level;

    if (needs_any(needs, GITHUB_ENTERPRISE_RUNNERS))
        findings_add(findings, FINDING_ERROR, subject,
                     "an App cannot register runners of an enterprise: give that an [owner "
                     "enterprises/NAME] with a classic token");
    others.levels[GITHUB_ENTERPRISE_RUNNERS] = FINDING_OK;
    level = add_missing_permissions(&app->grants, &others, &list);
    if (level != FINDING_OK)
        findings_add(findings, level, subject,
                     "the App %s lacks %s: add it in the App's settings, and let each owner accept "
                     "it",
                     app->name, buffer_text(&list));
    else
        findings_add(findings, FINDING_OK, subject, "the App %s (%.64s), with what is needed",
                     app->name, id);
    buffer_fini(&list);
}

void
judge_installation(struct findings *findings, const char *subject,
                   const struct github_installation *installation, const struct github_app *app,
                   const struct needs *needs, bool is_ours)
{
    struct buffer list = BUFFER_INIT(LIST_MAX);
    struct needs asked = *needs;
    enum finding_level level;

    /* What the App itself lacks was said of it. */
    for (int i = 0; i < GITHUB_PERMISSIONS; i++) {
        if (!github_grants_allow(&app->grants, (enum github_permission)i))
            asked.levels[i] = FINDING_OK;
    }
    level = add_missing_permissions(&installation->grants, &asked, &list);
    if (installation->is_suspended)
        findings_add(findings, is_ours ? FINDING_ERROR : FINDING_WARNING, subject,
                     "the App %s is suspended for %.128s: unsuspend it in the owner's settings",
                     app->name, installation->owner);
    else if (level != FINDING_OK)
        findings_add(findings, is_ours ? level : FINDING_WARNING, subject,
                     "%.128s has not accepted that the App %s now asks for %s: its owner does that "
                     "in the settings, under installed GitHub Apps",
                     installation->owner, app->name, buffer_text(&list));
    else if (is_ours)
        findings_add(findings, FINDING_OK, subject, "installed for %.128s, with %s",
                     installation->owner,
                     installation->is_selected ? "selected repositories" : "all repositories");
    buffer_fini(&list);
}

void
judge_app_hook(struct findings *findings, const char *subject, const struct github_app *app,
               const struct github_hook *hook, const struct github_last_delivery *last,
               const char *url)
{
    struct github_hook whole = *hook;

    if (hook->url[0] == '\0') {
        findings_add(findings, FINDING_OK, subject, "the App has no webhook of its own");
        return;
    }
    if (url != NULL && strcmp(hook->url, url) != 0) {
        findings_add(findings, FINDING_OK, subject,
                     "the App's webhook is another's: it goes to %.256s", hook->url);
        return;
    }
    if (!app->sends_workflow_jobs) {
        findings_add(findings, FINDING_ERROR, subject,
                     "the App's webhook does not get Workflow job events: subscribe to them in the "
                     "App's settings");
        return;
    }
    whole.is_active = true;
    whole.sends_workflow_jobs = true;
    judge_hook(findings, subject, "--app", &whole, last);
}

void
judge_rate(struct findings *findings, const char *subject, const struct github_rate *rate,
           int64_t github_calls, int64_t now_ms)
{
    char span[SPAN_CAP];
    const char *renews = span_text(rate->renews_at_ms - now_ms, span);

    if (rate->remaining * 10 < rate->limit)
        findings_add(findings, FINDING_WARNING, subject,
                     "%" PRId64 " of %" PRId64 " requests an hour are used; it renews in %s: see "
                     "who else uses the credential, or lower [audit] github_calls",
                     rate->used, rate->limit, renews);
    else if (github_calls > rate->limit)
        findings_add(findings, FINDING_WARNING, subject,
                     "[audit] github_calls is %" PRId64 " an hour, and GitHub allows %" PRId64
                     " of everything: set it to %" PRId64 " or less",
                     github_calls, rate->limit, rate->limit / 2);
    else
        findings_add(findings, FINDING_OK, subject,
                     "%" PRId64 " of %" PRId64 " requests an hour are used; it renews in %s",
                     rate->used, rate->limit, renews);
}
