/* A GPU for tests: the calls of the CUDA driver that edgebert makes, with the driver's rules and a log.
 * Work on a stream waits in a queue until the stream is synchronized, and runs through a callback. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, NO_DEVICE = 100, INVALID_CONTEXT = 201, CAPTURING = 900, QUEUE = 4096 };

struct list {
    int items[QUEUE];
    int length;
};

static struct list pending, captured;
static struct list *graph;
static int capturing, frozen_failure;
static _Thread_local int current;
static char text[1 << 16];
static void (*run)(int);

void fake_note(const char *line) {
    if (strlen(text) + strlen(line) + 2 < sizeof text) strcat(strcat(text, line), "\n");
}
const char *fake_log(void) { return text; }
void fake_set_run(void (*callback)(int)) { run = callback; }
void fake_refuse_capture(int refuse) { frozen_failure = refuse; }
int fake_enqueue(int operation) {
    struct list *list = capturing ? &captured : &pending;
    if (list->length == QUEUE) return 0;
    list->items[list->length++] = operation;
    return 1;
}

static int ready(const char *name) {
    fake_note(name);
    if (!current) return INVALID_CONTEXT;
    return capturing ? CAPTURING : OK;
}

int cuInit(unsigned flags) {
    (void)flags;
    return getenv("FAKE_CUDA_NONE") ? NO_DEVICE : OK;
}
int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, OK; }
int cuDeviceGetName(char *name, int length, int device) {
    const char *chosen = getenv("FAKE_CUDA_NAME");
    snprintf(name, (size_t)length, "%s", chosen ? chosen : "Orin");
    return device;
}
int cuDriverGetVersion(int *version) { return *version = 12060, OK; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? 8 : attribute == 76 ? 7 : -1;
    return device;
}
int cuDevicePrimaryCtxRetain(void **context, int device) { return *context = &current, device; }
int cuDevicePrimaryCtxRelease_v2(int device) { return fake_note("release context"), device; }
int cuCtxSetCurrent(void *context) { return current = context != NULL, OK; }
int cuStreamCreate(void **stream, unsigned flags) {
    *stream = &pending;
    return flags == 1 ? ready("create stream") : 1;
}
int cuStreamDestroy_v2(void *stream) { return fake_note("destroy stream"), stream != &pending; }
int cuMemHostAlloc(void **memory, size_t size, unsigned flags) {
    const int code = ready("allocate");
    *memory = code ? NULL : malloc(size);
    return code ? code : flags != 3;
}
int cuMemHostGetDevicePointer_v2(uint64_t *address, void *memory, unsigned flags) {
    *address = (uint64_t)(uintptr_t)memory;
    return (int)flags;
}
int cuMemFreeHost(void *memory) { return free(memory), fake_note("free"), OK; }
int cuStreamBeginCapture_v2(void *stream, int mode) {
    const int code = ready("begin capture");
    if (code || stream != &pending || mode != 1) return code ? code : 1;
    capturing = 1;
    captured.length = 0;
    return OK;
}
int cuStreamEndCapture(void *stream, void **made) {
    fake_note("end capture");
    if (!capturing || stream != &pending) return 1;
    capturing = 0;
    *made = NULL;
    if (frozen_failure) return CAPTURING;
    graph = malloc(sizeof *graph);
    *graph = captured;
    *made = graph;
    return OK;
}
int cuGraphInstantiateWithFlags(void **runnable, void *made, unsigned long long flags) {
    struct list *copy = malloc(sizeof *copy);
    *copy = *(struct list *)made;
    *runnable = copy;
    return flags != 0;
}
int cuGraphDestroy(void *made) { return free(made), OK; }
int cuGraphExecDestroy(void *runnable) { return free(runnable), fake_note("destroy graph"), OK; }
int cuGraphLaunch(void *runnable, void *stream) {
    const struct list *list = runnable;
    const int code = ready("launch");
    if (code || stream != &pending) return code ? code : 1;
    for (int at = 0; at < list->length; ++at)
        fake_enqueue(list->items[at]);
    return OK;
}
int cuStreamSynchronize(void *stream) {
    const int code = ready("synchronize");
    if (code || stream != &pending) return code ? code : 1;
    for (int at = 0; at < pending.length; ++at)
        run(pending.items[at]);
    pending.length = 0;
    return OK;
}
int cuGetErrorName(int code, const char **name) {
    *name = code == NO_DEVICE   ? "CUDA_ERROR_NO_DEVICE"
            : code == CAPTURING ? "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
                                : NULL;
    return *name == NULL;
}
