/*
 * librunhook: bytes of a GitHub webhook in, decisions out. No I/O, no globals, no exit.
 * SPDX-License-Identifier: MIT
 */
#ifndef RUNHOOK_RUNHOOK_H
#define RUNHOOK_RUNHOOK_H

#include <runhook/app.h>
#include <runhook/delivery.h>
#include <runhook/error.h>
#include <runhook/export.h>
#include <runhook/labels.h>
#include <runhook/payload.h>
#include <runhook/secret.h>
#include <runhook/signature.h>

/* The library's version, "major.minor.patch". Static storage. */
RH_API const char *rh_version(void);

#endif
