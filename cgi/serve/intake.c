/*
 * One FastCGI request as it comes in.
 * SPDX-License-Identifier: MIT
 */
#include "serve/intake.h"

#include <string.h>

enum {
    VERSION = 1,
    HEADER_LEN = 8,
    RECORD_MAX = 65535, /* bytes of a record's content */

    BEGIN_REQUEST = 1,
    ABORT_REQUEST = 2,
    END_REQUEST = 3,
    PARAMS = 4,
    STDIN = 5,
    GET_VALUES = 9,
    GET_VALUES_RESULT = 10,
    UNKNOWN_TYPE = 11,

    BODY_LEN = 8, /* of the records with a fixed content */
    ROLE_RESPONDER = 1,
    KEEP_CONN = 1,
    REQUEST_COMPLETE = 0,
    CANT_MPX_CONN = 1,
    UNKNOWN_ROLE = 3,
};

/* Which of a request's records come next. */
enum stage { STAGE_BEGIN, STAGE_PARAMS, STAGE_STDIN };

/* No web server sends these without end: it asks once, if ever. */
#define REPLIES_MAX 16

static void
reset(struct intake *intake, size_t body_max)
{
    *intake = (struct intake){
        .body_max = body_max,
        .request = BUFFER_INIT(INTAKE_PARAMS_MAX + body_max + (size_t)64 * 1024),
        .reply = BUFFER_INIT((size_t)REPLIES_MAX * 256),
        .content = BUFFER_INIT(RECORD_MAX),
    };
}

void
intake_init(struct intake *intake, size_t body_max)
{
    reset(intake, body_max);
}

void
intake_fini(struct intake *intake)
{
    buffer_fini(&intake->request);
    buffer_fini(&intake->reply);
    buffer_fini(&intake->content);
}

void
intake_next(struct intake *intake, size_t body_max)
{
    intake_fini(intake);
    reset(intake, body_max);
}

size_t
intake_held(const struct intake *intake)
{
    return intake->request.cap + intake->reply.cap + intake->content.cap;
}

static void
put_header(unsigned char header[HEADER_LEN], int type, uint16_t id, size_t content_len)
{
    const unsigned char bytes[HEADER_LEN] = {
        VERSION,
        (unsigned char)type,
        (unsigned char)(id >> 8),
        (unsigned char)id,
        (unsigned char)(content_len >> 8),
        (unsigned char)content_len,
    };

    memcpy(header, bytes, sizeof bytes);
}

static bool
add_header(struct buffer *out, int type, uint16_t id, size_t content_len)
{
    unsigned char header[HEADER_LEN];

    put_header(header, type, id, content_len);
    return buffer_add(out, header, sizeof header);
}

/* A record that goes back. */
static void
reply(struct intake *intake, int type, uint16_t id, const void *content, size_t len)
{
    if (intake->replies++ == REPLIES_MAX || !add_header(&intake->reply, type, id, len) ||
        !buffer_add(&intake->reply, content, len))
        intake->state = INTAKE_BROKEN;
}

static void
reply_end(struct intake *intake, uint16_t id, int protocol_status)
{
    const unsigned char body[BODY_LEN] = {[4] = (unsigned char)protocol_status};

    reply(intake, END_REQUEST, id, body, sizeof body);
}

/* The values that a web server may ask for: one request a connection, and as many connections as it
 * likes, since those that rest hold nothing. */
static void
reply_values(struct intake *intake)
{
    static const char mpxs[] = "\x0f\x01"
                               "FCGI_MPXS_CONNS"
                               "0";
    bool asked = false;

    for (size_t i = 0; i + sizeof mpxs - 4 <= intake->content.len && !asked; i++)
        asked = memcmp(intake->content.bytes + i, mpxs + 2, sizeof mpxs - 4) == 0;
    reply(intake, GET_VALUES_RESULT, 0, mpxs, asked ? sizeof mpxs - 1 : 0);
}

/* One length of a pair. False where the bytes end before it does. */
static bool
take_length(const unsigned char **at, const unsigned char *end, size_t *length)
{
    const unsigned char *bytes = *at;

    if (end - bytes < 1 || (bytes[0] >= 0x80 && end - bytes < 4))
        return false;
    if (bytes[0] < 0x80) {
        *length = bytes[0];
        *at += 1;
    } else {
        *length = (size_t)(bytes[0] & 0x7f) << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 |
                  bytes[3];
        *at += 4;
    }
    return true;
}

/* Whether the variables are pairs of a name and a value to the last byte, of a number that can be
 * borne, and without a NUL, which would cut one short for who reads it as a string. */
static bool
pairs_are_good(const unsigned char *bytes, size_t len)
{
    const unsigned char *at = bytes, *end = bytes + len;
    size_t name_len, value_len;

    for (size_t pairs = 0; at < end; pairs++) {
        if (pairs == INTAKE_PAIRS_MAX || !take_length(&at, end, &name_len) ||
            !take_length(&at, end, &value_len) || name_len > (size_t)(end - at) ||
            value_len > (size_t)(end - at) - name_len ||
            memchr(at, '\0', name_len + value_len) != NULL)
            return false;
        at += name_len + value_len;
    }
    return true;
}

/* The content of the PARAMS records, which are merged as long as one has room, put together. */
static bool
params_are_good(struct intake *intake)
{
    const unsigned char *request = (const unsigned char *)intake->request.bytes;
    size_t end = intake->request.len;
    struct buffer pairs = BUFFER_INIT(INTAKE_PARAMS_MAX);
    bool good = true;

    for (size_t at = intake->pairs_at; at < end && good;) {
        size_t len = (size_t)request[at + 4] << 8 | request[at + 5];

        good = buffer_add(&pairs, request + at + HEADER_LEN, len);
        at += HEADER_LEN + len;
    }
    good = good && pairs_are_good((const unsigned char *)buffer_text(&pairs), pairs.len);
    buffer_fini(&pairs);
    return good;
}

/* Appends to the stream that is coming: to its last record, or to a new one where that is full. */
static bool
add_to_stream(struct intake *intake, int type, const unsigned char *bytes, size_t len)
{
    struct buffer *request = &intake->request;

    while (len > 0) {
        size_t before =
            intake->stream_at == 0 ? RECORD_MAX : request->len - intake->stream_at - HEADER_LEN;
        size_t part = len < RECORD_MAX - before ? len : RECORD_MAX - before;

        if (part == 0) {
            intake->stream_at = request->len;
            if (!add_header(request, type, intake->id, 0))
                return false;
            continue;
        }
        if (!buffer_add(request, bytes, part))
            return false;
        put_header((unsigned char *)request->bytes + intake->stream_at, type, intake->id,
                   before + part);
        bytes += part;
        len -= part;
    }
    return true;
}

/* The content of a stream's record, or a part of it. */
static void
take_stream(struct intake *intake, int type, const unsigned char *bytes, size_t len)
{
    bool added;

    if (type == STDIN) {
        size_t room = intake->body_max + 1 - intake->body_len;

        len = len < room ? len : room;
        intake->body_len += len;
    }
    added = type == PARAMS && intake->request.len + len > INTAKE_PARAMS_MAX
                ? false
                : add_to_stream(intake, type, bytes, len);
    if (!added)
        intake->state = INTAKE_BROKEN;
}

/* The empty record that ends a stream. */
static void
end_stream(struct intake *intake, int type)
{
    if (type == PARAMS && !params_are_good(intake)) {
        intake->state = INTAKE_BROKEN;
        return;
    }
    intake->stream_at = 0;
    if (!add_header(&intake->request, type, intake->id, 0))
        intake->state = INTAKE_BROKEN;
    else if (type == STDIN)
        intake->state = INTAKE_WHOLE;
    else
        intake->stage = STAGE_STDIN;
}

static void
begin(struct intake *intake, uint16_t id)
{
    const unsigned char *body = (const unsigned char *)intake->content.bytes;

    if (intake->stage != STAGE_BEGIN) {
        if (id == intake->id)
            intake->state = INTAKE_BROKEN;
        else
            reply_end(intake, id, CANT_MPX_CONN);
        return;
    }
    if ((body[0] << 8 | body[1]) != ROLE_RESPONDER) {
        reply_end(intake, id, UNKNOWN_ROLE);
        return;
    }
    intake->keep = (body[2] & KEEP_CONN) != 0;
    intake->id = id;
    intake->stage = STAGE_PARAMS;
    if (!add_header(&intake->request, BEGIN_REQUEST, id, BODY_LEN) ||
        !buffer_add(&intake->request, body, BODY_LEN))
        intake->state = INTAKE_BROKEN;
    intake->pairs_at = intake->request.len;
}

static uint16_t
record_id(const struct intake *intake)
{
    return (uint16_t)(intake->header[2] << 8 | intake->header[3]);
}

/* Whether a record belongs to the request that is coming. Others are passed over, as the
 * specification has it. */
static bool
is_ours(const struct intake *intake)
{
    return intake->stage != STAGE_BEGIN && record_id(intake) == intake->id;
}

/* Records whose content is looked at once all of it is there. */
static bool
is_read_whole(const struct intake *intake)
{
    return intake->header[1] == BEGIN_REQUEST ||
           (record_id(intake) == 0 && intake->header[1] == GET_VALUES);
}

/* A header has come. */
static void
take_header(struct intake *intake)
{
    const unsigned char *header = intake->header;
    bool is_begun_wrongly, is_out_of_order;
    int type = header[1];

    intake->content_left = (size_t)header[4] << 8 | header[5];
    intake->padding_left = header[6];
    intake->content.len = 0;
    is_begun_wrongly =
        type == BEGIN_REQUEST && (record_id(intake) == 0 || intake->content_left != BODY_LEN);
    /* Or nothing that is sent to a responder. */
    is_out_of_order = is_ours(intake) && type != BEGIN_REQUEST && type != ABORT_REQUEST &&
                      type != (intake->stage == STAGE_PARAMS ? PARAMS : STDIN);
    if (header[0] != VERSION || is_begun_wrongly || is_out_of_order)
        intake->state = INTAKE_BROKEN;
}

static void
take_content(struct intake *intake, const unsigned char *bytes, size_t len)
{
    int type = intake->header[1];

    if (is_read_whole(intake)) {
        if (!buffer_add(&intake->content, bytes, len))
            intake->state = INTAKE_BROKEN;
    } else if (is_ours(intake) && type != ABORT_REQUEST) {
        take_stream(intake, type, bytes, len);
    }
}

/* All of a record has come, its padding as well. */
static void
end_record(struct intake *intake)
{
    int type = intake->header[1];
    uint16_t id = record_id(intake);
    bool is_empty = intake->header[4] == 0 && intake->header[5] == 0;
    const unsigned char unknown[BODY_LEN] = {(unsigned char)type};

    intake->header_len = 0;
    if (type == BEGIN_REQUEST) {
        begin(intake, id);
    } else if (id == 0 && type == GET_VALUES) {
        reply_values(intake);
    } else if (id == 0) {
        reply(intake, UNKNOWN_TYPE, 0, unknown, sizeof unknown);
    } else if (is_ours(intake) && type == ABORT_REQUEST) {
        reply_end(intake, id, REQUEST_COMPLETE);
        intake->state = INTAKE_ABORTED;
    } else if (is_ours(intake) && is_empty) {
        end_stream(intake, type);
    }
}

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Takes what belongs to one part of a record: header, content or padding. */
static size_t
take_part(struct intake *intake, const unsigned char *bytes, size_t len)
{
    size_t part;

    if (intake->header_len < HEADER_LEN) {
        part = smaller(len, HEADER_LEN - intake->header_len);
        memcpy(intake->header + intake->header_len, bytes, part);
        intake->header_len += part;
        if (intake->header_len < HEADER_LEN)
            return part;
        take_header(intake);
    } else if (intake->content_left > 0) {
        part = smaller(len, intake->content_left);
        intake->content_left -= part;
        take_content(intake, bytes, part);
    } else {
        part = smaller(len, intake->padding_left);
        intake->padding_left -= part;
    }
    if (intake->state == INTAKE_PARTLY && intake->content_left == 0 && intake->padding_left == 0)
        end_record(intake);
    return part;
}

size_t
intake_take(struct intake *intake, const void *bytes, size_t len)
{
    size_t taken = 0;

    if (len > 0 && intake->state == INTAKE_NOTHING)
        intake->state = INTAKE_PARTLY;
    while (taken < len && intake->state == INTAKE_PARTLY)
        taken += take_part(intake, (const unsigned char *)bytes + taken, len - taken);
    intake->taken += taken;
    if (intake->state == INTAKE_PARTLY && intake->taken > INTAKE_BYTES_MAX)
        intake->state = INTAKE_BROKEN;
    return taken;
}
