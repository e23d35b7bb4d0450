/* Fake: a disk in memory, with a log of what was written to it, and failures on request. */
#define _GNU_SOURCE
#include "tests/host/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "libos-posix/port.h"
#include "tests/host/fakes/posix_disk.h"

struct fake_disk fake_disk;

static char folder[64], image[96];

int fake_disk_command(const char *format, ...)
{
    char command[1024];
    va_list list;

    va_start(list, format);
    vsnprintf(command, sizeof command, format, list);
    va_end(list);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* mkfs and the like are in folders that a user's PATH has not always. */
void fake_disk_begin(void)
{
    char path[1024];

    snprintf(path, sizeof path, "%s:/usr/sbin:/sbin", getenv("PATH"));
    setenv("PATH", path, 1);
    snprintf(folder, sizeof folder, "/tmp/exo4-disk-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(image, sizeof image, "%s/image", folder);
}

void fake_disk_end(void)
{
    fake_disk_command("rm -rf %s", folder);
}

const char *fake_disk_image(void)
{
    return image;
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);

    if (!file)
        fail_msg("%s cannot be opened", path);
    return file;
}

void fake_disk_load(const char *path)
{
    FILE *file = open_file(path, "rb");

    fake_disk_reset();
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    fake_disk.blocks = (uint64_t)ftell(file) / PAGE_SIZE;
    fake_disk.bytes = malloc(fake_disk.blocks * PAGE_SIZE);
    assert_non_null(fake_disk.bytes);
    rewind(file);
    assert_int_equal(fread(fake_disk.bytes, PAGE_SIZE, fake_disk.blocks, file), fake_disk.blocks);
    fclose(file);
}

void fake_disk_store(const char *path)
{
    FILE *file = open_file(path, "wb");

    assert_int_equal(fwrite(fake_disk.bytes, PAGE_SIZE, fake_disk.blocks, file), fake_disk.blocks);
    assert_int_equal(fclose(file), 0);
}

void fake_disk_replay(uint8_t *base, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fake_disk.events[i].page)
            memcpy(base + fake_disk.events[i].block * PAGE_SIZE, fake_disk.events[i].page,
                   PAGE_SIZE);
}

void fake_disk_reset(void)
{
    for (size_t i = 0; i < fake_disk.event_count; i++)
        free(fake_disk.events[i].page);
    free(fake_disk.events);
    free(fake_disk.bytes);
    fake_disk = (struct fake_disk){0};
}

static void log_event(uint64_t block, const void *page)
{
    if (!fake_disk.logs)
        return;
    if (fake_disk.event_count == fake_disk.event_room) {
        fake_disk.event_room = fake_disk.event_room ? 2 * fake_disk.event_room : 64;
        fake_disk.events =
            realloc(fake_disk.events, fake_disk.event_room * sizeof *fake_disk.events);
        assert_non_null(fake_disk.events);
    }
    uint8_t *copy = page ? malloc(PAGE_SIZE) : NULL;
    if (page)
        memcpy(copy, page, PAGE_SIZE);
    fake_disk.events[fake_disk.event_count++] = (struct fake_disk_event){block, copy};
}

static bool fails(void)
{
    return fake_disk.fails_after && --fake_disk.fails_after == 0 && (fake_disk.fails_after = 1);
}

bool port_disk_get(unsigned disk, struct port_disk *out)
{
    *out = (struct port_disk){fake_disk.blocks, fake_disk.read_only};
    return disk == 0 && fake_disk.bytes;
}

bool port_disk_move(unsigned disk, bool write, const struct port_disk_move *list, size_t count)
{
    assert_int_equal(disk, 0);
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = fake_disk.bytes + list[i].block * PAGE_SIZE;
        assert_true(list[i].block < fake_disk.blocks);
        assert_true(!write || !fake_disk.read_only);
        assert_int_equal((uintptr_t)list[i].page % PAGE_SIZE, 0);
        if (fails())
            return false;
        memcpy(write ? at : list[i].page, write ? list[i].page : at, PAGE_SIZE);
        if (write)
            log_event(list[i].block, at);
        *(write ? &fake_disk.writes : &fake_disk.reads) += 1;
    }
    return true;
}

bool port_disk_flush(unsigned disk)
{
    assert_int_equal(disk, 0);
    if (fails())
        return false;
    log_event(0, NULL);
    fake_disk.flushes++;
    return true;
}
