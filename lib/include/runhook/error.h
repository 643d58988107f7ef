/*
 * The library's one error enum. Its values separate what a caller does next.
 * SPDX-License-Identifier: MIT
 */
#ifndef RUNHOOK_ERROR_H
#define RUNHOOK_ERROR_H

#include <runhook/export.h>

enum rh_error {
    RH_OK = 0,

    /* Refuse: the sender is not who it must be. Nothing of the body has been looked at. */
    RH_ERR_SIGNATURE_MISSING,   /* no X-Hub-Signature-256 header, or an empty one */
    RH_ERR_SIGNATURE_MALFORMED, /* not "sha256=" and 64 hexadecimal digits */
    RH_ERR_SIGNATURE_MISMATCH,  /* well-formed, and made with none of the secrets */

    /* Refuse: the sender is trusted, and what it sent cannot be read. */
    RH_ERR_CONTENT_TYPE, /* neither application/json nor application/x-www-form-urlencoded */
    RH_ERR_NOT_JSON,     /* not one JSON value in UTF-8, or nested too deep, or a NUL in it */
    RH_ERR_FIELD,        /* JSON, but a field is missing or out of its range */

    /* Needs an operator: the same input fails again. */
    RH_ERR_TOO_LARGE, /* the result is over the limit of whoever receives it */
    RH_ERR_ARGUMENT,  /* an argument is outside its documented range */

    /* Try again later: the machine could not. */
    RH_ERR_NO_MEMORY,
    RH_ERR_CRYPTO, /* OpenSSL failed, for a reason that is not the input's */
};

/*
 * A short English phrase for an error, for a log or an answer ("the signature does not match").
 * Never NULL; a value outside the enum gives "unknown error". Static storage; any thread.
 */
RH_API const char *rh_error_text(enum rh_error error);

/* Room for one sentence that says what exactly was wrong. Always NUL-terminated UTF-8. */
#define RH_REASON_CAP 256
struct rh_reason {
    char text[RH_REASON_CAP];
};

#endif
