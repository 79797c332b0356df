/*
 * html.c - the page of web/, with report.json in it.
 *
 * The data stands in a <script type="application/json">, which no browser runs. Every '<' in it
 * becomes \u003c, so no text can end that element or open another one. Marks that turn or hide text
 * become \uXXXX too: who reads the source of the page must see what is there.
 */
#include "report/report.h"

#include "base/text.h"

#include <string.h>

/* Made by cmake/web.cmake: the page (empty when it could not be built) and why it is empty. */
extern const char rd_page_report[], rd_page_report_end[], rd_page_reason[], rd_page_reason_end[];

static const char marker[] = "@@REDOUBT_DATA@@";

bool rd_report_html_available(void)
{
    return rd_page_report_end - rd_page_report > (ptrdiff_t)sizeof(marker);
}

const char *rd_report_html_reason(void)
{
    if (rd_report_html_available())
        return NULL;
    return rd_page_reason_end - rd_page_reason > 1
               ? rd_page_reason
               : "this program was built without the report page";
}

/* A code point as JSON writes it: two units above U+FFFF. */
static void put_unit(struct rd_buf *out, uint32_t cp)
{
    if (cp > 0xffff) {
        rd_buf_printf(out, "\\u%04x", 0xd800 + ((cp - 0x10000) >> 10));
        cp = 0xdc00 + ((cp - 0x10000) & 0x3ff);
    }
    rd_buf_printf(out, "\\u%04x", cp);
}

static void put_escaped(struct rd_buf *out, const char *json, size_t size)
{
    size_t from = 0, step;

    for (size_t i = 0; i < size; i += step) {
        const unsigned char c = (unsigned char)json[i];
        bool deceptive = false;
        uint32_t cp = c;

        step = c < 0x80 ? 1 : rd_text_look(json + i, size - i, &cp, &deceptive);
        if (!step) { /* our own writer makes UTF-8 only; another's bytes pass as they are */
            step = 1;
            continue;
        }
        if (c != '<' && !deceptive)
            continue;
        rd_buf_put(out, json + from, i - from);
        put_unit(out, cp);
        from = i + step;
    }
    rd_buf_put(out, json + from, size - from);
}

rd_status rd_report_html_into(const char *page, size_t page_size, const char *report_json,
    size_t size, struct rd_buf *out, struct rd_error *err)
{
    const char *at = memmem(page, page_size, marker, sizeof(marker) - 1);

    if (!at)
        return RD_FAIL(err, RD_E_BUG, "the report page has no place for the data");
    rd_buf_put(out, page, (size_t)(at - page));
    put_escaped(out, report_json, size);
    at += sizeof(marker) - 1;
    rd_buf_put(out, at, page_size - (size_t)(at - page));
    return out->failed ? RD_FAIL(err, RD_E_MEMORY, "no memory for report.html") : RD_OK;
}

rd_status rd_report_html(
    const char *report_json, size_t size, struct rd_buf *out, struct rd_error *err)
{
    if (!rd_report_html_available())
        return RD_FAIL(err, RD_E_NOTFOUND, "%s", rd_report_html_reason());
    return rd_report_html_into(
        rd_page_report, (size_t)(rd_page_report_end - rd_page_report), report_json, size, out, err);
}
