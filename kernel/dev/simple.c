/* SPDX-License-Identifier: BSD-2-Clause */
/* The small nodes: log, clock, power, fault. */
#include "kernel/arch/arch.h"
#include "kernel/debug/log.h"
#include "kernel/dev/knode_table.h"
#include "kernel/job/job.h"
#include "kernel/lib/printf.h"
#include "kernel/lib/string.h"

/* A decimal number and nothing more but spaces and newlines at the end. */
static bool parse_number(const char *text, size_t len, uint64_t *value)
{
    size_t i = 0;
    *value = 0;
    for (; i < len && text[i] >= '0' && text[i] <= '9'; i++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(text[i] - '0'), value))
            return false;
    size_t digits = i;
    while (i < len && (text[i] == '\n' || text[i] == ' '))
        i++;
    return digits > 0 && i == len;
}

/* --- log: reading gives the ring from the file's position on, writing adds lines ----------------------- */

static cloudabi_errno_t log_read(struct file *file, const struct user_vec *to,
                                 const uint64_t *offset, size_t *done)
{
    char piece[256];
    cloudabi_errno_t error = 0;
    if (offset != NULL)
        return CLOUDABI_ESPIPE;
    *done = 0;
    mutex_lock(&file->position_lock);
    while (error == 0 && *done < to->total) {
        size_t left = to->total - *done;
        size_t n = klog_read(&file->position, piece, left < sizeof(piece) ? left : sizeof(piece));
        if (n == 0)
            break;
        error = user_vec_write(to, *done, piece, n);
        *done += error == 0 ? n : 0;
    }
    mutex_unlock(&file->position_lock);
    return *done > 0 ? 0 : error;
}

static cloudabi_errno_t log_write(struct file *file, const struct user_vec *from,
                                  const uint64_t *offset, size_t *done)
{
    char text[400];
    (void)file, (void)offset;
    size_t len = from->total < sizeof(text) ? from->total : sizeof(text);
    cloudabi_errno_t error = user_vec_read(from, 0, text, len);
    if (error != 0)
        return error;
    *done = from->total == len ? len : 0;
    for (size_t start = 0; start < len;) {
        const char *newline = memchr(text + start, '\n', len - start);
        size_t end = newline != NULL ? (size_t)(newline - text) : len;
        if (end > start)
            klog_text(text + start, end - start);
        start = end + 1;
    }
    *done = len; /* of a longer text the caller writes the rest */
    return 0;
}

static cloudabi_errno_t device_stat(struct file *file, cloudabi_filestat_t *out)
{
    *out = (cloudabi_filestat_t){.st_filetype = file->type, .st_nlink = 1};
    return 0;
}

static const struct file_ops log_file_ops = {
    .read = log_read, .write = log_write, .stat = device_stat};

static cloudabi_errno_t log_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                 struct job *job, struct file **out)
{
    (void)write;
    *out = file_create(job, node->type, &log_file_ops, flags, NULL);
    return *out != NULL ? 0 : CLOUDABI_ENOMEM;
}

const struct knode_ops log_ops = {.open = log_open};

/* --- clock: realtime in nanoseconds, read or set ------------------------------------------------------- */

static size_t clock_render(void *data, char *buffer, size_t size)
{
    (void)data;
    return ksnprintf(buffer, size, "%lu\n", arch_clock_realtime());
}

static cloudabi_errno_t clock_store(void *data, const char *text, size_t len)
{
    uint64_t now;
    (void)data;
    if (!parse_number(text, len, &now))
        return CLOUDABI_EINVAL;
    arch_clock_set_realtime(now);
    return 0;
}

static const struct ktext_ops clock_text = {.render = clock_render, .store = clock_store};

static cloudabi_errno_t clock_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                   struct job *job, struct file **out)
{
    (void)node, (void)write;
    return ktext_open(&clock_text, NULL, flags, job, out);
}

const struct knode_ops clock_ops = {.open = clock_open};

/* --- power: `off N` or `reboot` ------------------------------------------------------------------------- */

static cloudabi_errno_t power_store(void *data, const char *text, size_t len)
{
    uint64_t status;
    (void)data;
    if (len >= 6 && memcmp(text, "reboot", 6) == 0) {
        klog("power: reboot");
        arch_reboot();
    }
    if (len < 4 || memcmp(text, "off ", 4) != 0 || !parse_number(text + 4, len - 4, &status))
        return CLOUDABI_EINVAL;
    klog("power: off %lu", status);
    arch_power_off();
}

static const struct ktext_ops power_text = {.store = power_store};

static cloudabi_errno_t power_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                   struct job *job, struct file **out)
{
    (void)node, (void)write;
    return ktext_open(&power_text, NULL, flags, job, out);
}

const struct knode_ops power_ops = {.open = power_open};

/* --- fault: `N`: the Nth allocation of the writing process from now on fails; 0 ends it ------------------ */

static cloudabi_errno_t fault_store(void *data, const char *text, size_t len)
{
    uint64_t countdown;
    (void)data;
    if (!parse_number(text, len, &countdown))
        return CLOUDABI_EINVAL;
    fault_arm(countdown);
    return 0;
}

static const struct ktext_ops fault_text = {.store = fault_store};

static cloudabi_errno_t fault_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                   struct job *job, struct file **out)
{
    (void)node, (void)write;
    return ktext_open(&fault_text, NULL, flags, job, out);
}

const struct knode_ops fault_ops = {.open = fault_open};
