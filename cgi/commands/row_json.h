/*
 * Rows of the ledger as the JSON objects that commands print.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_ROW_JSON_H
#define COMMANDS_ROW_JSON_H

#include <cjson/cJSON.h>

#include "ledger/job.h"
#include "ledger/runner.h"

/* The caller owns what each returns; NULL when out of memory. */
cJSON *row_json_job(const struct job *job);
cJSON *row_json_runner(const struct runner *runner);

#endif
