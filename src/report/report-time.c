/* SPDX-License-Identifier: MIT */

#include <stdio.h>

#include "report-time.h"

#define DAY_SECONDS UINT64_C(86400)
#define ERA_DAYS 146097 /* 400 years of the Gregorian calendar */

struct date {
	unsigned year, month, day;
};

/* Years are counted from 1 March, so that the leap day is the last of its year. */
static struct date date_of(uint64_t days_since_1970)
{
	uint64_t days = days_since_1970 + 719468; /* 1970-01-01, counted from 0000-03-01 */
	unsigned of_era = (unsigned)(days % ERA_DAYS);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153; /* 0: March */
	struct date date = {
		.year = (unsigned)(days / ERA_DAYS) * 400 + year,
		.month = month < 10 ? month + 3 : month - 9,
		.day = of_year - (153 * month + 2) / 5 + 1,
	};

	if (date.month <= 2)
		date.year++;
	return date;
}

void report_time_format(uint64_t realtime_usec, char text[REPORT_TIME_MAX])
{
	uint64_t seconds = realtime_usec / 1000000;
	unsigned of_day = (unsigned)(seconds % DAY_SECONDS);
	struct date date = date_of(seconds / DAY_SECONDS);

	(void)snprintf(text, REPORT_TIME_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", date.year,
		       date.month, date.day, of_day / 3600, of_day / 60 % 60, of_day % 60,
		       (unsigned)(realtime_usec / 1000 % 1000));
}
