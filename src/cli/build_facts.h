/* build_facts.h - what this program was built from and runs with: `--version`, `doctor`. */
#ifndef RD_CLI_BUILD_FACTS_H
#define RD_CLI_BUILD_FACTS_H

#include <redoubt/error.h>

#include <stddef.h>

struct rd_library {
    const char *name;
    char version[64]; /* of the one that is loaded, where it says; else of its header */
};

/* Sorted by name; *n_out of them, in memory of the program. */
const struct rd_library *rd_build_libraries(size_t *n_out);
const char *rd_build_compiler(void);  /* "gcc 12.2.0" */
const char *rd_build_type(void);      /* "optimized", "debug", "with address sanitizer", ... */
const char *rd_build_processor(void); /* "x86_64" */

const char *const *rd_build_kernels(void); /* that run here, NULL-terminated; the best is last */
/* The one that is used; RD_E_USAGE where REDOUBT_ISA names one that does not run here. */
rd_status rd_build_kernel_chosen(const char **name_out, struct rd_error *err);

#endif
