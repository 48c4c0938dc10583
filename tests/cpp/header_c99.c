/* The header alone, as C99 (test_c_api.cpp reads it as C++17). */
#include "edgebert.h"

int header_is_c99(edgebert_status status);
int header_is_c99(edgebert_status status) { return status == EDGEBERT_OK; }
