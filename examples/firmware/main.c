/* Reads lines and prints what the model finds: a label, entities, an answer, or the start of a vector. A line for an
 * "answer" model is a question, a tab and a text. */
#include <edgebert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1024, SHOWN = 4, ENTITIES = 16 };

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    return 1;
}

static edgebert_status classify(edgebert_session *session, const edgebert_model *model, const char *line)
{
    edgebert_match best;
    size_t count;
    int32_t cut;
    edgebert_status status = edgebert_classify_top(session, line, EDGEBERT_NUL, &best, 1, &count, &cut);
    if (status == EDGEBERT_OK)
        printf("%s %.4f%s\n", edgebert_model_label(model, best.label), (double)best.score, cut ? " (cut)" : "");
    return status;
}

static edgebert_status embed(edgebert_session *session, float *vector, size_t width, const char *line)
{
    int32_t cut;
    edgebert_status status = edgebert_embed(session, line, EDGEBERT_NUL, vector, width, &cut);
    if (status == EDGEBERT_OK) {
        for (size_t i = 0; i < width && i < SHOWN; ++i)
            printf("%.6f ", (double)vector[i]);
        printf("... %lu numbers%s\n", (unsigned long)width, cut ? " (cut)" : "");
    }
    return status;
}

static edgebert_status tag(edgebert_session *session, const edgebert_model *model, const char *line)
{
    edgebert_entity found[ENTITIES];
    size_t count = 0, i;
    edgebert_status status = edgebert_tag(session, line, EDGEBERT_NUL, EDGEBERT_ENTITIES, found, ENTITIES, &count, NULL);
    if (status != EDGEBERT_OK && status != EDGEBERT_BUFFER_TOO_SMALL)
        return status;
    for (i = 0; i < count && i < ENTITIES; ++i)
        printf("%s [%.*s] ", edgebert_model_label(model, found[i].label), (int)(found[i].end - found[i].start),
               line + found[i].start);
    printf("%lu found\n", (unsigned long)count);
    return EDGEBERT_OK;
}

static edgebert_status answer(edgebert_session *session, const char *line)
{
    edgebert_span best;
    size_t count, question = strcspn(line, "\t");
    const char *context = line[question] == '\t' ? line + question + 1 : line;
    float none;
    edgebert_status status = edgebert_answer(session, line, context == line ? 0 : question, context, EDGEBERT_NUL, 0,
                                             &best, 1, &count, &none, NULL);
    if (status == EDGEBERT_OK && count > 0)
        printf("[%.*s] %.4f ", (int)(best.end - best.start), context + best.start, (double)best.score);
    if (status == EDGEBERT_OK)
        printf("none: %.4f\n", (double)none);
    return status;
}

static edgebert_status reply(edgebert_session *session, const edgebert_model *model, const edgebert_info *info,
                             float *vector, const char *line)
{
    if (strcmp(info->task, "classify") == 0)
        return classify(session, model, line);
    if (strcmp(info->task, "tag") == 0)
        return tag(session, model, line);
    if (strcmp(info->task, "answer") == 0)
        return answer(session, line);
    return embed(session, vector, (size_t)info->output_size, line);
}

static int serve(edgebert_session *session, const edgebert_model *model, const edgebert_info *info)
{
    char line[LINE];
    int failed = 0;
    float *vector = malloc((size_t)info->output_size * sizeof *vector);
    if (vector == NULL)
        return fail("edgebert", "out of memory");
    while (!failed && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (reply(session, model, info, vector, line) != EDGEBERT_OK)
            failed = fail("edgebert", edgebert_session_error(session));
    }
    free(vector);
    return failed;
}

int main(int argc, char **argv)
{
    char why[256];
    edgebert_model *model;
    edgebert_session *session;
    edgebert_info info = {0};
    edgebert_options options = {0};
    int failed;

    if (argc != 2)
        return fail("usage", "firmware MODEL.edgebert < lines");
    if (edgebert_model_open(argv[1], &model, why, sizeof why) != EDGEBERT_OK)
        return fail("edgebert", why);
    info.size = sizeof info;
    options.size = sizeof options;
    options.max_tokens = 64; /* short commands: a small arena */
    edgebert_model_info(model, &info);
    if (info.max_tokens < options.max_tokens)
        options.max_tokens = info.max_tokens;
    if (edgebert_model_verify(model, why, sizeof why) != EDGEBERT_OK)
        failed = fail("self-test", why);
    else if (edgebert_session_new(model, &options, &session) != EDGEBERT_OK)
        failed = fail("edgebert", "there is no memory for a session");
    else {
        failed = serve(session, model, &info);
        edgebert_session_free(session);
    }
    edgebert_model_free(model);
    return failed;
}
