/*
 * Marks what the shared library exports, and the attributes that its functions carry.
 * SPDX-License-Identifier: MIT
 */
#ifndef RUNHOOK_EXPORT_H
#define RUNHOOK_EXPORT_H

#if defined(__GNUC__) || defined(__clang__)
#define RH_API __attribute__((visibility("default")))
#define RH_MUST_CHECK __attribute__((warn_unused_result))
#else
#define RH_API
#define RH_MUST_CHECK
#endif

#endif
