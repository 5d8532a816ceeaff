/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/dns_message.h"

#include <string.h>

#define HEADER       12
#define LABEL_MAX    63
#define WIRE_MAX     255 /* of a name with its lengths and the empty label */
#define CLASS_IN     1
#define POINTER      0xc0
#define HOPS_MAX     8
#define FLAG_ANSWER  0x8000
#define FLAG_OPCODE  0x7800
#define FLAG_CUT     0x0200
#define FLAG_RECURSE 0x0100
#define CODE_MASK    0x000f
#define CODE_NO_NAME 3

/* A name without compression, in lower case. */
struct wire {
    uint8_t bytes[WIRE_MAX];
    size_t length; /* 0: none */
};

struct message {
    const uint8_t *bytes;
    size_t length;
};

struct record {
    struct wire owner;
    uint16_t type, class;
    uint32_t ttl;
    size_t data, data_length;
};

static bool name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool dns_name_valid(const char *name, size_t length)
{
    size_t label = 0;
    if (length == 0 || length > DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (!name_character(name[i]) || ++label > LABEL_MAX) {
            return false;
        }
    }
    return label != 0;
}

static size_t put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return 2;
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static void wire_from_text(const char *name, struct wire *wire)
{
    size_t length = 0;
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        wire->bytes[length++] = (uint8_t)label;
        memcpy(wire->bytes + length, name, label);
        length += label;
        name += label + (name[label] == '.');
    }
    wire->bytes[length++] = 0;
    wire->length = length;
}

/* False: the name has bytes that canonical text cannot have. */
static bool wire_to_text(const struct wire *wire, char text[DNS_NAME_MAX + 1])
{
    size_t out = 0;
    for (size_t at = 0; wire->bytes[at] != 0; at += 1u + wire->bytes[at]) {
        if (out != 0)
            text[out++] = '.';
        memcpy(text + out, wire->bytes + at + 1, wire->bytes[at]);
        if (memchr(text + out, '.', wire->bytes[at]) != NULL)
            return false;
        out += wire->bytes[at];
    }
    text[out] = '\0';
    return dns_name_valid(text, out);
}

static bool wire_equal(const struct wire *a, const struct wire *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

size_t dns_query(const struct dns_question *question, uint8_t message[DNS_QUERY_MAX])
{
    struct wire name;
    size_t length = 0;
    length += put16(message + length, question->id);
    length += put16(message + length, FLAG_RECURSE);
    length += put16(message + length, 1);
    memset(message + length, 0, 6);
    length = HEADER;
    wire_from_text(question->name, &name);
    memcpy(message + length, name.bytes, name.length);
    length += name.length;
    length += put16(message + length, question->type);
    return length + put16(message + length, CLASS_IN);
}

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
}

/* Appends one label; false: the name is too long. */
static bool add_label(struct wire *name, const uint8_t *label, size_t length)
{
    if (name->length + 1 + length > WIRE_MAX - 1)
        return false;
    name->bytes[name->length++] = (uint8_t)length;
    for (size_t i = 0; i < length; i++)
        name->bytes[name->length++] = lower(label[i]);
    return true;
}

/* Follows the pointer at `place`, if it leads to before `start`, where the present part began. */
static bool follow(const struct message *message, size_t place, size_t start, size_t *target)
{
    if (message->length - place < 2)
        return false;
    *target = get16(message->bytes + place) & 0x3fff;
    return *target < start;
}

/* Reads the name at *at, which moves behind it. Each pointer leads further back, so there is an end. */
static bool read_name(const struct message *message, size_t *at, struct wire *name)
{
    size_t place = *at, start = *at;
    size_t behind = 0; /* of the first pointer; 0: none yet */
    name->length = 0;
    while (place < message->length && message->bytes[place] != 0) {
        uint8_t length = message->bytes[place];
        if (length >= POINTER) {
            if (behind == 0)
                behind = place + 2;
            if (!follow(message, place, start, &start))
                return false;
            place = start;
            continue;
        }
        if (length > LABEL_MAX || length >= message->length - place ||
            !add_label(name, message->bytes + place + 1, length))
            return false;
        place += 1u + length;
    }
    if (place >= message->length)
        return false;
    name->bytes[name->length++] = 0;
    *at = behind != 0 ? behind : place + 1;
    return true;
}

static bool read_record(const struct message *message, size_t *at, struct record *record)
{
    if (!read_name(message, at, &record->owner) || message->length - *at < 10)
        return false;
    const uint8_t *fixed = message->bytes + *at;
    record->type = (uint16_t)get16(fixed);
    record->class = (uint16_t)get16(fixed + 2);
    record->ttl = (uint32_t)get16(fixed + 4) << 16 | get16(fixed + 6);
    record->data_length = get16(fixed + 8);
    record->data = *at + 10;
    if (record->data_length > message->length - record->data)
        return false;
    *at = record->data + record->data_length;
    /* RFC 2181, 8: a time with the highest bit set is zero. */
    if (record->ttl > INT32_MAX)
        record->ttl = 0;
    return true;
}

/* The message is an answer to this question: *at moves behind the repeated question. */
static bool is_answer_to(const struct message *message, const struct dns_question *question,
                         size_t *at)
{
    struct wire asked, name;
    const uint8_t *header = message->bytes;
    if (message->length < HEADER || get16(header) != question->id ||
        (get16(header + 2) & (FLAG_ANSWER | FLAG_OPCODE)) != FLAG_ANSWER || get16(header + 4) != 1)
        return false;
    *at = HEADER;
    wire_from_text(question->name, &asked);
    if (!read_name(message, at, &name) || !wire_equal(&name, &asked) || message->length - *at < 4)
        return false;
    bool same = get16(message->bytes + *at) == (unsigned)question->type &&
                get16(message->bytes + *at + 2) == CLASS_IN;
    *at += 4;
    return same;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What one pass over the answers finds about `name`. */
struct pass {
    struct wire name;
    struct wire next; /* length 0: no alias */
    uint32_t ttl;     /* of the aliases so far */
};

static bool take_record(const struct message *message, const struct record *record,
                        enum dns_type type, struct pass *pass, struct dns_answer *answer)
{
    size_t size = type == DNS_TYPE_A ? 4 : 16;
    if (record->class != CLASS_IN || !wire_equal(&record->owner, &pass->name))
        return true;
    if (record->type == DNS_TYPE_CNAME && pass->next.length == 0) {
        size_t at = record->data;
        pass->ttl = smaller(pass->ttl, record->ttl);
        return read_name(message, &at, &pass->next) && at == record->data + record->data_length;
    }
    if (record->type != (uint16_t)type || answer->count == DNS_ADDRESSES_MAX)
        return true;
    if (record->data_length != size)
        return false;
    struct dns_address *address = &answer->addresses[answer->count++];
    memset(address, 0, sizeof(*address));
    memcpy(address->bytes, message->bytes + record->data, size);
    address->ttl = smaller(record->ttl, pass->ttl);
    return true;
}

/* False: the answers make no sense. */
static bool look_for(const struct message *message, size_t at, enum dns_type type,
                     struct pass *pass, struct dns_answer *answer)
{
    unsigned records = get16(message->bytes + 6);
    pass->next.length = 0;
    for (unsigned i = 0; i < records; i++) {
        struct record record;
        if (!read_record(message, &at, &record) ||
            !take_record(message, &record, type, pass, answer))
            return false;
    }
    return true;
}

/* Goes from alias to alias until there are addresses. */
static enum dns_verdict read_answers(const struct message *message, size_t at,
                                     const struct dns_question *question, struct dns_answer *answer)
{
    struct pass pass = {.ttl = question->ttl_limit != 0 ? question->ttl_limit : INT32_MAX};
    wire_from_text(question->name, &pass.name);
    answer->count = 0;
    for (unsigned hops = 0; hops <= HOPS_MAX; hops++) {
        if (!look_for(message, at, question->type, &pass, answer))
            return DNS_FAILED;
        if (answer->count != 0)
            return DNS_FOUND;
        if (pass.next.length == 0) {
            answer->alias_ttl = pass.ttl;
            if (hops == 0)
                return DNS_NO_DATA;
            return wire_to_text(&pass.name, answer->alias) ? DNS_ALIAS : DNS_FAILED;
        }
        pass.name = pass.next;
    }
    return DNS_FAILED;
}

enum dns_verdict dns_parse(const struct dns_question *question, const uint8_t *bytes, size_t length,
                           struct dns_answer *answer)
{
    struct message message = {bytes, length};
    struct dns_answer found;
    size_t at;
    if (!is_answer_to(&message, question, &at))
        return DNS_FOREIGN;
    unsigned flags = get16(bytes + 2);
    if ((flags & CODE_MASK) == CODE_NO_NAME)
        return DNS_NO_NAME;
    if ((flags & CODE_MASK) != 0)
        return DNS_FAILED;
    if ((flags & FLAG_CUT) != 0)
        return DNS_TRUNCATED;
    enum dns_verdict verdict = read_answers(&message, at, question, &found);
    if (verdict == DNS_FOUND || verdict == DNS_ALIAS)
        *answer = found;
    return verdict;
}
