/*
 * What fails, and when.
 * SPDX-License-Identifier: MIT
 */
#include "faults.h"

#include <inttypes.h>
#include <stdio.h>

enum rhythm {
    ONCE,  /* the call number `first` */
    WHILE, /* `len` calls from there on */
    FROM,  /* all from there on */
    RARE,  /* one in `len` */
    RHYTHMS,
};

static struct {
    bool is_on;
    uint64_t random;
    unsigned kinds; /* bits, by enum fault */
    enum rhythm rhythm;
    uint64_t first;
    uint64_t len;
    uint64_t calls; /* that asked */
    size_t struck;
    char text[128];
} plan;

/* Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (SplitMix64). */
static uint64_t
next_random(void)
{
    uint64_t mixed = plan.random += 0x9e3779b97f4a7c15;

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

uint64_t
faults_draw(uint64_t end)
{
    return next_random() % end;
}

/* Few requests go out, some hundred blocks are allocated, and some thousand by SQLite: each should
 * have its turn. */
static uint64_t
draw_first(void)
{
    static const uint64_t ends[] = {4, 16, 64, 256, 1024, 4096};

    return faults_draw(ends[faults_draw(sizeof ends / sizeof ends[0])]);
}

void
faults_plan(uint64_t seed)
{
    static const char *const kinds[] = {"memory", "store-memory", "disk", "lock",
                                        "crypto", "option",       "wire"};
    static const char *const rhythms[] = {"once", "while", "from", "rare"};
    uint64_t kind;

    plan.is_on = false;
    plan.random = seed;
    kind = faults_draw(FAULTS + 2);
    plan.kinds = kind < FAULTS ? 1U << kind : (1U << FAULTS) - 1;
    plan.rhythm = (enum rhythm)faults_draw(RHYTHMS);
    plan.first = draw_first();
    plan.len = plan.rhythm == RARE ? 2 + faults_draw(200) : 1 + faults_draw(64);
    plan.calls = 0;
    plan.struck = 0;
    (void)snprintf(plan.text, sizeof plan.text, "%s %s, first %" PRIu64 ", len %" PRIu64,
                   kind < FAULTS ? kinds[kind] : "everything", rhythms[plan.rhythm], plan.first,
                   plan.len);
}

void
faults_begin(void)
{
    plan.is_on = true;
}

bool
faults_end(void)
{
    bool was_on = plan.is_on;

    plan.is_on = false;
    return was_on;
}

bool
faults_strike(enum fault fault)
{
    bool strikes = false;
    uint64_t call;

    if (!plan.is_on || (plan.kinds & 1U << fault) == 0)
        return false;
    call = plan.calls++;
    switch (plan.rhythm) {
    case ONCE:
        strikes = call == plan.first;
        break;
    case WHILE:
        strikes = call >= plan.first && call - plan.first < plan.len;
        break;
    case FROM:
        strikes = call >= plan.first;
        break;
    case RARE:
    case RHYTHMS:
        strikes = faults_draw(plan.len) == 0;
        break;
    }
    plan.struck += strikes;
    return strikes;
}

bool
faults_has(enum fault fault)
{
    return (plan.kinds & 1U << fault) != 0;
}

size_t
faults_struck(void)
{
    return plan.struck;
}

const char *
faults_text(void)
{
    return plan.text;
}
