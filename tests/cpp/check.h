// A test is a function; CHECK counts what does not hold and says where.
#pragma once

#include <cstdio>

inline int failures = 0;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            std::printf("%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                                  \
            ++failures;                                                                                                \
        }                                                                                                              \
    } while (false)

#define CHECK_THROWS(expression, type)                                                                                 \
    do {                                                                                                               \
        bool thrown = false;                                                                                           \
        try {                                                                                                          \
            expression;                                                                                                \
        } catch (const type &) {                                                                                       \
            thrown = true;                                                                                             \
        }                                                                                                              \
        if (!thrown) {                                                                                                 \
            std::printf("%s:%d: %s does not throw %s\n", __FILE__, __LINE__, #expression, #type);                      \
            ++failures;                                                                                                \
        }                                                                                                              \
    } while (false)
