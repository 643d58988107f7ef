/*
 * From a whole FastCGI request to the records that answer it, both in memory: libfcgi reads and
 * writes the protocol, on a file of this process's own, where no read and no write has to wait for
 * anybody. SPDX-License-Identifier: MIT
 */
#ifndef SERVE_CODEC_H
#define SERVE_CODEC_H

#include "serve/webhook.h"
#include "text/buffer.h"

/* Belongs to one thread. */
struct codec;

/* The most that the records of an answer come to. */
#define CODEC_ANSWER_MAX (ANSWER_RESPONSE_MAX + 64 * 1024)

/* `waits`, with `arg`, is told when an answer waits. NULL, with errno, where there is no memory or
 * no descriptor. */
struct codec *codec_new(request_waits waits, void *arg);
void codec_free(struct codec *codec);

/*
 * Answers a request that an intake has found good, and appends the answer's records to `out`. Sets
 * all of `*answer`, which the caller ends with answer_fini. False where that cannot be done, and
 * then there is no answer to end.
 */
bool codec_answer(struct codec *codec, const struct webhook *webhook, const struct buffer *request,
                  struct answer *answer, struct buffer *out);

#endif
