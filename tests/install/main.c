#include <edgebert.h>
#include <string.h>

int main(void)
{
    char why[128];
    edgebert_model *model;
    if (strcmp(edgebert_version(), EDGEBERT_VERSION) != 0 || edgebert_abi() != EDGEBERT_ABI)
        return 1;
    return edgebert_model_open("no such file", &model, why, sizeof why) == EDGEBERT_IO_ERROR && strlen(why) > 0 ? 0 : 1;
}
