/*
 * Reads an INI file into its sections and keys with the line of each.
 *
 * inih tells a handler neither lines nor that it cut one that was too long, so its reader hook is
 * ours: it hands out one line at a time, counts them, and refuses what inih would cut.
 * SPDX-License-Identifier: MIT
 */
#include "config/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define FILE_MAX_BYTES (1024 * 1024)
#define SECTION_MAX 49 /* what inih keeps of a section's name */

struct reader {
    const char *path;
    const char *next; /* the rest of the file */
    int line;         /* of the line handed out last, from 1 */
    bool indented;
    bool has_comment;
    struct file_entries *entries;
    struct problems *problems;
};

static bool
entry_add(struct reader *reader, const char *section, const char *name, const char *value)
{
    struct file_entries *entries = reader->entries;
    struct file_entry *grown =
        reallocarray(entries->items, entries->len + 1, sizeof *entries->items);
    struct file_entry *entry;

    if (grown == NULL)
        return false;
    entries->items = grown;
    entry = &grown[entries->len++];
    *entry = (struct file_entry){.section = strdup(section),
                                 .name = name == NULL ? NULL : strdup(name),
                                 .value = value == NULL ? NULL : strdup(value),
                                 .line = reader->line,
                                 .has_comment = reader->has_comment};
    return entry->section != NULL &&
           (name == NULL || (entry->name != NULL && entry->value != NULL));
}

static void
note(struct reader *reader, const char *what)
{
    struct origin origin = {.file = reader->path, .line = reader->line};

    problems_error(reader->problems, &origin, "%s", what);
}

/* Notes a section when its header is read: inih tells of sections only through their keys. */
static void
note_section(struct reader *reader, const char *line, size_t len)
{
    const char *end = memchr(line, ']', len);
    char name[SECTION_MAX + 1];
    size_t name_len;

    if (end == NULL)
        return; /* inih says that this is not a section */
    name_len = (size_t)(end - line) - 1;
    if (name_len > SECTION_MAX) {
        note(reader, "a section's name has at most 49 characters");
        return;
    }
    memcpy(name, line + 1, name_len);
    name[name_len] = '\0';
    if (!entry_add(reader, name, NULL, NULL))
        note(reader, "out of memory");
}

/* inih's reader hook, as fgets: one line, its newline kept. */
static char *
read_line(char *line, int cap, void *stream)
{
    struct reader *reader = stream;
    size_t len = strcspn(reader->next, "\n");
    bool has_newline = reader->next[len] == '\n';
    size_t blanks = strspn(reader->next, " \t");
    size_t room = (size_t)cap - 2, kept;

    if (reader->next[0] == '\0' || cap < 2)
        return NULL;
    reader->line++;
    reader->indented = isspace((unsigned char)reader->next[0]) != 0;
    reader->has_comment = false;
    for (size_t i = 1; i < len; i++) {
        if (reader->next[i] == ';' && isspace((unsigned char)reader->next[i - 1]))
            reader->has_comment = true;
    }
    if (len > room && strchr("#;", reader->next[blanks]) == NULL) {
        char what[96];

        (void)snprintf(what, sizeof what,
                       "a line has at most %zu bytes: continue a list on indented lines", room);
        note(reader, what);
    }
    if (reader->next[blanks] == '[' && blanks > 0)
        note(reader, "a section's header begins at the start of its line");
    else if (reader->next[0] == '[')
        note_section(reader, reader->next, len);

    kept = len > room ? room : len;
    memcpy(line, reader->next, kept);
    line[kept] = '\n';
    line[kept + 1] = '\0';
    reader->next += len + (has_newline ? 1 : 0);
    return line;
}

/* inih's handler: an indented line comes as the same name again. */
static int
take_entry(void *user, const char *section, const char *name, const char *value)
{
    struct reader *reader = user;
    struct file_entry *last;
    char *joined = NULL;

    if (!reader->indented || reader->entries->len == 0)
        return entry_add(reader, section, name, value);
    last = &reader->entries->items[reader->entries->len - 1];
    if (last->name == NULL || strcmp(last->name, name) != 0)
        return entry_add(reader, section, name, value);
    if (asprintf(&joined, "%s,%s", last->value, value) < 0)
        return 0;
    OPENSSL_cleanse(last->value, strlen(last->value));
    free(last->value);
    last->value = joined;
    last->is_continued = true;
    return 1;
}

/* The whole file, NUL-terminated; NULL with errno set. */
static char *
slurp(const char *path, struct file_entries *out)
{
    char *bytes = NULL;
    struct stat status;
    size_t len = 0;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return NULL;
    errno = EINVAL;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > FILE_MAX_BYTES)
        goto fail;
    out->others_can_read = (status.st_mode & S_IROTH) != 0;
    bytes = malloc(FILE_MAX_BYTES + 1);
    if (bytes == NULL)
        goto fail;
    while ((got = read(fd, bytes + len, FILE_MAX_BYTES - len)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            goto fail;
        len += (size_t)got;
    }
    (void)close(fd);
    bytes[len] = '\0';
    if (strlen(bytes) == len)
        return bytes;
    errno = EILSEQ; /* a NUL within */
    fd = -1;
fail : {
    int error = errno;

    free(bytes);
    if (fd >= 0)
        (void)close(fd);
    errno = error;
    return NULL;
}
}

bool
file_read(const char *path, struct file_entries *out, struct problems *problems)
{
    struct reader reader = {.path = path, .entries = out, .problems = problems};
    struct origin origin = {.file = path};
    size_t errors = problems->errors;
    char *bytes;
    int bad_line;

    *out = (struct file_entries){0};
    bytes = slurp(path, out);
    if (bytes == NULL) {
        problems_error(problems, &origin, "cannot read the configuration: %s",
                       errno == EINVAL ? "not a regular file of at most 1 MiB" : strerror(errno));
        return false;
    }
    /* A byte order mark, which some editors put there, would hide the first section's header. */
    reader.next = bytes + (strncmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
    bad_line = ini_parse_stream(read_line, &reader, take_entry, &reader);
    if (bad_line != 0) {
        origin.line = bad_line > 0 ? bad_line : 0;
        problems_error(problems, &origin, "expected [section] or key = value");
    }
    OPENSSL_cleanse(bytes, strlen(bytes));
    free(bytes);
    return problems->errors == errors;
}

void
file_entries_fini(struct file_entries *entries)
{
    for (size_t i = 0; i < entries->len; i++) {
        struct file_entry *entry = &entries->items[i];

        free(entry->section);
        free(entry->name);
        if (entry->value != NULL)
            OPENSSL_cleanse(entry->value, strlen(entry->value));
        free(entry->value);
    }
    free(entries->items);
    *entries = (struct file_entries){0};
}
