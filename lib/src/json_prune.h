/*
 * The members of JSON objects that somebody reads, cut out of the text.
 *
 * A delivery is some ten thousand bytes, of which a job's row takes a few hundred: a tree of all of
 * it would be most of what a delivery costs.
 * SPDX-License-Identifier: MIT
 */
#ifndef RH_JSON_PRUNE_H
#define RH_JSON_PRUNE_H

#include <stddef.h>

#include <runhook/error.h>

/* A member that is read. A list of them ends with RH_JSON_MEMBERS_END. */
struct rh_json_member {
    const char *name;
    size_t name_len;
    const struct rh_json_member *members; /* of its own, where it is an object: those alone are
                                             read. NULL: all of it */
};

#define RH_JSON_MEMBER(name, members)   \
    {                                   \
        name, sizeof(name) - 1, members \
    }
#define RH_JSON_MEMBERS_END \
    {                       \
        NULL, 0, NULL       \
    }

/* How deep arrays and objects may be nested: as deep as cJSON takes them. */
#define RH_JSON_DEPTH_MAX 1000

/*
 * Copies a JSON text (RFC 8259) to `out`, which has room for `text_len` + 1 bytes and is
 * NUL-terminated, less the members that are not `wanted`, and less a byte order mark at its start.
 * Where the text is no object, all of it is copied.
 *
 * The whole text is checked, what is left out too: the grammar, the depth, well-formed UTF-8, no
 * NUL, and no half of a surrogate pair. RH_ERR_NOT_JSON says in `reason` what is wrong, and where.
 */
enum rh_error rh_json_prune(const char *text, size_t text_len, const struct rh_json_member *wanted,
                            char *out, size_t *out_len, struct rh_reason *reason) RH_MUST_CHECK;

#endif
