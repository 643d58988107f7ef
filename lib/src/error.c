/*
 * The errors in words.
 * SPDX-License-Identifier: MIT
 */
#include <runhook/error.h>

const char *
rh_error_text(enum rh_error error)
{
    switch (error) {
    case RH_OK:
        return "no error";
    case RH_ERR_SIGNATURE_MISSING:
        return "the signature is missing";
    case RH_ERR_SIGNATURE_MALFORMED:
        return "the signature is malformed";
    case RH_ERR_SIGNATURE_MISMATCH:
        return "the signature does not match";
    case RH_ERR_CONTENT_TYPE:
        return "the content type is not supported";
    case RH_ERR_NOT_JSON:
        return "the body is not JSON";
    case RH_ERR_FIELD:
        return "a field is missing or out of its range";
    case RH_ERR_TOO_LARGE:
        return "the result is too large";
    case RH_ERR_ARGUMENT:
        return "an argument is out of its range";
    case RH_ERR_NO_MEMORY:
        return "out of memory";
    case RH_ERR_CRYPTO:
        return "a cryptographic operation failed";
    }
    return "unknown error";
}
