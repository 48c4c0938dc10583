// Milliseconds that a model file takes for one text, by its length, called from C++: the least of interleaved rounds.
//
//     build/release/benchmark_model BUNDLE/model.edgebert [ROUNDS [PATH [THREADS]]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>

#include "engine/session.h"

namespace {

using namespace edgebert::engine;

constexpr std::size_t kLengths[] = {8, 16, 32, 64, 128};

/// Time that this thread ran, which other work on the machine disturbs least; with several threads, time that passed.
double milliseconds(std::size_t threads) {
    timespec now{};
    clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

/// Ids that no two tokens of a short text share.
std::vector<std::int32_t> some_ids(const Config &config, std::size_t count) {
    std::vector<std::int32_t> ids(count);
    for (std::size_t i = 0; i < count; ++i)
        ids[i] = static_cast<std::int32_t>((1000 + 7919 * i) % config.vocabulary);
    return ids;
}

void measure(const std::shared_ptr<const Model> &model, long rounds, const SessionOptions &options) {
    Session session(model, options);
    const std::vector<std::int32_t> ids = some_ids(model->config(), 128);
    std::vector<float> answer(model->config().output_size());
    std::vector<double> best(std::size(kLengths), 1e9);
    for (long round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < best.size(); ++i) {
            const TokenRow row{ids.data(), nullptr, std::min(kLengths[i], session.max_tokens())};
            const double start = milliseconds(options.threads);
            if (session.answer(&row, 1, answer.data(), answer.size()) != Status::kOk) std::exit(1);
            best[i] = std::min(best[i], milliseconds(options.threads) - start);
        }
    }
    std::printf("%-12s %zu threads |", session.path(), options.threads);
    for (std::size_t i = 0; i < best.size(); ++i)
        std::printf(" %zu tokens %.3f ms |", kLengths[i], best[i]);
    std::printf("\n");
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: benchmark_model FILE [ROUNDS [PATH [THREADS]]]\n");
        return 2;
    }
    const std::shared_ptr<const Model> model = Model::open(argv[1]);
    SessionOptions options;
    options.path = argc > 3 ? argv[3] : nullptr;
    options.threads = argc > 4 ? std::strtoul(argv[4], nullptr, 10) : 1;
    measure(model, argc > 2 ? std::strtol(argv[2], nullptr, 10) : 100, options);
    return 0;
}
