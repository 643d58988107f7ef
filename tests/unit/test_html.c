/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "text/html.h"

static void
check(const char *name, const char *text, size_t max_chars, const char *want)
{
    struct buffer out = BUFFER_INIT(65536);
    struct html html = {.out = &out};
    char *copy = strdup(text); /* of its own size, so that a sanitizer sees a read past it */

    assert_non_null(copy);
    html_text(&html, copy, max_chars);
    free(copy);
    if (strcmp(buffer_text(&out), want) != 0)
        fail_msg("row \"%s\": \"%s\" and not \"%s\"", name, buffer_text(&out), want);
    buffer_fini(&out);
}

#define GONE "\xef\xbf\xbd" /* U+FFFD */

static void
text_cannot_become_markup(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        const char *want;
    } rows[] = {
        {"empty", "", ""},
        {"words", "build (ubuntu, 18) 100% #1 a=b;", "build (ubuntu, 18) 100% #1 a=b;"},
        {"a script", "<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"},
        {"out of an attribute", "\"><svg onload=x>", "&quot;&gt;&lt;svg onload=x&gt;"},
        {"out of a quoted one", "' onclick='x", "&#39; onclick=&#39;x"},
        {"a reference", "&lt;b&gt; &#60; &amp", "&amp;lt;b&amp;gt; &amp;#60; &amp;amp"},
        {"a comment", "<!-- --> -->", "&lt;!-- --&gt; --&gt;"},
        {"end of a style", "</style>", "&lt;/style&gt;"},
        {"lines", "a\nb\tc\rd", "a b c d"},
        {"controls", "a\x01\x1b[31m\x7f", "a" GONE GONE "[31m" GONE},
        {"C1 controls", "\xc2\x85\xc2\x9b", GONE GONE},
        {"override to the left",
         "a\xe2\x80\xae"
         "gpj.exe",
         "a" GONE "gpj.exe"},
        {"an isolate that is left open", "\xe2\x81\xa7x", GONE "x"},
        {"end of an embedding", "\xe2\x80\xacx\xe2\x81\xa9", GONE "x" GONE},
        {"marks of direction", "\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", GONE GONE GONE},
        {"zero-width space",
         "a\xe2\x80\x8b"
         "b",
         "a" GONE "b"},
        {"line separator", "\xe2\x80\xa8", GONE},
        {"byte order mark", "\xef\xbb\xbfx", GONE "x"},
        {"hidden tags", "\xf3\xa0\x81\xa1", GONE},
        {"joiners stay", "\xd9\x85\xe2\x80\x8c \xe2\x80\x8d", "\xd9\x85\xe2\x80\x8c \xe2\x80\x8d"},
        {"emoji of several", "👩‍💻", "👩‍💻"},
        {"Arabic", "بناء", "بناء"},
        {"Hebrew", "בנייה", "בנייה"},
        {"highest character", "\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd"},
        {"noncharacters", "\xef\xbf\xbe\xef\xbf\xbf\xef\xb7\x90", GONE GONE GONE},
        {"lone bytes", "\xff\xfe\x80", GONE GONE GONE},
        {"cut character", "a\xe2\x82", "a" GONE GONE},
        {"longer than needed", "\xc0\xbcscript", GONE GONE "script"},
        {"half of a pair", "\xed\xa0\x80", GONE GONE GONE},
        {"beyond the last", "\xf4\x90\x80\x80", GONE GONE GONE GONE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check(rows[i].name, rows[i].text, 1000, rows[i].want);
}

static void
long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    check("fits", "日本語", 3, "日本語");
    check("one more", "日本語x", 3, "日本語…");
    check("references count once", "<<<<", 2, "&lt;&lt;…");
    check("nothing", "x", 0, "…");
    check("nothing of nothing", "", 0, "");
}

static void
only_whole_web_addresses_are_links(void **state)
{
    static const char *const good[] = {
        "https://github.com/o/r/actions/runs/1/job/2",
        "https://ghe.example.org:8443/o/r?x=1&y=2#z",
    };
    static const char *const bad[] = {
        "",
        "https://",
        "https:///path",
        "http://github.com/o/r",
        "HTTPS://github.com/o/r",
        " https://github.com/",
        "javascript:alert(1)",
        "javascript://github.com/%0aalert(1)",
        "data:text/html,x",
        "//github.com/o/r",
        "/status",
        "https:github.com",
        "https://github.com/a b",
        "https://github.com/\n",
        "https://github.com\\@evil.example",
        "https://github.com@evil.example/",
        "https://\xd0\xb0pple.com/",
        "https://github.com/\x7f",
    };
    char longer[700] = "https://github.com/";

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_row(html_can_link(good[i]), good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_row(!html_can_link(bad[i]), bad[i]);
    memset(longer + strlen(longer), 'x', sizeof longer - strlen(longer) - 1);
    assert_false(html_can_link(longer));
}

static void
what_was_written_can_be_taken_back(void **state)
{
    struct buffer out = BUFFER_INIT(64);
    struct html html = {.out = &out};

    (void)state;
    html_cut(&html, 0);
    html_markup(&html, "<p>");
    html_number(&html, -12);
    html_cut(&html, 99);
    assert_string_equal(buffer_text(&out), "<p>-12");
    html_cut(&html, 3);
    assert_string_equal(buffer_text(&out), "<p>");
    assert_int_equal(out.len, 3);
    buffer_fini(&out);
}

static void
no_room_is_told(void **state)
{
    struct buffer out = BUFFER_INIT(8);
    struct html html = {.out = &out};

    (void)state;
    html_text(&html, "\"\"", 9);
    assert_true(out.failed);
    buffer_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_cannot_become_markup),
        cmocka_unit_test(long_text_is_cut_at_a_character),
        cmocka_unit_test(only_whole_web_addresses_are_links),
        cmocka_unit_test(what_was_written_can_be_taken_back),
        cmocka_unit_test(no_room_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
