/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes of the POSIX layer: fork, wait, kill, exec and spawn with descriptors; clocks. */
#include <argdata.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <tessera/grants.h>
#include <tessera/program.h>

#include "tests/guest/tap.h"

static void forks(void)
{
    int status = 0;
    int pair[2];
    char text[4] = "";

    CHECK(pipe(pair) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        void *memory = malloc(100);
        free(memory);
        _exit(write(pair[1], "hi", 2) == 2 ? 5 : 6);
    }
    close(pair[1]);
    CHECK(pid > 0);
    CHECK(read(pair[0], text, sizeof(text)) == 2 && memcmp(text, "hi", 2) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 5);
    CHECK(read(pair[0], text, 1) == 0);
    close(pair[0]);
    pid = fork();
    if (pid == 0)
        abort();
    CHECK(wait(&status) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    pid = fork();
    if (pid == 0) {
        sleep(100);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, WNOHANG) == 0);
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CHECK_ERRNO(wait(&status), ECHILD);
}

/* Runs this program again as argv[1] says; the exit code is the number of things that were wrong. */
static int again(int argc, char **argv)
{
    int wrong = 0;

    wrong += argc < 3 || strcmp(argv[2], "two words") != 0;
    wrong += grant_fd("tmpdir") < 0;
    wrong += getenv("KEY") == NULL || strcmp(getenv("KEY"), "value") != 0;
    /* Inherited descriptors keep their numbers, whatever else had them; the current directory stays. */
    if (argc == 4) {
        wrong += lseek(20, 0, SEEK_CUR) != 3;
        wrong += lseek(6, 0, SEEK_CUR) != 5;
        wrong += lseek(21, 0, SEEK_CUR) != -1;
        wrong += access("in-cwd", F_OK) != 0;
        wrong += access("/tmpdir/dir/in-cwd", F_OK) != 0;
    }
    return wrong;
}

static void inherits(int self)
{
    char *const argv[] = {"test", "again", "two words", "inherit", NULL};
    char *const envp[] = {"KEY=value", NULL};
    int status = 0;

    CHECK(mkdir("dir", 0777) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open("dir/in-cwd", O_RDWR | O_CREAT, 0666);
        int other = open("dir/other", O_RDWR | O_CREAT, 0666);
        int good = fd >= 0 && lseek(fd, 3, SEEK_SET) == 3 && lseek(other, 5, SEEK_SET) == 5 &&
                   dup2(fd, 20) == 20 && fcntl(dup2(fd, 21), F_SETFD, FD_CLOEXEC) == 0 &&
                   chdir("dir") == 0;
        good = good && (other == 6 || dup2(other, 6) == 6);
        fexecve(self, argv, envp);
        _exit(good ? 100 : 101);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(unlink("dir/in-cwd") == 0 && unlink("dir/other") == 0 && rmdir("dir") == 0);
}

static void execs(void)
{
    char *const argv[] = {"test", "again", "two words", NULL};
    char *const envp[] = {"KEY=value", NULL};
    int self = grant_fd("self");
    int status = 0;

    pid_t pid = fork();
    if (pid == 0) {
        fexecve(self, argv, envp);
        _exit(100 + errno);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    pid = fork();
    if (pid == 0) {
        execve("/tmpdir/nosuchprogram", argv, envp);
        _exit(errno == ENOENT ? 9 : 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 9);
}

static void spawns(void)
{
    struct argdata_writer writer;
    struct argdata value;
    int self = grant_fd("self");
    int process = -1;

    argdata_write_begin(&writer, NULL, 0);
    argdata_write_map_begin(&writer);
    argdata_write_str(&writer, "tmpdir");
    argdata_write_fd(&writer, (cloudabi_fd_t)grant_fd("tmpdir"));
    argdata_write_str(&writer, "args");
    argdata_write_seq_begin(&writer);
    argdata_write_str(&writer, "test");
    argdata_write_str(&writer, "again");
    argdata_write_str(&writer, "two words");
    argdata_write_seq_end(&writer);
    argdata_write_map_end(&writer);
    CHECK(argdata_write_end(&writer, &value) == 0);
    CHECK(program_spawn(self, &value, &process) == 0);
    /* The environment is missing there: one thing wrong. */
    CHECK(process >= 0 && program_wait(process) == 1 && close(process) == 0);
    int file = open("/tmpdir/notelf", O_RDWR | O_CREAT, 0666);
    CHECK(file >= 0 && write(file, "text", 4) == 4 && close(file) == 0);
    file = open("/tmpdir/notelf", O_RDONLY);
    int error = program_spawn(file, &value, &process);
    CHECK(error == ENOEXEC || error == ENOTCAPABLE);
    close(file);
    unlink("/tmpdir/notelf");
    argdata_write_free(&writer);
}

static void clocks(void)
{
    struct timespec a;
    struct timespec b;
    struct timespec wait = {0, 5000000};
    struct tm tm = {.tm_year = 124, .tm_mon = 1, .tm_mday = 29, .tm_hour = 12};

    CHECK(clock_gettime(CLOCK_MONOTONIC, &a) == 0 && nanosleep(&wait, NULL) == 0 &&
          clock_gettime(CLOCK_MONOTONIC, &b) == 0);
    CHECK((b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec >= 5000000);
    CHECK(time(NULL) > 1700000000);
    CHECK(clock_getres(CLOCK_REALTIME, &a) == 0 && (a.tv_sec != 0 || a.tv_nsec != 0));
    CHECK(clock() != (clock_t)-1);
    CHECK_ERRNO(clock_gettime(12345, &a), EINVAL);
    CHECK(timegm(&tm) == 1709208000 && tm.tm_wday == 4 && tm.tm_yday == 59);
    time_t epoch = 86399;
    CHECK(gmtime(&epoch)->tm_hour == 23);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "again") == 0)
        return again(argc, argv);
    forks();
    execs();
    inherits(grant_fd("self"));
    spawns();
    clocks();
    return tap_end();
}
