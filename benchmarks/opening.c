/* Opens a model file, answers one text and prints the milliseconds of both and the resident kilobytes. */
#define _POSIX_C_SOURCE 200809L
#include <edgebert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static long resident(void)
{
    char line[256];
    long kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0)
            kilobytes = strtol(line + 6, NULL, 10);
    }
    if (status != NULL)
        fclose(status);
    return kilobytes;
}

int main(int argc, char **argv)
{
    static float answer[65536];
    edgebert_model *model;
    edgebert_session *session;
    char why[256];
    const double start = milliseconds();
    if (argc != 3 || edgebert_model_open(argv[1], &model, why, sizeof why) != EDGEBERT_OK)
        return 1;
    const double opened = milliseconds();
    if (edgebert_session_new(model, NULL, &session) != EDGEBERT_OK ||
        edgebert_embed(session, argv[2], EDGEBERT_NUL, answer, sizeof answer / sizeof *answer, NULL) != EDGEBERT_OK)
        return 1;
    const double answered = milliseconds();
    printf("%.3f %.3f %ld\n", opened - start, answered - start, resident());
    edgebert_session_free(session);
    edgebert_model_free(model);
    return 0;
}
