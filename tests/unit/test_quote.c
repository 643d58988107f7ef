/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "upstream/quote.h"

#define WITHHELD "its words are withheld, since they repeat a secret"
#define HTML "an HTML page, so a proxy or a login answered"

static void
words_become_one_short_line(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *said;
        const char *want;
    } rows[] = {
        {"empty", "", ""},
        {"blanks", " \r\n\t", ""},
        {"plain", "parameterized job not found\n", "parameterized job not found"},
        {"several lines", "a\nb", "a b"},
        {"blanks around", "  \n Permission denied \r\n ", "Permission denied"},
        {"quotes", "job \"x\"", "job \"x\""},
        {"terminal control", "\x1b[31mred", "?[31mred"},
        {"not UTF-8", "\xff\xfe", "??"},
        {"HTML", "<html><body>502 Bad Gateway", HTML},
        {"HTML in capitals", "\n <!DOCTYPE HTML PUBLIC>", HTML},
        {"HTML with attributes", "<HTML lang=en>", HTML},
        {"XML", "<?xml version=\"1.0\"?>", "<?xml version=\"1.0\"?>"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer out = BUFFER_INIT(1024);
        assert_row(quote_add(&out, rows[i].said, NULL, 0), rows[i].name);
        assert_string_equal(buffer_text(&out), rows[i].want);
        buffer_fini(&out);
    }
}

static void
long_words_are_cut(void **state)
{
    (void)state;
    static char said[100001];
    struct buffer out = BUFFER_INIT(1024);

    memset(said, 'x', sizeof said - 1);
    assert_true(quote_add(&out, said, NULL, 0));
    assert_int_equal(out.len, 140 + strlen("…"));
    assert_memory_equal(out.bytes + 140, "…", strlen("…"));
    buffer_fini(&out);
}

/* Eight bytes of a secret in a row are too much, wherever they stand. */
static void
secrets_are_withheld(void **state)
{
    (void)state;
    static const char secret[] = "AABF3JGZDX3P5PMEXLND6TS6FCWO6";
    static const struct {
        const char *name;
        const char *said;
        const char *secret;
        bool withheld;
    } rows[] = {
        {"whole", "bad token AABF3JGZDX3P5PMEXLND6TS6FCWO6 given", secret, true},
        {"its start", "token AABF3JGZ… is bad", secret, true},
        {"its end", "…TS6FCWO6", secret, true},
        {"its middle", "3P5PMEXL", secret, true},
        {"first in the text", "AABF3JGZ", secret, true},
        {"beyond what is quoted",
         "0123456789012345678901234567890123456789012345678901234567890123456789"
         "0123456789012345678901234567890123456789012345678901234567890123456789"
         "01234567890123456789 AABF3JGZDX",
         secret, true},
        {"one byte less", "AABF3JG is short", secret, false},
        {"other case", "aabf3jgzdx3p5pmexlnd6ts6fcwo6", secret, false},
        {"with a gap", "AABF3JG ZDX3P5P", secret, false},
        {"a short secret whole", "the code is abc", "abc", true},
        {"a short secret in part", "the code is ab", "abc", false},
        {"an empty secret", "anything", "", false},
        {"no secret", "anything", NULL, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct quote_secret secrets[] = {
            {.bytes = "never said, this one", .len = 20},
            {.bytes = rows[i].secret, .len = rows[i].secret == NULL ? 0 : strlen(rows[i].secret)},
        };
        struct buffer out = BUFFER_INIT(1024);

        assert_row(quote_add(&out, rows[i].said, secrets, COUNT(secrets)), rows[i].name);
        assert_row((strcmp(buffer_text(&out), WITHHELD) == 0) == rows[i].withheld, rows[i].name);
        assert_row(quote_repeats(rows[i].said, &secrets[1]) == rows[i].withheld, rows[i].name);
        if (rows[i].withheld)
            assert_row(strstr(buffer_text(&out), "AABF3JGZ") == NULL, rows[i].name);
        buffer_fini(&out);
    }
}

static void
a_full_buffer_is_told(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT(4);

    assert_false(quote_add(&out, "Permission denied", NULL, 0));
    buffer_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_one_short_line),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(secrets_are_withheld),
        cmocka_unit_test(a_full_buffer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
