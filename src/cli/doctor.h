/* doctor.h - the parts of `redoubt doctor`: each says what it finds, one check after the other. */
#ifndef RD_CLI_DOCTOR_H
#define RD_CLI_DOCTOR_H

#include "cli/cli.h"
#include "cli/load.h"

enum rd_health {
    RD_HEALTH_OK,
    RD_HEALTH_ABSENT,  /* it works without */
    RD_HEALTH_MISSING, /* it does not */
    RD_HEALTH_OLD      /* made from something that has changed since */
};

struct rd_check {
    const char *id; /* "dot", "artifact model"; ours or an id of the file */
    enum rd_health health;
    const char *what;  /* what was found, of this machine; any text */
    const char *costs; /* what does not work now, and how to get it; NULL where it is ok */
    const char *hint;
};

struct rd_doctor {
    struct rd_cli *cli;
    struct rd_buf found; /* JSON members of `run`: id and what, which differ by machine */
    struct rd_json found_json;
    size_t by_health[4];
};

void rd_doctor_say(struct rd_doctor *d, const struct rd_check *check);

/* Programs that some commands ask: there, and do they do what is asked of them? */
void rd_doctor_programs(struct rd_doctor *d);
/* Processor, memory, libraries, terminal. */
void rd_doctor_machine(struct rd_doctor *d);
/* One system file and what lies beside it. Nothing is contacted, started or written. */
rd_status rd_doctor_system(
    struct rd_doctor *d, const char *path, const struct rd_load_options *options);
/* Room for evidence in this folder. */
void rd_doctor_disk(struct rd_doctor *d, const char *folder);

#endif
