/*
 * runhook check --online: asks GitHub and Nomad whether jobs will get their runners.
 * SPDX-License-Identifier: MIT
 */
#include "commands/check_online.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include <curl/curl.h>

#include "config/values.h"
#include "doctor/doctor.h"
#include "upstream/credential.h"

/* False when out of memory. */
static bool
ask_github(const struct scene *scene, http_deadline *deadline, struct findings *findings)
{
    const struct config *config = scene->config;
    struct accounts *accounts = accounts_new(&config->github, config->owners, config->owners_len);
    struct github *github =
        accounts == NULL ? NULL : github_new(&config->github, accounts, NULL, deadline);
    bool done = github != NULL;

    if (done)
        doctor_github(scene, github, accounts, findings);
    github_free(github);
    accounts_free(accounts);
    return done;
}

static bool
ask_nomad(const struct config *config, http_deadline *deadline, struct findings *findings)
{
    struct credential *token =
        credential_new(config->nomad.token, config->nomad.token_file, value_secret_file);
    struct nomad *nomad = token == NULL ? NULL : nomad_new(&config->nomad, token, NULL, deadline);
    bool done = nomad != NULL;

    if (done)
        doctor_nomad(config, nomad, findings);
    nomad_free(nomad);
    credential_free(token);
    return done;
}

bool
check_online(const struct config *config, const char *url, bool json)
{
    struct scene scene = {.config = config, .url = url};
    struct findings findings = {0};
    http_deadline deadline;
    bool done;

    (void)signal(SIGPIPE, SIG_IGN);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)fprintf(stderr, "runhook: error: libcurl does not start\n");
        return false;
    }
    atomic_init(&deadline, INT64_MAX); /* each request has its own end */
    done = scene_set(&scene);
    done = ask_github(&scene, &deadline, &findings) && done;
    done = ask_nomad(config, &deadline, &findings) && done;
    done = (json ? findings_print_json(&findings) : findings_print(&findings)) && done &&
           !scene.failed;
    if (findings.failed || scene.failed)
        (void)fprintf(stderr, "runhook: error: out of memory\n");
    done = done && findings_count(&findings, FINDING_ERROR) == 0;
    findings_fini(&findings);
    scene_fini(&scene);
    curl_global_cleanup();
    return done;
}
