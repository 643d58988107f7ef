/*
 * The plain CGI side (RFC 3875): one request from the environment and standard input, one answer to
 * standard output.
 * SPDX-License-Identifier: MIT
 */
#ifndef SERVE_CGI_H
#define SERVE_CGI_H

#include <stdbool.h>

#include "serve/webhook.h"

/* Whether a web server started this process as a CGI program. */
bool cgi_started(void);

/* Whether the process's arguments are the web server's own and not words of the client's query,
 * which RFC 3875 (section 4.4) lets it pass as arguments when the query has no '='. */
bool cgi_arguments_trusted(void);

/* Reads the request and decides. The caller ends the answer with answer_fini. */
void cgi_answer(const struct webhook *webhook, struct answer *answer);

/* Writes the answer, and closes standard input and output, so that the web server has the whole of
 * it while this process goes on. False where it could not be written. */
bool cgi_reply(const struct answer *answer);

#endif
