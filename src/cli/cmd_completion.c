/* completion - a script that teaches a shell to complete our commands. */
#include "cli/cli.h"
#include "cli/complete.h"

#include "base/text.h"

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    static const char *const shells[] = { "bash", "zsh", "fish", NULL };
    const char *script = rd_completion_script(argv[0]), *near;
    char safe[64];

    (void)opts, (void)argc;
    if (!script) {
        (void)RD_FAIL(cli->run.err, RD_E_USAGE, "no completion for '%s': bash, zsh or fish",
            rd_text_safe_in(safe, sizeof safe, argv[0]));
        near = rd_text_nearest(argv[0], shells);
        return near ? rd_error_hint(cli->run.err, "did you mean '%s'?", near) : RD_E_USAGE;
    }
    rd_json_text(cli->result, script);
    (void)fputs(script, cli->out);
    return RD_OK;
}

const struct rd_command rd_command_completion = {
    .name = "completion",
    .summary = "print a script that makes a shell complete commands and options",
    .synopsis = "bash|zsh|fish",
    .examples = "source <(redoubt completion bash)\n"
                "redoubt completion zsh > ~/.zfunc/_redoubt   # a folder of $fpath\n"
                "redoubt completion fish > ~/.config/fish/completions/redoubt.fish\n",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
