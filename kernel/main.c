/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot, as a list of calls; then this context is the boot CPU's idle thread. */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/boot.h"
#include "kernel/debug/log.h"
#include "kernel/dev/dev.h"
#include "kernel/fd/port.h"
#include "kernel/job/job.h"
#include "kernel/lib/bootinfo.h"
#include "kernel/lib/random.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sched.h"

#define INIT_PROGRAM "bin/init"

/* Argument data of init: the map {kernel: fd 0, cmdline: "..."} (docs/executables.md section 12). */
static size_t put_element(uint8_t *to, const void *bytes, size_t len) /* length, then bytes */
{
    size_t n = 0;
    if (len >= 128)
        to[n++] = (uint8_t)(len >> 7);
    to[n++] = (uint8_t)(len & 127) | 128;
    memcpy(to + n, bytes, len);
    return n + len;
}

static size_t put_string(uint8_t *to, const char *text)
{
    uint8_t value[BOOT_COMMAND_LINE + 1] = {8};
    size_t len = strlen(text) + 1;
    memcpy(value + 1, text, len);
    return put_element(to, value, len + 1);
}

static size_t init_argdata(uint8_t *to)
{
    static const uint8_t fd0[] = {3, 0, 0, 0, 0};
    size_t n = 0;
    to[n++] = 6;
    n += put_string(to + n, "kernel");
    n += put_element(to + n, fd0, sizeof(fd0));
    n += put_string(to + n, "cmdline");
    n += put_string(to + n, boot_info.command_line);
    return n;
}

static struct process *init;

/* Without init nothing can be handed out any more. It powers the machine off before it ends. */
static void init_ends(struct process *process, bool exec)
{
    if (process == init && !exec)
        panic("init has ended, by signal %u or exit code %u", process->signal, process->exit_code);
}

static void start_init(void)
{
    uint8_t argdata[BOOT_COMMAND_LINE + 64];
    struct fd_table *fds = fd_table_create(&job_root);
    struct file *root = NULL;
    struct rights rights = rights_of_type(CLOUDABI_FILETYPE_DIRECTORY);
    cloudabi_fd_t fd;
    cloudabi_errno_t error = dev_open_root(&root);
    if (fds == NULL || error != 0 || fd_table_add(fds, root, rights, &fd) != 0)
        panic("no memory for init");
    struct memobj *image = dev_boot_file(INIT_PROGRAM);
    if (image == NULL)
        panic("the boot archive has no " INIT_PROGRAM);
    process_add_exit_hook(init_ends);
    port_init();
    error = process_create_first(image, fds, argdata, init_argdata(argdata), &init);
    if (error != 0)
        panic(INIT_PROGRAM " can not be executed: error %u", error);
}

void kernel_main(void)
{
    arch_init_devices();
    klog("Tessera, command line \"%s\"", boot_info.command_line);
    frame_init();
    random_init_cpu();
    sched_init_cpu(arch_cpu_self());
    arch_start_cpus();
    dev_init();
    start_init();
    klog("memory: %lu of %lu KiB free", frame_free_count() * 4, frame_total_count() * 4);
    sched_run_idle();
}
