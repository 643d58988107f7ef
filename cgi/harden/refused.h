/*
 * The system calls that are refused: a deny-list.
 *
 * Not an allow-list: which calls the C library, the NSS modules behind getaddrinfo, OpenSSL,
 * libcurl and SQLite make is theirs to say, and changes with an upgrade of the system. CI must not
 * stand still after one. So listed is what none of them has a use for in a program that answers
 * requests, and what an intruder in it would want next: other programs, other processes, other
 * users, other namespaces, and parts of the kernel that are large and that runhook does not need.
 *
 * A refused call fails with EPERM, as it would for want of a right. Nothing is killed for it: a
 * library that tries one, and does without, must not end the program.
 * SPDX-License-Identifier: MIT
 */
#ifndef HARDEN_REFUSED_H
#define HARDEN_REFUSED_H

#include <stddef.h>
#include <stdint.h>

/* Whatever their arguments: names, NULL after the last. Not every architecture has all of them. */
extern const char *const refused_calls[];

/* A call that is refused where all bits of `mask` are as in `value`, in the argument of this number
 * (from 0). A mask never reaches beyond what the kernel looks at, or bits that it ignores would be
 * a way around. */
struct refused_argument {
    const char *call;
    unsigned argument;
    uint64_t mask, value;
};
extern const struct refused_argument refused_arguments[];
extern const size_t refused_arguments_len;

/* The families of sockets that are not refused. All others, to AF_MAX, fail with EAFNOSUPPORT, as
 * where the kernel has them not. */
extern const int permitted_families[];
extern const size_t permitted_families_len;

#endif
