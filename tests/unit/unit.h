/*
 * What every unit test includes first: cmocka, which needs these headers before it.
 * SPDX-License-Identifier: MIT
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Fails the test with the name of the table's row in which it went wrong. */
#define assert_row(condition, row)                               \
    do {                                                         \
        if (!(condition))                                        \
            fail_msg("row \"%s\": not so: %s", row, #condition); \
    } while (0)

#endif
