/*
 * Times as GitHub writes them.
 * SPDX-License-Identifier: MIT
 */
#include <runhook/delivery.h>

/* Takes exactly `digits` digits off the front of `*at`. */
static bool
number_take(const char **at, int digits, int min, int max, int *out)
{
    int value = 0;

    for (int i = 0; i < digits; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9')
            return false;
        value = 10 * value + (c - '0');
    }
    *at += digits;
    *out = value;
    return value >= min && value <= max;
}

static bool
char_take(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* Seconds east of UTC: "Z", "+02:00", "-05:30". */
static bool
offset_take(const char **at, int64_t *out_s)
{
    int hours = 0;
    int minutes = 0;

    *out_s = 0;
    if (char_take(at, 'Z'))
        return true;
    bool west = **at == '-';
    if (!west && **at != '+')
        return false;
    (*at)++;
    if (!number_take(at, 2, 0, 23, &hours) || !char_take(at, ':') ||
        !number_take(at, 2, 0, 59, &minutes))
        return false;
    *out_s = (west ? -60 : 60) * (int64_t)(60 * hours + minutes);
    return true;
}

static bool
fraction_skip(const char **at)
{
    if (!char_take(at, '.'))
        return true;
    if (**at < '0' || **at > '9')
        return false;
    while (**at >= '0' && **at <= '9')
        (*at)++;
    return true;
}

static bool
is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. timegm would do, if it did not also
 * accept and normalize a 31st of February. */
static int64_t
days_since_1970(int year, int month, int day)
{
    int64_t before = year - 1; /* whole years since 0001-01-01 */
    int64_t days = 365 * before + before / 4 - before / 100 + before / 400 - 719162;

    for (int m = 1; m < month; m++)
        days += month_days(year, m);
    return days + day - 1;
}

bool
rh_time_parse(const char *text, int64_t *out_s)
{
    int year = 0;
    int month = 0;
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int64_t offset_s = 0;

    *out_s = 0;
    if (text == NULL)
        return false;
    const char *at = text;
    if (!number_take(&at, 4, 1, 9999, &year) || !char_take(&at, '-') ||
        !number_take(&at, 2, 1, 12, &month) || !char_take(&at, '-') ||
        !number_take(&at, 2, 1, month_days(year, month), &day))
        return false;
    if (!char_take(&at, 'T') || !number_take(&at, 2, 0, 23, &hour) || !char_take(&at, ':') ||
        !number_take(&at, 2, 0, 59, &minute) || !char_take(&at, ':') ||
        !number_take(&at, 2, 0, 59, &second))
        return false;
    if (!fraction_skip(&at) || !offset_take(&at, &offset_s) || *at != '\0')
        return false;

    *out_s = days_since_1970(year, month, day) * 86400 + ((int64_t)hour * 60 + minute) * 60 +
             second - offset_s;
    return true;
}
