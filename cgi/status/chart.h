/*
 * A picture of the last day: how many jobs waited and ran. Pure: from a series to SVG within a
 * page of HTML. SPDX-License-Identifier: MIT
 */
#ifndef STATUS_CHART_H
#define STATUS_CHART_H

#include "status/series.h"
#include "text/html.h"

/*
 * Writes one <svg>, of the width of what holds it: its lines stretch, its words do not. Colours are
 * the page's, by the classes "g" (grid), "r" (running) and "w" (waiting). It has a title and a
 * description for who does not see it; their ids are "chart-title" and "chart-text".
 */
void chart_draw(const struct series *series, struct html *html);

/* The top of the axis for a value: the least even number, or ten of them or a hundred, …, that is
 * not below it; 2 at least, so that half of it is whole. */
int64_t chart_top(int64_t value);

#endif
