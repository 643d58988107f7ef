/*
 * When each webhook secret was last used.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/secret_use.h"

#include <stdio.h>
#include <string.h>

#include <runhook/signature.h>

#include "ledger/statement.h"

/* What a signature has before its digits. */
#define SIGNATURE_PREFIX_LEN (sizeof "sha256=" - 1)

bool
secret_fingerprint(const struct rh_secret *secret, const char *receiver,
                   char out[SECRET_FINGERPRINT_CAP])
{
    char signature[RH_SIGNATURE_CAP];
    struct rh_secret *key = NULL;
    bool done =
        rh_secret_new(receiver, strlen(receiver), &key) == RH_OK &&
        rh_signature_sign(key, rh_secret_bytes(secret), rh_secret_len(secret), signature) == RH_OK;

    out[0] = '\0';
    if (done) {
        memcpy(out, signature + SIGNATURE_PREFIX_LEN, SECRET_FINGERPRINT_CAP - 1);
        out[SECRET_FINGERPRINT_CAP - 1] = '\0';
        explicit_bzero(signature, sizeof signature); /* all of it would do to find the secret by */
    }
    rh_secret_free(key);
    return done;
}

static enum ledger_error
note(struct ledger_txn *txn, const struct secret_use *use, int64_t now_ms)
{
    struct statement statement =
        txn_prepare(txn, "INSERT INTO secret_use (fingerprint, used_at_ms) VALUES (?1, ?2)"
                         " ON CONFLICT (fingerprint) DO UPDATE SET used_at_ms ="
                         " iif(used_at_ms > ?3, ?2, max(used_at_ms, ?2))");

    bind_text(&statement, use->fingerprint);
    bind_number(&statement, use->used_at_ms);
    bind_number(&statement, now_ms);
    return txn_error(statement_step(&statement));
}

/* Forgets the rows of secrets that are configured no more. Not at once: processes of one ledger
 * read a new configuration one after the other, and who puts a secret back asks how it was used. */
static enum ledger_error
forget(struct ledger_txn *txn, const struct secret_uses *uses)
{
    struct statement statement = txn_prepare(txn, "DELETE FROM secret_use WHERE used_at_ms < ?1"
                                                  " AND fingerprint NOT IN (?2, ?3)");
    _Static_assert(SECRETS_MAX == 2, "a parameter for each");

    bind_number(&statement, uses->now_ms - uses->retention_ms);
    for (size_t i = 0; i < SECRETS_MAX; i++)
        bind_text(&statement, i < uses->len ? uses->items[i].fingerprint : "");
    return txn_error(statement_step(&statement));
}

enum ledger_error
secret_use_note(struct ledger_txn *txn, void *arg)
{
    const struct secret_uses *uses = arg;

    for (size_t i = 0; i < uses->len; i++) {
        enum ledger_error error =
            uses->items[i].used_at_ms == 0 ? LEDGER_OK : note(txn, &uses->items[i], uses->now_ms);

        if (error != LEDGER_OK)
            return error;
    }
    return forget(txn, uses);
}

enum ledger_error
secret_use_find(struct ledger_txn *txn, void *arg)
{
    struct secret_use *use = arg;
    struct statement statement =
        txn_prepare(txn, "SELECT used_at_ms FROM secret_use WHERE fingerprint = ?1");
    int code;

    bind_text(&statement, use->fingerprint);
    code = statement_step(&statement);
    use->used_at_ms = code == SQLITE_ROW ? read_number(&statement) : 0;
    return txn_error(code);
}

bool
secret_use_is_over(const struct secret_use *previous, const struct secret_use *current,
                   int64_t now_ms)
{
    return previous->used_at_ms != 0 && now_ms - previous->used_at_ms >= SECRET_UNUSED_MS &&
           current->used_at_ms > previous->used_at_ms;
}
