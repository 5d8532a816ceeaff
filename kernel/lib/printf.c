/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/lib/printf.h"

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/string.h"

struct out {
    char *buffer;
    size_t size, length;
};

struct spec { /* of one conversion */
    unsigned width, precision, longs;
    bool zero, left, has_precision, size;
};

static void put(struct out *out, char c)
{
    if (out->length + 1 < out->size)
        out->buffer[out->length] = c;
    out->length++;
}

static void pad(struct out *out, char c, size_t have, unsigned want)
{
    for (; have < want; have++)
        put(out, c);
}

static void put_text(struct out *out, const struct spec *spec, const char *text, size_t len)
{
    if (!spec->left)
        pad(out, ' ', len, spec->width);
    for (size_t i = 0; i < len; i++)
        put(out, text[i]);
    if (spec->left)
        pad(out, ' ', len, spec->width);
}

static void put_number(struct out *out, const struct spec *spec, uint64_t value, unsigned base,
                       bool negative, const char *prefix, const char *digits)
{
    char text[72];
    size_t at = sizeof(text), extra = strlen(prefix) + negative;
    do {
        text[--at] = digits[value % base];
        value /= base;
    } while (value != 0);
    if (spec->zero && !spec->left)
        while (at > extra && sizeof(text) - at + extra < spec->width)
            text[--at] = '0';
    for (size_t i = strlen(prefix); i > 0; i--)
        text[--at] = prefix[i - 1];
    if (negative)
        text[--at] = '-';
    put_text(out, spec, text + at, sizeof(text) - at);
}

static uint64_t unsigned_arg(const struct spec *spec, va_list *args)
{
    if (spec->longs >= 1 || spec->size)
        return va_arg(*args, unsigned long);
    return va_arg(*args, unsigned);
}

static void put_signed(struct out *out, const struct spec *spec, va_list *args)
{
    int64_t value = spec->longs >= 1 || spec->size ? va_arg(*args, long) : va_arg(*args, int);
    put_number(out, spec, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, value < 0, "",
               "0123456789");
}

static void put_string(struct out *out, const struct spec *spec, const char *text)
{
    if (text == NULL)
        text = "(null)";
    put_text(out, spec, text, strnlen(text, spec->has_precision ? spec->precision : SIZE_MAX));
}

static void convert(struct out *out, const struct spec *spec, bool prefix, char c, va_list *args)
{
    switch (c) {
    case 'd':
    case 'i':
        put_signed(out, spec, args);
        break;
    case 'u':
        put_number(out, spec, unsigned_arg(spec, args), 10, false, "", "0123456789");
        break;
    case 'x':
        put_number(out, spec, unsigned_arg(spec, args), 16, false, prefix ? "0x" : "",
                   "0123456789abcdef");
        break;
    case 'X':
        put_number(out, spec, unsigned_arg(spec, args), 16, false, prefix ? "0X" : "",
                   "0123456789ABCDEF");
        break;
    case 'p':
        put_number(out, spec, (uint64_t)(uintptr_t)va_arg(*args, void *), 16, false, "0x",
                   "0123456789abcdef");
        break;
    case 's':
        put_string(out, spec, va_arg(*args, const char *));
        break;
    case 'c':
        put(out, (char)va_arg(*args, int));
        break;
    default:
        put(out, c);
    }
}

static unsigned number(const char **format, va_list *args)
{
    unsigned value = 0;
    if (**format == '*') {
        (*format)++;
        return (unsigned)va_arg(*args, int);
    }
    for (; **format >= '0' && **format <= '9'; (*format)++)
        value = value * 10 + (unsigned)(**format - '0');
    return value;
}

static const char *parse(struct out *out, const char *format, va_list *args)
{
    struct spec spec = {0};
    bool prefix = false;
    for (;; format++) {
        if (*format == '-')
            spec.left = true;
        else if (*format == '0')
            spec.zero = true;
        else if (*format == '#')
            prefix = true;
        else
            break;
    }
    spec.width = number(&format, args);
    if (*format == '.') {
        format++;
        spec.has_precision = true;
        spec.precision = number(&format, args);
    }
    for (; *format == 'l' || *format == 'z'; format++) {
        spec.longs += *format == 'l';
        spec.size = spec.size || *format == 'z';
    }
    if (*format == '\0')
        return format;
    convert(out, &spec, prefix, *format, args);
    return format + 1;
}

size_t kvsnprintf(char *buffer, size_t size, const char *format, va_list args)
{
    struct out out = {buffer, size, 0};
    va_list copy;
    va_copy(copy, args);
    while (*format != '\0') {
        if (*format == '%')
            format = parse(&out, format + 1, &copy);
        else
            put(&out, *format++);
    }
    va_end(copy);
    if (size > 0)
        buffer[out.length < size ? out.length : size - 1] = '\0';
    return out.length;
}

size_t ksnprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t length = kvsnprintf(buffer, size, format, args);
    va_end(args);
    return length;
}
