/* version - of the program; with --json also what it was built from. */
#include "cli/build_facts.h"
#include "cli/cli.h"

#include "report/report.h"
#include "system/system.h"

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const bool page = rd_report_html_available();
    const struct rd_library *library;
    size_t n, n_attacks = 0;

    (void)opts, (void)argc, (void)argv;
    while (rd_attacks[n_attacks])
        n_attacks++;
    library = rd_build_libraries(&n);
    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "name", "redoubt");
    rd_json_ktext(cli->result, "version", RD_VERSION);
    rd_json_kint(cli->result, "file_version", RD_SYSTEM_VERSION);
    rd_json_ktext(cli->result, "compiler", rd_build_compiler());
    rd_json_ktext(cli->result, "build", rd_build_type());
    rd_json_ktext(cli->result, "processor", rd_build_processor());
    rd_json_kbool(cli->result, "report_page", page);
    rd_json_kint(cli->result, "attacks", (int64_t)n_attacks);
    rd_json_karray(cli->result, "kernels");
    for (const char *const *k = rd_build_kernels(); *k; k++)
        rd_json_text(cli->result, *k);
    rd_json_end(cli->result);
    rd_json_kobject(cli->result, "libraries");
    for (size_t i = 0; i < n; i++)
        rd_json_ktext(cli->result, library[i].name, library[i].version);
    rd_json_end(cli->result);
    rd_json_end(cli->result);
    (void)fputs("redoubt " RD_VERSION "\n", cli->out);
    return RD_OK;
}

const struct rd_command rd_command_version = {
    .name = "version",
    .summary = "show the version; with --json also what it was built from",
    .synopsis = "",
    .examples = "redoubt --version\n"
                "redoubt --version --json | jq .result.libraries\n",
    .run = run,
};
