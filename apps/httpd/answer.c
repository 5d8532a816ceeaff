/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "apps/httpd/httpd.h"

#define LISTING_MAX (256 * 1024)
#define PAGE_MAX    256
#define DATE_MAX    32
#define TAG_MAX     48

static const char *reason(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 206:
        return "Partial Content";
    case 301:
        return "Moved Permanently";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 414:
        return "URI Too Long";
    case 416:
        return "Range Not Satisfiable";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Internal Server Error";
    }
}

static void format_date(time_t time, char text[DATE_MAX])
{
    struct tm parts;
    gmtime_r(&time, &parts);
    strftime(text, DATE_MAX, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

/* --- the head ----------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
add(struct answer *answer, const char *format, ...)
{
    size_t room = HEAD_OUT_MAX - answer->head_length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(answer->head + answer->head_length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        answer->head_length += (size_t)length < room ? (size_t)length : room - 1;
}

static void begin(struct answer *answer, unsigned status)
{
    static time_t made;
    static char date[DATE_MAX];
    time_t now = time(NULL);
    if (now != made)
        format_date(made = now, date);
    add(answer, "HTTP/1.1 %u %s\r\nServer: tessera\r\nDate: %s\r\n", status, reason(status), date);
}

static void end(struct answer *answer, const struct http_request *request)
{
    add(answer, "Connection: %s\r\n\r\n", request->keep_alive ? "keep-alive" : "close");
    if (request->head_only)
        answer->left = 0;
}

/* A body from memory, which is freed with the answer. */
static void give_memory(struct answer *answer, const struct http_request *request, char *memory,
                        size_t length)
{
    answer->memory = memory;
    answer->left = memory != NULL ? length : 0;
    add(answer, "Content-Type: text/html; charset=utf-8\r\nContent-Length: %llu\r\n",
        (unsigned long long)answer->left);
    end(answer, request);
}

static void give_status(struct answer *answer, const struct http_request *request, unsigned status)
{
    char *text = malloc(PAGE_MAX);
    int length = text == NULL ? 0
                              : snprintf(text, PAGE_MAX,
                                         "<!DOCTYPE html><title>%u %s</title><h1>%u %s</h1>\n",
                                         status, reason(status), status, reason(status));
    begin(answer, status);
    if (status == 405)
        add(answer, "Allow: GET, HEAD\r\n");
    give_memory(answer, request, text, (size_t)length);
}

static unsigned status_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
        return 404;
    case EACCES:
    case EPERM:
    case ENOTCAPABLE:
        return 403;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return 503;
    default:
        return 500;
    }
}

/* --- files -------------------------------------------------------------------------------------- */

static bool unchanged(const struct http_request *request, const char *tag, const char *date)
{
    if (request->if_none_match.bytes != NULL)
        return http_tag_matches(request->if_none_match, tag);
    const struct http_text *since = &request->if_modified_since;
    return since->bytes != NULL && since->length == strlen(date) &&
           memcmp(since->bytes, date, since->length) == 0;
}

/* A range holds only for the file that the client has the rest of. */
static bool wants_range(const struct http_request *request, const char *tag)
{
    return request->range.kind != HTTP_RANGE_NONE &&
           (request->if_range.bytes == NULL || http_tag_matches(request->if_range, tag));
}

static void give_file(struct answer *answer, const struct http_request *request, int file,
                      const struct stat *status, const char *name)
{
    char tag[TAG_MAX], date[DATE_MAX];
    uint64_t size = (uint64_t)status->st_size, count = size;
    bool part = false;
    format_date(status->st_mtime, date);
    snprintf(tag, sizeof(tag), "\"%llx-%llx%08lx\"", (unsigned long long)size,
             (unsigned long long)status->st_mtime, (unsigned long)status->st_mtim.tv_nsec);
    answer->file = file;
    if (unchanged(request, tag, date)) {
        begin(answer, 304);
        add(answer, "ETag: %s\r\n", tag);
        end(answer, request);
        return;
    }
    if (wants_range(request, tag)) {
        part = http_range_resolve(&request->range, size, &answer->from, &count);
        if (!part) {
            begin(answer, 416);
            add(answer, "Content-Range: bytes */%llu\r\nContent-Length: 0\r\n",
                (unsigned long long)size);
            end(answer, request);
            return;
        }
    }
    begin(answer, part ? 206 : 200);
    answer->left = count;
    add(answer, "Content-Type: %s\r\nContent-Length: %llu\r\nAccept-Ranges: bytes\r\n",
        content_type(name), (unsigned long long)count);
    add(answer, "Last-Modified: %s\r\nETag: %s\r\n", date, tag);
    if (part)
        add(answer, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)answer->from,
            (unsigned long long)(answer->from + count - 1), (unsigned long long)size);
    end(answer, request);
}

/* --- directories -------------------------------------------------------------------------------- */

/* A name as it may stand in a page (`%` false) or in a link (`%` true). */
static void print_name(FILE *page, const char *name, bool link)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    for (const unsigned char *c = (const unsigned char *)name; *c != '\0'; c++) {
        if (strchr(plain, *c) != NULL)
            fputc(*c, page);
        else if (link)
            fprintf(page, "%%%02X", *c);
        else if (*c < 0x80)
            fprintf(page, "&#%u;", *c);
        else
            fputc(*c, page);
    }
}

static void print_entries(FILE *page, DIR *directory)
{
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL && ftell(page) < LISTING_MAX) {
        if (entry->d_name[0] == '.')
            continue;
        const char *slash = entry->d_type == DT_DIR ? "/" : "";
        fputs("<li><a href=\"./", page);
        print_name(page, entry->d_name, true);
        fprintf(page, "%s\">", slash);
        print_name(page, entry->d_name, false);
        fprintf(page, "%s</a>\n", slash);
    }
}

static void give_listing(struct answer *answer, const struct http_request *request, int fd)
{
    char *text = NULL;
    size_t length = 0;
    DIR *directory = fdopendir(fd);
    FILE *page = directory == NULL ? NULL : open_memstream(&text, &length);
    if (page == NULL) {
        if (directory != NULL)
            closedir(directory);
        else
            close(fd);
        give_status(answer, request, 500);
        return;
    }
    fputs("<!DOCTYPE html><title>/", page);
    print_name(page, request->path, false);
    fputs("</title><h1>/", page);
    print_name(page, request->path, false);
    fputs("</h1><ul>\n", page);
    print_entries(page, directory);
    fputs("</ul>\n", page);
    closedir(directory);
    fclose(page);
    begin(answer, 200);
    give_memory(answer, request, text, length);
}

static void give_redirect(struct answer *answer, const struct http_request *request)
{
    char *link = NULL;
    size_t length = 0;
    FILE *page = open_memstream(&link, &length);
    if (page == NULL) {
        give_status(answer, request, 503);
        return;
    }
    fputc('/', page);
    print_name(page, request->path, true);
    fputc('/', page);
    fclose(page);
    begin(answer, 301);
    if (link != NULL && length < HEAD_OUT_MAX / 2)
        add(answer, "Location: %s\r\n", link);
    free(link);
    give_memory(answer, request, NULL, 0);
}

static void give_directory(struct answer *answer, const struct http_request *request, int fd)
{
    static const char index[] = "index.html";
    struct stat status;
    if (!request->directory) {
        close(fd);
        give_redirect(answer, request);
        return;
    }
    int file = openat(fd, index, O_RDONLY);
    if (file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
        close(fd);
        give_file(answer, request, file, &status, index);
        return;
    }
    if (file >= 0)
        close(file);
    give_listing(answer, request, fd);
}

static void give_path(struct answer *answer, int root, const struct http_request *request)
{
    struct stat status;
    int fd = openat(root, request->path[0] != '\0' ? request->path : ".", O_RDONLY);
    if (fd < 0 || fstat(fd, &status) != 0) {
        unsigned code = status_of_errno(errno);
        if (fd >= 0)
            close(fd);
        give_status(answer, request, code);
    } else if (S_ISDIR(status.st_mode)) {
        give_directory(answer, request, fd);
    } else if (S_ISREG(status.st_mode) && !request->directory) {
        give_file(answer, request, fd, &status, request->path);
    } else {
        close(fd);
        give_status(answer, request, S_ISREG(status.st_mode) ? 404 : 403);
    }
}

void answer_make(struct answer *answer, int root, const struct http_request *request,
                 unsigned status)
{
    answer->head_length = 0;
    answer->memory = NULL;
    answer->file = -1;
    answer->from = answer->left = 0;
    if (status != 0)
        give_status(answer, request, status);
    else
        give_path(answer, root, request);
}

void answer_free(struct answer *answer)
{
    free(answer->memory);
    answer->memory = NULL;
    if (answer->file >= 0)
        close(answer->file);
    answer->file = -1;
}
