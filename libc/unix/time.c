/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks and sleeping. All clocks of the ABI count nanoseconds. */
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "libc/unix/unix.h"

cloudabi_timestamp_t __now(cloudabi_clockid_t clock)
{
    cloudabi_timestamp_t time = 0;

    (void)cloudabi_sys_clock_time_get(clock, 1, &time);
    return time;
}

ONLY_KERNEL int clock_gettime(clockid_t id, struct timespec *ts)
{
    cloudabi_clockid_t clock;

    if (!clock_of(id, &clock))
        return result(EINVAL);
    /* The result goes where its rest will stay: a variable on the stack would cost a frame. */
    cloudabi_timestamp_t *time = (cloudabi_timestamp_t *)&ts->tv_nsec;
    cloudabi_errno_t error = cloudabi_sys_clock_time_get(clock, 1, time);
    if (error != 0)
        return result(error);
    *ts = to_timespec(*time);
    return 0;
}

int clock_getres(clockid_t id, struct timespec *ts)
{
    cloudabi_timestamp_t time = 0;
    cloudabi_clockid_t clock;
    cloudabi_errno_t error =
        clock_of(id, &clock) ? cloudabi_sys_clock_res_get(clock, &time) : EINVAL;

    if (error == 0 && ts != NULL)
        *ts = to_timespec(time);
    return result(error);
}

int clock_settime(clockid_t id, const struct timespec *ts)
{
    (void)id;
    (void)ts;
    return result(EPERM);
}

int gettimeofday(struct timeval *tv, void *zone)
{
    cloudabi_timestamp_t now = __now(CLOUDABI_CLOCK_REALTIME);

    (void)zone;
    *tv = (struct timeval){(time_t)(now / 1000000000), (suseconds_t)(now / 1000 % 1000000)};
    return 0;
}

clock_t times(struct tms *buffer)
{
    clock_t used = (clock_t)(__now(CLOUDABI_CLOCK_PROCESS_CPUTIME_ID) / (1000000000 / CLK_TCK));

    *buffer = (struct tms){.tms_utime = used};
    return (clock_t)(__now(CLOUDABI_CLOCK_MONOTONIC) / (1000000000 / CLK_TCK));
}

clock_t clock(void)
{
    return (clock_t)(__now(CLOUDABI_CLOCK_PROCESS_CPUTIME_ID) / (1000000000 / CLOCKS_PER_SEC));
}

int clock_nanosleep(clockid_t id, int flags, const struct timespec *request, struct timespec *rest)
{
    cloudabi_subscription_t in = {.type = CLOUDABI_EVENTTYPE_CLOCK};
    cloudabi_event_t out;
    size_t events;

    if (!clock_of(id, &in.clock.clock_id) || !from_timespec(request, &in.clock.timeout))
        return EINVAL;
    in.clock.flags = (flags & TIMER_ABSTIME) != 0 ? CLOUDABI_SUBSCRIPTION_CLOCK_ABSTIME : 0;
    cloudabi_errno_t error = cloudabi_sys_poll(&in, &out, 1, &events);
    if (error == 0 && rest != NULL && (flags & TIMER_ABSTIME) == 0)
        *rest = (struct timespec){0, 0};
    return error != 0 ? error : out.error;
}

int nanosleep(const struct timespec *request, struct timespec *rest)
{
    return result((cloudabi_errno_t)clock_nanosleep(CLOCK_REALTIME, 0, request, rest));
}

unsigned sleep(unsigned seconds)
{
    struct timespec ts = {(time_t)seconds, 0};

    return clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL) == 0 ? 0 : seconds;
}

int usleep(useconds_t microseconds)
{
    struct timespec ts = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000};

    return result((cloudabi_errno_t)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL));
}

/* Days since 1970-01-01 of a date; MONTH counts from March, so that the leap day is the last of a year. */
static long long days_of(long long year, int month)
{
    long long shifted = month < 2 ? year - 1 : year;
    long long era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    long long in_era = shifted - era * 400;
    long long day_of_year = (153 * ((month + 10) % 12) + 2) / 5;

    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + day_of_year - 719468;
}

time_t timegm(struct tm *tm)
{
    long long month = tm->tm_mon % 12;
    long long year = 1900LL + tm->tm_year + tm->tm_mon / 12;

    if (month < 0)
        month += 12, year--;
    long long days = days_of(year, (int)month) + tm->tm_mday - 1;
    time_t time = (time_t)(((days * 24 + tm->tm_hour) * 60 + tm->tm_min) * 60 + tm->tm_sec);
    gmtime_r(&time, tm);
    return time;
}
