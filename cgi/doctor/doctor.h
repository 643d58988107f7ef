/*
 * What `check --online` does beyond reading the configuration: asks GitHub and Nomad whether jobs
 * will get their runners, and changes nothing there but for registration tokens, which are minted
 * and thrown away.
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include "config/config.h"
#include "doctor/finding.h"
#include "doctor/scene.h"
#include "upstream/account.h"
#include "upstream/github.h"
#include "upstream/nomad.h"

/* The accounts, where runners register, and the webhooks. An upstream that is not reached is one
 * finding, and nothing more is asked of it. */
void doctor_github(const struct scene *scene, struct github *github, struct accounts *accounts,
                   struct findings *findings);

/* The cluster, the token and what it may do, and each pool's job. */
void doctor_nomad(const struct config *config, struct nomad *nomad, struct findings *findings);

#endif
