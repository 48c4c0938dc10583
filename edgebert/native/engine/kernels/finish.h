// The end of every product.
#pragma once

#include "kernels.h"
#include "polynomials.h"

namespace edgebert::engine {

template <class Floats>
inline void finish_lanes(const Floats &value, float *to, std::size_t count, Finish finish) {
    switch (finish) {
    case Finish::kStore: value.store(to, count); break;
    case Finish::kGelu: gelu(value).store(to, count); break;
    case Finish::kAdd: (Floats::load(to, count) + value).store(to, count); break;
    }
}

} // namespace edgebert::engine
