/* SPDX-License-Identifier: BSD-2-Clause */
/* init's reader of compiled manifests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/init/args.h"
#include "services/init/manifest.h"

static struct argdata_writer writer;

static void key_str(const char *key, const char *value)
{
    argdata_write_str(&writer, key);
    argdata_write_str(&writer, value);
}

static void key_int(const char *key, uint64_t value)
{
    argdata_write_str(&writer, key);
    argdata_write_uint(&writer, value);
}

static void key_bool(const char *key, bool value)
{
    argdata_write_str(&writer, key);
    argdata_write_bool(&writer, value);
}

static void write_grant(const char *op)
{
    argdata_write_map_begin(&writer);
    key_str("name", "thing");
    key_str("op", op);
    key_int("base", 0x4000);
    key_int("inheriting", ~0ull);
    key_str("from", "tmpfs");
    key_str("path", "home");
    key_bool("directory", true);
    key_bool("create", true);
    key_bool("optional", true);
    key_int("class", 0x020000);
    key_int("mask", 0xffff00);
    argdata_write_map_end(&writer);
}

static void write_node(const char *name, unsigned grants, const char *op)
{
    argdata_write_map_begin(&writer);
    key_str("name", name);
    key_str("program", "bin/x");
    key_bool("service", true);
    key_bool("restart", false);
    key_bool("power_off", true);
    key_int("memory", 40);
    key_int("size", 65536);
    argdata_write_str(&writer, "grants");
    argdata_write_seq_begin(&writer);
    for (unsigned i = 0; i < grants; i++)
        write_grant(op);
    argdata_write_seq_end(&writer);
    argdata_write_str(&writer, "argdata");
    argdata_write_binary(&writer, "\x06", 1);
    argdata_write_map_end(&writer);
}

static struct argdata write_manifest(unsigned version, unsigned nodes, unsigned grants,
                                     const char *op)
{
    struct argdata data;
    argdata_write_begin(&writer, NULL, 0);
    argdata_write_map_begin(&writer);
    key_int("version", version);
    argdata_write_str(&writer, "nodes");
    argdata_write_seq_begin(&writer);
    for (unsigned i = 0; i < nodes; i++)
        write_node("tmpfs", grants, op);
    argdata_write_seq_end(&writer);
    argdata_write_map_end(&writer);
    assert_int_equal(argdata_write_end(&writer, &data), 0);
    return data;
}

static void manifest_free(struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++)
        free(manifest->nodes[i].grants);
    free(manifest->nodes);
}

/* Reads and gives back; the errno. */
static cloudabi_errno_t result_of(struct argdata data)
{
    struct manifest manifest;
    cloudabi_errno_t error = manifest_read(data, &manifest);
    manifest_free(&manifest);
    return error;
}

static void test_read(void **state)
{
    struct manifest manifest;
    (void)state;
    struct argdata data = write_manifest(1, 2, 3, "open");
    assert_int_equal(manifest_read(data, &manifest), 0);
    assert_int_equal(manifest.count, 2);
    const struct manifest_node *node = &manifest.nodes[1];
    assert_string_equal(node->name, "tmpfs");
    assert_string_equal(node->program, "bin/x");
    assert_true(node->service && !node->restart && node->power_off);
    assert_int_equal(node->memory, 40);
    assert_int_equal(node->size, 65536);
    assert_int_equal(node->argdata_len, 1);
    assert_int_equal(node->grants_count, 3);
    const struct grant *grant = &node->grants[2];
    assert_int_equal(grant->op, GRANT_OPEN);
    assert_int_equal(grant->base, 0x4000);
    assert_true(grant->inheriting == ~0ull);
    assert_string_equal(grant->from, "tmpfs");
    assert_string_equal(grant->path, "home");
    assert_true(grant->directory && grant->create);
    manifest_free(&manifest);
    argdata_write_free(&writer);
}

static void test_ops(void **state)
{
    struct manifest manifest;
    (void)state;
    assert_int_equal(manifest_read(write_manifest(1, 1, 1, "pci"), &manifest), 0);
    assert_int_equal(manifest.nodes[0].grants[0].op, GRANT_PCI);
    assert_int_equal(manifest.nodes[0].grants[0].class, 0x020000);
    manifest_free(&manifest);
    argdata_write_free(&writer);
    assert_int_equal(manifest_read(write_manifest(1, 1, 1, "port"), &manifest), 0);
    assert_int_equal(manifest.nodes[0].grants[0].op, GRANT_PORT);
    manifest_free(&manifest);
    argdata_write_free(&writer);
}

static void expect_error(struct argdata data, cloudabi_errno_t error)
{
    assert_int_equal(result_of(data), error);
    argdata_write_free(&writer);
}

static void test_refused(void **state)
{
    (void)state;
    expect_error(write_manifest(2, 1, 1, "open"), CLOUDABI_EINVAL);
    expect_error(write_manifest(1, 1, 1, "other"), CLOUDABI_EINVAL);
    expect_error(write_manifest(1, MANIFEST_NODES + 1, 0, "open"), CLOUDABI_E2BIG);
    expect_error(write_manifest(1, 1, MANIFEST_GRANTS + 1, "open"), CLOUDABI_E2BIG);
    assert_int_not_equal(result_of(argdata_from(NULL, 0)), 0);
}

/* Every cut and every changed byte is refused or read, and nothing else happens. */
static void test_damaged(void **state)
{
    (void)state;
    struct argdata data = write_manifest(1, 2, 2, "open");
    uint8_t *copy = malloc(data.len);
    assert_non_null(copy);
    for (size_t i = 0; i < data.len; i++) {
        uint8_t *cut = malloc(i + 1);
        memcpy(cut, data.data, i);
        assert_int_not_equal(result_of(argdata_from(cut, i)), 0);
        free(cut);
        memcpy(copy, data.data, data.len);
        for (unsigned value = 0; value < 256; value += 5) {
            copy[i] = (uint8_t)value;
            (void)result_of(argdata_from(copy, data.len));
        }
    }
    free(copy);
    argdata_write_free(&writer);
}

/* A missing descriptor goes with its key, or leaves a null where places count; the others move up. */
static void test_renumber(void **state)
{
    static const cloudabi_fd_t number[] = {0, ARGS_MISSING, 1, ARGS_MISSING};
    struct argdata_writer out;
    struct argdata before, after, list, element;
    cloudabi_fd_t fd;
    (void)state;
    argdata_write_begin(&writer, NULL, 0);
    argdata_write_map_begin(&writer);
    argdata_write_str(&writer, "port");
    argdata_write_fd(&writer, 0);
    argdata_write_str(&writer, "disk");
    argdata_write_fd(&writer, 1);
    argdata_write_str(&writer, "list");
    argdata_write_seq_begin(&writer);
    argdata_write_fd(&writer, 3);
    argdata_write_fd(&writer, 2);
    argdata_write_seq_end(&writer);
    argdata_write_map_end(&writer);
    assert_int_equal(argdata_write_end(&writer, &before), 0);
    argdata_write_begin(&out, NULL, 0);
    assert_int_equal(args_renumber(before, number, 4, &out), 0);
    assert_int_equal(argdata_write_end(&out, &after), 0);
    assert_int_equal(argdata_check(after), 0);
    assert_int_equal(argdata_map_get_fd(after, "port", &fd), 0);
    assert_int_equal(fd, 0);
    assert_int_equal(argdata_map_get_fd(after, "disk", &fd), CLOUDABI_ENOENT);
    assert_int_equal(argdata_map_get_seq(after, "list", &list), 0);
    struct argdata_iter iter = argdata_seq_iter(list);
    assert_true(argdata_seq_next(&iter, &element));
    assert_int_equal(argdata_type(element), ARGDATA_NULL);
    assert_true(argdata_seq_next(&iter, &element));
    assert_int_equal(argdata_get_fd(element, &fd), 0);
    assert_int_equal(fd, 1);
    argdata_write_free(&out);
    argdata_write_begin(&out, NULL, 0);
    assert_int_equal(args_renumber(before, number, 2, &out), CLOUDABI_EBADMSG);
    argdata_write_free(&out);
    argdata_write_free(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),     cmocka_unit_test(test_ops),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_renumber),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
