/*
 * One strict parser for each kind of value.
 * SPDX-License-Identifier: MIT
 */
#include "config/values.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include <runhook/app.h>
#include <runhook/delivery.h>

#include "config/keys.h"
#include "text/escape.h"

const char *const meta_key_names[META_KEYS] = {
    [META_DELIVERY_ID] = "DELIVERY_ID",
    [META_WORKFLOW_JOB] = "WORKFLOW_JOB",
    [META_JOB_NAME] = "JOB_NAME",
    [META_RUNNER_NAME] = "RUNNER_NAME",
    [META_RUN_ATTEMPT] = "RUN_ATTEMPT",
    [META_WORKFLOW_NAME] = "WORKFLOW_NAME",
    [META_HEAD_BRANCH] = "HEAD_BRANCH",
    [META_LABELS] = "LABELS",
    [META_POOL] = "POOL",
};

static bool refuse(struct rh_reason *reason, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says why, and is false, so that a parser ends in `return refuse(…)`. A value in it may hold
 * anything, and is cut anywhere. */
static bool
refuse(struct rh_reason *reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(reason->text, sizeof reason->text, format, args);
    va_end(args);
    escape_tame(reason->text);
    return false;
}

/* Makes a secret, and says `words` where it cannot be one. */
static bool make_secret(const char *bytes, size_t len, struct rh_secret **out,
                        struct rh_reason *reason, const char *words, ...)
    __attribute__((format(printf, 5, 6)));

static bool
make_secret(const char *bytes, size_t len, struct rh_secret **out, struct rh_reason *reason,
            const char *words, ...)
{
    enum rh_error error = rh_secret_new(bytes, len, out);
    va_list args;

    if (error == RH_ERR_NO_MEMORY)
        return refuse(reason, "out of memory");
    if (error == RH_OK)
        return true;
    va_start(args, words);
    (void)vsnprintf(reason->text, sizeof reason->text, words, args);
    va_end(args);
    escape_tame(reason->text);
    return false;
}

static bool
copy(const char *text, size_t len, char **out, struct rh_reason *reason)
{
    char *copied = strndup(text, len);

    if (copied == NULL)
        return refuse(reason, "out of memory");
    free(*out);
    *out = copied;
    return true;
}

static bool
has_control_bytes(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f)
            return true;
    }
    return false;
}

static bool
is_blank(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != ' ')
            return false;
    }
    return true;
}

static bool
has_control(const char *text)
{
    return has_control_bytes(text, strlen(text));
}

bool
value_number(const char *text, int64_t min, int64_t max, int64_t *out, struct rh_reason *reason)
{
    char *end = NULL;
    long long number;

    errno = 0;
    number = strtoll(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || number < min ||
        number > max)
        return refuse(reason,
                      "must be a whole number from %" PRId64 " to %" PRId64 ", not \"%.64s\"", min,
                      max, text);
    *out = number;
    return true;
}

bool
value_mode(const char *text, int64_t *out, struct rh_reason *reason)
{
    char *end = NULL;
    long mode;

    errno = 0;
    mode = strtol(text, &end, 8);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || mode > 0777)
        return refuse(reason, "must be a file mode in octal from 0 to 0777, not \"%.64s\"", text);
    *out = mode;
    return true;
}

bool
value_bool(const char *text, bool *out, struct rh_reason *reason)
{
    if (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0 || strcmp(text, "on") == 0)
        *out = true;
    else if (strcmp(text, "no") == 0 || strcmp(text, "false") == 0 || strcmp(text, "off") == 0)
        *out = false;
    else
        return refuse(reason, "must be yes or no, not \"%.64s\"", text);
    return true;
}

bool
value_text(const char *text, int64_t max, char **out, struct rh_reason *reason)
{
    size_t len = strlen(text);

    if (len == 0 || (int64_t)len > max || has_control(text))
        return refuse(reason, "must be 1 to %" PRId64 " bytes of text without control characters",
                      max);
    return copy(text, len, out, reason);
}

bool
value_path(const char *text, char **out, struct rh_reason *reason)
{
    if (text[0] != '/' || has_control(text))
        return refuse(reason, "must be a path that begins with /, not \"%.128s\"", text);
    return copy(text, strlen(text), out, reason);
}

/* Why an http URL cannot be an upstream's address; NULL where it can. */
static const char *
url_fault(CURLU *url, const char *text)
{
    static const struct {
        CURLUPart part;
        const char *fault;
    } forbidden[] = {
        {CURLUPART_USER, "must not hold a user or password"},
        {CURLUPART_PASSWORD, "must not hold a user or password"},
    };
    char *part = NULL;

    /* Empty ones too, which libcurl passes over: a path is appended. */
    if (strchr(text, '#') != NULL)
        return "must not have a fragment (#…)";
    if (strchr(text, '?') != NULL)
        return "must not have a query (?…)";
    if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &part, 0) != CURLUE_OK)
        return "is not a URL with a host";
    curl_free(part);
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        part = NULL;
        if (curl_url_get(url, forbidden[i].part, &part, 0) == CURLUE_OK) {
            curl_free(part);
            return forbidden[i].fault;
        }
    }
    return NULL;
}

/* The text is not shown back: a URL may hold a password. */
bool
value_url(const char *text, bool unix_too, char **out, struct rh_reason *reason)
{
    size_t len = strlen(text);
    const char *fault;
    CURLU *url;

    if (unix_too && strncmp(text, "unix:///", 8) == 0) {
        if (has_control(text))
            return refuse(reason, "must not hold control characters");
        if (len - 7 >= sizeof((struct sockaddr_un *)NULL)->sun_path)
            return refuse(reason, "a unix socket's path has at most %zu bytes",
                          sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
        return copy(text, len, out, reason);
    }
    if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
        return refuse(reason, "must begin with http:// or https://%s",
                      unix_too ? ", or be unix:///PATH" : "");
    url = curl_url();
    if (url == NULL)
        return refuse(reason, "out of memory");
    fault = url_fault(url, text);
    curl_url_cleanup(url);
    if (fault != NULL)
        return refuse(reason, "%s", fault);
    while (text[len - 1] == '/')
        len--;
    return copy(text, len, out, reason);
}

bool
value_listen(const char *text, char **out, struct rh_reason *reason)
{
    const char *colon = strrchr(text, ':');
    struct rh_reason ignored;
    int64_t port;

    if (strncmp(text, "unix:", 5) == 0) {
        size_t most = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;

        if (text[5] != '/' || strlen(text + 5) > most || has_control(text))
            return refuse(reason, "must be unix:/PATH with a path of at most %zu bytes", most);
    } else if (colon == NULL || colon == text || has_control(text) ||
               !value_number(colon + 1, 0, 65535, &port, &ignored)) {
        return refuse(reason, "must be unix:/PATH or HOST:PORT, not \"%.128s\"", text);
    }
    return copy(text, strlen(text), out, reason);
}

bool
value_name(const char *text, int64_t max, bool slashes, char **out, struct rh_reason *reason)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr("._-", text[i]) == NULL &&
            !(slashes && text[i] == '/'))
            len = 0;
    }
    if (len == 0 || (int64_t)len > max)
        return refuse(reason,
                      "must be 1 to %" PRId64 " letters, digits, '.', '_'%s '-', not \"%.128s\"",
                      max, slashes ? ", '/' and" : " and", text);
    return copy(text, len, out, reason);
}

/* Gives the next item of a comma-separated list, blanks around it dropped and empty items passed
 * over; false at the end. */
static bool
next_item(const char **cursor, const char **item, size_t *item_len)
{
    while (**cursor != '\0') {
        const char *end = strchrnul(*cursor, ',');
        const char *from = *cursor, *to = end;

        *cursor = *end == ',' ? end + 1 : end;
        while (from < to && isspace((unsigned char)from[0]))
            from++;
        while (to > from && isspace((unsigned char)to[-1]))
            to--;
        if (to > from) {
            *item = from;
            *item_len = (size_t)(to - from);
            return true;
        }
    }
    return false;
}

/* Whether an item is a key of a pool and its value: on an indented line inih takes it for more of
 * the list before. A label like "cpu=4" is none. */
static bool
is_pool_key(const char *item, size_t item_len)
{
    const char *equals = memchr(item, '=', item_len);
    size_t len = equals == NULL ? 0 : (size_t)(equals - item);
    char name[64];
    bool is_file;

    while (len > 0 && isspace((unsigned char)item[len - 1]))
        len--;
    (void)snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : 0), item);
    return len > 0 && key_find("pool", name, &is_file) != NULL;
}

bool
value_labels(const char *text, struct rh_labels *out, struct rh_reason *reason)
{
    const char *item;
    size_t item_len;

    rh_labels_fini(out);
    /* A comment at a line's end, or quotes, would quietly become a label that no job asks for. */
    if (strpbrk(text, "#\"'[]") != NULL)
        return refuse(reason, "a label holds none of # \" ' [ ]: comments begin with ';' or at the "
                              "start of a line, and nothing is quoted");
    while (next_item(&text, &item, &item_len)) {
        if (is_pool_key(item, item_len)) {
            rh_labels_fini(out);
            return refuse(reason,
                          "goes on with \"%.*s\" on an indented line: let a key begin at "
                          "the start of its line",
                          (int)(item_len > 64 ? 64 : item_len), item);
        }
        if (rh_labels_add(out, item, item_len) != RH_OK) {
            rh_labels_fini(out);
            return refuse(
                reason,
                "\"%.*s\" cannot be a label: 1 to %d bytes without control characters, and "
                "at most %d labels",
                (int)(item_len > 64 ? 64 : item_len), item, RH_LABEL_LEN_MAX, RH_LABELS_MAX);
        }
    }
    if (out->len == 0)
        return refuse(reason, "must be one or more labels with commas between");
    return true;
}

bool
value_meta(const char *text, struct meta_keys *out, struct rh_reason *reason)
{
    const char *item;
    size_t item_len;

    out->len = 0;
    while (next_item(&text, &item, &item_len)) {
        enum meta_key key = 0;

        while (key < META_KEYS && (strlen(meta_key_names[key]) != item_len ||
                                   memcmp(meta_key_names[key], item, item_len) != 0))
            key++;
        if (key == META_KEYS) {
            out->len = 0;
            return refuse(
                reason,
                "\"%.*s\" is not a meta key that can be sent: DELIVERY_ID, WORKFLOW_JOB, "
                "JOB_NAME, RUNNER_NAME, RUN_ATTEMPT, WORKFLOW_NAME, HEAD_BRANCH, LABELS, POOL",
                (int)(item_len > 64 ? 64 : item_len), item);
        }
        for (size_t i = 0; i < out->len; i++) {
            if (out->items[i] == key) {
                out->len = 0;
                return refuse(reason, "%s stands there twice", meta_key_names[key]);
            }
        }
        out->items[out->len++] = key;
    }
    return true;
}

void
names_fini(struct names *names)
{
    for (size_t i = 0; i < names->len; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct names){0};
}

static bool
names_have(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->len; i++) {
        if (strcasecmp(names->items[i], name) == 0)
            return true;
    }
    return false;
}

/* Takes `name` over, whatever comes of it. `most` is how many there may be. */
static bool
add_name(struct names *names, char *name, size_t most, struct rh_reason *reason)
{
    bool done = false;
    char **grown;

    if (names_have(names, name))
        (void)refuse(reason, "%s stands there twice", name);
    else if (names->len == most)
        (void)refuse(reason, "at most %zu of them", most);
    else if ((grown = reallocarray(names->items, names->len + 1, sizeof *grown)) == NULL)
        (void)refuse(reason, "out of memory");
    else {
        names->items = grown;
        names->items[names->len++] = name;
        name = NULL;
        done = true;
    }
    free(name);
    return done;
}

/* Whether one name of a list will do, and why not. */
typedef bool (*name_check)(const char *name, struct rh_reason *reason);

static bool
read_names(const char *text, name_check check, struct names *out, struct rh_reason *reason)
{
    const char *item;
    size_t item_len;

    names_fini(out);
    while (next_item(&text, &item, &item_len)) {
        char *name = strndup(item, item_len);
        bool good = name != NULL && check(name, reason);

        if (name == NULL)
            (void)refuse(reason, "out of memory");
        if (!good)
            free(name);
        if (!good || !add_name(out, name, CONFIG_REPOSITORIES_MAX, reason)) {
            names_fini(out);
            return false;
        }
    }
    return true;
}

static bool
check_repository(const char *name, struct rh_reason *reason)
{
    return rh_repository_valid(name) ||
           refuse(reason,
                  "\"%.64s\" is not a repository's owner/name: one slash, letters, digits, '.', "
                  "'_' and '-', at most %d bytes, and commas between repositories",
                  name, RH_REPOSITORY_LEN_MAX);
}

bool
value_repositories(const char *text, struct names *out, struct rh_reason *reason)
{
    return read_names(text, check_repository, out, reason);
}

/* Whether a pattern has what names have, and `slashes` slashes between parts that are not empty. */
static bool
is_pattern(const char *text, size_t slashes)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._-*";
    size_t len = strnlen(text, RH_REPOSITORY_LEN_MAX + 1);

    for (size_t i = 0; i < slashes; i++) {
        size_t part = strspn(text, allowed);

        if (part == 0 || text[part] != '/')
            return false;
        text += part + 1;
    }
    return len <= RH_REPOSITORY_LEN_MAX && text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

static bool
check_repository_pattern(const char *name, struct rh_reason *reason)
{
    return is_pattern(name, 1) ||
           refuse(reason,
                  "\"%.64s\" is not a pattern of owner/name: one slash, letters, digits, '.', "
                  "'_', '-' and '*', and commas between patterns",
                  name);
}

static bool
check_owner_pattern(const char *name, struct rh_reason *reason)
{
    return is_pattern(name, 0) ||
           refuse(reason,
                  "\"%.64s\" is not a pattern of an owner's name: letters, digits, '.', '_', '-' "
                  "and '*', and commas between patterns",
                  name);
}

bool
value_patterns(const char *text, bool slashes, struct names *out, struct rh_reason *reason)
{
    if (!read_names(text, slashes ? check_repository_pattern : check_owner_pattern, out, reason))
        return false;
    /* A list without anyone is more likely an accident than a wish to serve nobody. */
    return out->len > 0 || refuse(reason, "must not be empty; leave it out, or say *%s for all",
                                  slashes ? "/*" : "");
}

/* Adds the network that an item of a list says. */
static bool
add_network(struct networks *networks, const char *item, size_t item_len, struct rh_reason *reason)
{
    struct network network, *grown;
    char text[64];

    (void)snprintf(text, sizeof text, "%.*s", (int)(item_len < sizeof text ? item_len : 0), item);
    if (network_parse(text, &network) != NETWORK_OK)
        return refuse(reason,
                      "\"%.*s\" is not a network: an address, or one with a prefix and no bits "
                      "beyond it (10.0.0.0/8, fd00::/8), and commas between networks",
                      (int)(item_len > 64 ? 64 : item_len), item);
    if (networks->len == CONFIG_NETWORKS_MAX)
        return refuse(reason, "at most %d of them", CONFIG_NETWORKS_MAX);
    grown = reallocarray(networks->items, networks->len + 1, sizeof *grown);
    if (grown == NULL)
        return refuse(reason, "out of memory");
    networks->items = grown;
    networks->items[networks->len++] = network;
    return true;
}

bool
value_networks(const char *text, struct networks *out, struct rh_reason *reason)
{
    const char *item;
    size_t item_len;

    networks_fini(out);
    while (next_item(&text, &item, &item_len)) {
        if (!add_network(out, item, item_len, reason)) {
            networks_fini(out);
            return false;
        }
    }
    return out->len > 0 ||
           refuse(reason, "must not be empty; say 127.0.0.1 for this machine alone");
}

bool
value_choice(const char *text, const char *const *choices, int first, void *out,
             struct rh_reason *reason)
{
    char allowed[128] = "";
    int choice;

    for (choice = 0; choices[choice] != NULL; choice++) {
        size_t len = strlen(allowed);

        if (strcmp(text, choices[choice]) == 0) {
            choice += first;
            memcpy(out, &choice, sizeof choice);
            return true;
        }
        (void)snprintf(allowed + len, sizeof allowed - len, "%s%s", choice == 0 ? "" : ", ",
                       choices[choice]);
    }
    return refuse(reason, "must be one of %s, not \"%.64s\"", allowed, text);
}

bool
value_forks(const char *text, struct fork_rule *out, struct rh_reason *reason)
{
    static const char prefix[] = "pool ";
    const char *pool = text + strlen(prefix) * (strncmp(text, prefix, strlen(prefix)) == 0);

    if (pool != text) {
        pool += strspn(pool, " ");
        if (!value_name(pool, CONFIG_POOL_NAME_MAX, false, &out->pool, reason))
            return false;
        out->permit = PERMIT_POOL;
        return true;
    }
    if (strcmp(text, "allow") != 0 && strcmp(text, "deny") != 0)
        return refuse(reason, "must be allow, deny or pool NAME, not \"%.64s\"", text);
    out->permit = strcmp(text, "allow") == 0 ? PERMIT_ALLOW : PERMIT_DENY;
    free(out->pool);
    out->pool = NULL;
    return true;
}

bool
value_secret(const char *text, struct rh_secret **out, struct rh_reason *reason)
{
    static const char words[] = "must be 1 to %d bytes without control characters";
    struct rh_secret *secret = NULL;

    if (has_control(text) || is_blank(text, strlen(text)))
        return refuse(reason, words, RH_SECRET_MAX);
    if (!make_secret(text, strlen(text), &secret, reason, words, RH_SECRET_MAX))
        return false;
    rh_secret_free(*out);
    *out = secret;
    return true;
}

/* Reads the whole of an open file. Returns the bytes read, or -1; over `cap` reads `cap`. */
static ssize_t
read_whole(int fd, char *bytes, size_t cap)
{
    size_t len = 0;

    while (len < cap) {
        ssize_t got = read(fd, bytes + len, cap - len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

/* Whether the bytes of a secret's file will do, its last newline taken off, and why not. */
typedef bool (*secret_check)(const char *bytes, size_t len, const char *path,
                             struct rh_reason *reason);

static bool
read_secret_file(const char *path, secret_check check, struct rh_secret **out,
                 struct rh_reason *reason)
{
    char bytes[RH_SECRET_MAX +
               3]; /* the longest secret, its newline, and one to see that it is longer */
    struct rh_secret *secret = NULL;
    struct stat status;
    bool done = false;
    ssize_t len = 0;
    int fd;

    /* What is no path may be the secret itself, put there by mistake: it is not shown. */
    if (path[0] != '/')
        return refuse(reason, "must be the path of a file, beginning with /");
    /* Non-blocking: a FIFO in the file's place must not hang the start. The checks below are made
     * on the open file, so that nobody can swap it between check and use. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return refuse(reason, "cannot open the secret file %.160s: %s", path, strerror(errno));
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        (void)refuse(reason, "the secret file %.160s is not a regular file", path);
        goto out;
    }
    if ((status.st_mode & S_IRWXO) != 0) {
        (void)refuse(reason,
                     "the secret file %.128s can be used by others (mode %04o): run chmod o= on it",
                     path, (unsigned)(status.st_mode & 07777));
        goto out;
    }
    len = read_whole(fd, bytes, sizeof bytes);
    if (len < 0) {
        (void)refuse(reason, "cannot read the secret file %.160s: %s", path, strerror(errno));
        goto out;
    }
    if (len > 0 && bytes[len - 1] == '\n')
        len--;
    if (len > 0 && bytes[len - 1] == '\r')
        len--;
    if (is_blank(bytes, (size_t)len)) {
        (void)refuse(reason, "the secret file %.160s is empty", path);
        goto out;
    }
    if (!check(bytes, (size_t)len, path, reason))
        goto out;
    if (!make_secret(bytes, (size_t)len, &secret, reason,
                     "the secret file %.128s must hold at most %d bytes, and no NUL", path,
                     RH_SECRET_MAX))
        goto out;
    rh_secret_free(*out);
    *out = secret;
    done = true;
out:
    OPENSSL_cleanse(bytes, sizeof bytes);
    (void)close(fd);
    return done;
}

/* A line's end within a token would end the header that it is sent in. */
static bool
check_line(const char *bytes, size_t len, const char *path, struct rh_reason *reason)
{
    return (len <= RH_SECRET_MAX && !has_control_bytes(bytes, len)) ||
           refuse(reason, "the secret file %.128s must hold one line of at most %d bytes", path,
                  RH_SECRET_MAX);
}

bool
value_secret_file(const char *path, struct rh_secret **out, struct rh_reason *reason)
{
    return read_secret_file(path, check_line, out, reason);
}

/* `where` begins the reason: "the private key", with its file's name where it has one. */
static bool
check_key(const struct rh_secret *key, const char *where, struct rh_reason *reason)
{
    struct rh_reason flaw;

    return rh_app_key_check(key, &flaw) == RH_OK || refuse(reason, "%.96s %s", where, flaw.text);
}

static bool
check_key_bytes(const char *bytes, size_t len, const char *path, struct rh_reason *reason)
{
    struct rh_secret *key = NULL;
    char where[128];
    bool good;

    (void)snprintf(where, sizeof where, "the key in %.96s", path);
    if (!make_secret(bytes, len, &key, reason, "%s has over %d bytes", where, RH_SECRET_MAX))
        return false;
    good = check_key(key, where, reason);
    rh_secret_free(key);
    return good;
}

bool
value_private_key_file(const char *path, struct rh_secret **out, struct rh_reason *reason)
{
    return read_secret_file(path, check_key_bytes, out, reason);
}

/* Puts an end of line where the text has "\n" written out. */
static size_t
unfold_lines(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        bool is_end = from[0] == '\\' && from[1] == 'n';

        if (is_end)
            *to++ = '\n';
        else
            *to++ = *from;
        from += is_end;
    }
    *to = '\0';
    return (size_t)(to - text);
}

bool
value_private_key(const char *text, struct rh_secret **out, struct rh_reason *reason)
{
    size_t cap = strlen(text);
    char *copied = strdup(text);
    struct rh_secret *key = NULL;
    bool done = false;

    if (copied == NULL)
        return refuse(reason, "out of memory");
    if (make_secret(copied, unfold_lines(copied), &key, reason, "must be 1 to %d bytes",
                    RH_SECRET_MAX) &&
        check_key(key, "the key", reason)) {
        rh_secret_free(*out);
        *out = key;
        key = NULL;
        done = true;
    }
    rh_secret_free(key);
    rh_wipe_free(copied, cap);
    return done;
}
