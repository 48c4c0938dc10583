/* edgebert.h - run a quantized BERT from C or C++.
 *
 *     #include <edgebert.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         edgebert_model *model;
 *         edgebert_session *session;
 *         char why[256];
 *         float vector[384];
 *
 *         if (edgebert_model_open("model.edgebert", &model, why, sizeof why) != EDGEBERT_OK) {
 *             puts(why);
 *             return 1;
 *         }
 *         if (edgebert_session_new(model, NULL, &session) == EDGEBERT_OK) {
 *             if (edgebert_embed(session, "turn on the light", EDGEBERT_NUL, vector, 384, NULL) == EDGEBERT_OK)
 *                 printf("%f\n", vector[0]);
 *             else
 *                 puts(edgebert_session_error(session));
 *             edgebert_session_free(session);
 *         }
 *         edgebert_model_free(model);
 *         return 0;
 *     }
 *
 * Ownership: you free what you open, a model after its sessions; buffers you pass in stay yours.
 * Threads:   a model is immutable and may be shared; a session belongs to one thread at a time, and two threads in one
 *            session at once are undefined behaviour. It computes in the caller's thread unless more are asked for.
 * Memory:    after a session exists no call on it allocates. Opening a model and making a session do.
 * Failure:   no call prints, aborts, throws or exits. A file is checked whole when it is opened: a broken one is
 *            reported, never a crash. A function that fails may have written part of its output.
 * Text:      UTF-8 as pointer and length; EDGEBERT_NUL as length for text that ends at a NUL. Invalid UTF-8 is read
 *            as if every invalid part were U+FFFD. Longer text than the session takes is cut, and `truncated` says so.
 * Numbers:   the same text gives the same bits on every CPU, with any number of threads.
 */
#ifndef EDGEBERT_H
#define EDGEBERT_H

#include <stddef.h>
#include <stdint.h>

#define EDGEBERT_VERSION "0.1.0"
#define EDGEBERT_ABI 1        /* raised only when a compiled caller would break */
#define EDGEBERT_NUL SIZE_MAX /* as length: the text ends at a NUL */
#define EDGEBERT_ALIGNMENT 64 /* bytes, of memory given for a model or as an arena */

#if defined(_WIN32) && defined(EDGEBERT_SHARED)
#ifdef EDGEBERT_BUILD
#define EDGEBERT_API __declspec(dllexport)
#else
#define EDGEBERT_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define EDGEBERT_API __attribute__((visibility("default")))
#else
#define EDGEBERT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum edgebert_status {
    EDGEBERT_OK = 0,
    EDGEBERT_INVALID_ARGUMENT = 1, /* a NULL pointer, a value out of range, or a call that the model's task has not */
    EDGEBERT_IO_ERROR = 2,         /* the file cannot be opened or mapped, or is empty */
    EDGEBERT_BAD_BUNDLE = 3,       /* not a model file, cut, damaged, or with values that make no sense */
    EDGEBERT_UNSUPPORTED = 4,      /* a newer file or caller than this library, or a part that was not built in */
    EDGEBERT_OUT_OF_MEMORY = 5,    /* the system gives no memory or thread, or the arena is too small */
    EDGEBERT_BUFFER_TOO_SMALL = 6, /* the output does not fit; a needed count was written where there is one */
    EDGEBERT_INTERNAL = 7          /* the library computes wrongly on this machine: please report it */
} edgebert_status;

typedef struct edgebert_model edgebert_model;
typedef struct edgebert_session edgebert_session;

/* What a model says about itself. Set `size` to sizeof(edgebert_info) before the call. The strings live as long as the
 * model. */
typedef struct edgebert_info {
    size_t size;
    const char *name;      /* such as "minilm" */
    const char *task;      /* "embed", "classify", "tag" or "answer"; "tokenize" for a tokenizer's file */
    const char *precision; /* "int8" or "fp32" */
    int32_t max_tokens;    /* longest input in tokens, special tokens among them */
    int32_t vocabulary;    /* ids are 0 to vocabulary - 1 */
    int32_t hidden;        /* floats of one token's vector */
    int32_t output_size;   /* floats that embed or classify writes: the vector's width or the number of labels; of a
                            * "tag" or "answer" model the floats of one token: labels, or 2 */
} edgebert_info;

/* How a session runs. Zero the whole and set `size` to sizeof(edgebert_options); 0 and NULL mean "choose for me". */
typedef struct edgebert_options {
    size_t size;
    int32_t threads;    /* 0: one; the library never takes a core that was not asked for */
    int32_t max_tokens; /* 0: the model's limit; smaller needs less memory, and longer text is cut to it */
    void *arena;        /* NULL: the library allocates; else the session's memory, aligned to EDGEBERT_ALIGNMENT */
    size_t arena_size;  /* bytes, at least edgebert_session_size() */
    const char *path;   /* NULL: the best CPU path here; else the name of one, such as "scalar" */
} edgebert_options;

/* A label and its score. */
typedef struct edgebert_match {
    int32_t label; /* for edgebert_model_label */
    float score;
} edgebert_match;

/* How edgebert_tag cuts a text. */
typedef enum edgebert_grouping {
    EDGEBERT_TOKENS = 0,  /* each token by itself */
    EDGEBERT_ENTITIES = 1 /* a word has the label of its first token, and neighbouring words of one entity are one */
} edgebert_grouping;

/* A piece of a text with a label. Its bytes are text[start] to text[end - 1], whole characters. */
typedef struct edgebert_entity {
    int32_t label; /* for edgebert_model_label; of an entity that of its first word, such as "B-PER" */
    float score;   /* probability of the label; of an entity the mean over its words */
    size_t start, end;
} edgebert_entity;

/* An answer in a text. Its bytes are context[start] to context[end - 1], whole words. */
typedef struct edgebert_span {
    float score; /* probability that the answer starts at its first and ends at its last token */
    size_t start, end;
} edgebert_span;

/* Version of the library that is running, which may differ from EDGEBERT_VERSION. */
EDGEBERT_API const char *edgebert_version(void);
EDGEBERT_API uint32_t edgebert_abi(void);

/* A short English name for a status; never NULL. */
EDGEBERT_API const char *edgebert_status_text(edgebert_status status);

/* Open a model file, which is mapped and must not be changed in place while it is open: replace it by rename. When that
 * fails, `message`, if not NULL, is one line that says why, cut to `message_size` bytes with its NUL. */
EDGEBERT_API edgebert_status edgebert_model_open(const char *path, edgebert_model **out, char *message,
                                                 size_t message_size);

/* Use a model file that is in memory or flash. Nothing is copied: `data`, aligned to EDGEBERT_ALIGNMENT, must outlive
 * the model. */
EDGEBERT_API edgebert_status edgebert_model_from_memory(const void *data, size_t size, edgebert_model **out,
                                                        char *message, size_t message_size);

/* Compute the golden answers that the file carries and compare them to the last bit. It makes a session of its own. */
EDGEBERT_API edgebert_status edgebert_model_verify(const edgebert_model *model, char *message, size_t message_size);

EDGEBERT_API edgebert_status edgebert_model_info(const edgebert_model *model, edgebert_info *info);

/* Name of label `index` of a "classify" or "tag" model; NULL when there is none. It lives as long as the model. */
EDGEBERT_API const char *edgebert_model_label(const edgebert_model *model, int32_t index);

/* Free a model after its sessions. NULL is fine. */
EDGEBERT_API void edgebert_model_free(edgebert_model *model);

/* Bytes of arena that a session with these options needs, whose own arena is not looked at; 0 when the arguments are
 * not valid. `options` may be NULL. */
EDGEBERT_API size_t edgebert_session_size(const edgebert_model *model, const edgebert_options *options);

/* Make a session; `options` may be NULL. */
EDGEBERT_API edgebert_status edgebert_session_new(const edgebert_model *model, const edgebert_options *options,
                                                  edgebert_session **out);

/* Why the last call on this session failed, one line; "" when it did not. Valid until the next call. */
EDGEBERT_API const char *edgebert_session_error(const edgebert_session *session);

/* Name of the CPU path that the session computes with, such as "avx2". */
EDGEBERT_API const char *edgebert_session_path(const edgebert_session *session);

/* Free a session; an arena stays yours. NULL is fine. */
EDGEBERT_API void edgebert_session_free(edgebert_session *session);

/* Text, or a pair of texts, to token ids with special tokens, cut to the session's limit. `pair` is NULL for one text.
 * `type_ids` and `truncated` may be NULL. `*count` becomes the number of ids; when it is greater than `capacity`,
 * nothing is written to `ids` and `type_ids`, and the answer is EDGEBERT_BUFFER_TOO_SMALL. */
EDGEBERT_API edgebert_status edgebert_tokenize(edgebert_session *session, const char *text, size_t length,
                                               const char *pair, size_t pair_length, int32_t *ids, int32_t *type_ids,
                                               size_t capacity, size_t *count, int32_t *truncated);

/* Text to one vector of info.output_size floats, of unit length where the model says so. `truncated` may be NULL. */
EDGEBERT_API edgebert_status edgebert_embed(edgebert_session *session, const char *text, size_t length, float *vector,
                                            size_t capacity, int32_t *truncated);

/* Text to one score a label, info.output_size floats: probabilities that sum to 1, one probability for each label of a
 * model whose labels exclude nothing, or the values of a regression. `truncated` may be NULL. */
EDGEBERT_API edgebert_status edgebert_classify(edgebert_session *session, const char *text, size_t length,
                                               float *scores, size_t capacity, int32_t *truncated);

/* Text to its `capacity` best labels, the best first and the lower label first among equal ones. `*count`, which may
 * not be NULL, becomes how many were written: fewer when the model has fewer labels. */
EDGEBERT_API edgebert_status edgebert_classify_top(edgebert_session *session, const char *text, size_t length,
                                                   edgebert_match *best, size_t capacity, size_t *count,
                                                   int32_t *truncated);

/* Text to what a "tag" model finds in it, in order; what has the label "O" is left out. `*count`, which may not be
 * NULL, becomes how many there are; when that is greater than `capacity`, the first are written, and the answer is
 * EDGEBERT_BUFFER_TOO_SMALL. `truncated` may be NULL. */
EDGEBERT_API edgebert_status edgebert_tag(edgebert_session *session, const char *text, size_t length,
                                          edgebert_grouping grouping, edgebert_entity *entities, size_t capacity,
                                          size_t *count, int32_t *truncated);

/* A question and a text to the `capacity` best answers in the text, the best first, none twice. An answer has at most
 * `max_answer_tokens` tokens; 0: 15. `*count`, which may not be NULL, becomes how many were written. `no_answer`, which
 * may be NULL, becomes the probability that the text does not answer the question; it is the caller who compares it. A
 * context that does not fit is cut at its end, a question is not. `truncated` may be NULL. */
EDGEBERT_API edgebert_status edgebert_answer(edgebert_session *session, const char *question, size_t question_length,
                                             const char *context, size_t context_length, int32_t max_answer_tokens,
                                             edgebert_span *best, size_t capacity, size_t *count, float *no_answer,
                                             int32_t *truncated);

/* The same from token ids: for pairs of texts, and where ids come from elsewhere. `type_ids` may be NULL: all 0. */
EDGEBERT_API edgebert_status edgebert_embed_ids(edgebert_session *session, const int32_t *ids, const int32_t *type_ids,
                                                size_t count, float *vector, size_t capacity);
EDGEBERT_API edgebert_status edgebert_classify_ids(edgebert_session *session, const int32_t *ids,
                                                   const int32_t *type_ids, size_t count, float *scores,
                                                   size_t capacity);

/* Token ids to raw output: info.output_size logits of a "classify" model, and `count` times as many floats of the
 * others: the tokens' vectors of an "embed" model, logits of labels, or logits of start and end. */
EDGEBERT_API edgebert_status edgebert_run(edgebert_session *session, const int32_t *ids, const int32_t *type_ids,
                                          size_t count, float *output, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
