#include <algorithm>
#include <exception>
#include <functional>
#include <system_error>
#include <thread>

#include "error.h"
#include "tokenizer.h"

namespace edgebert::text {
namespace {

/// The rows of one thread, or why it failed.
struct Share {
    std::size_t begin, end;
    Rows rows;
    std::exception_ptr failure;
};

/// Cuts the inputs into `count` ranges of about equal numbers of bytes.
std::vector<Share> cut(const std::vector<Input> &inputs, unsigned count) {
    std::uint64_t total = 0, seen = 0;
    for (const Input &input : inputs)
        total += input.first.size() + input.second.size() + 1;
    std::vector<Share> shares;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        seen += inputs[i].first.size() + inputs[i].second.size() + 1;
        if (i + 1 < inputs.size() && seen * count < total * (shares.size() + 1)) continue;
        shares.push_back({begin, i + 1, {}, nullptr});
        begin = i + 1;
    }
    return shares;
}

} // namespace

void Tokenizer::encode_range(const std::vector<Input> &inputs, std::size_t begin, std::size_t end,
                             const EncodeOptions &options, OffsetUnit unit, Rows &rows) const {
    std::unique_ptr<Workspace> workspace = borrow();
    for (std::size_t i = begin; i < end; ++i) {
        try {
            encode(inputs[i], options, unit, options.stride > 0, *workspace, rows);
        } catch (const EncodeError &error) {
            throw EncodeError("texts[" + std::to_string(i) + "]: " + error.what());
        }
        rows.text.resize(rows.size(), static_cast<std::int64_t>(i));
    }
    give_back(std::move(workspace));
}

Rows Tokenizer::encode_batch(const std::vector<Input> &inputs, const EncodeOptions &options, OffsetUnit unit,
                             unsigned threads) const {
    std::vector<Share> shares = cut(inputs, std::max(1u, threads));
    const auto work = [&](Share &share) {
        try {
            encode_range(inputs, share.begin, share.end, options, unit, share.rows);
        } catch (...) {
            share.failure = std::current_exception();
        }
    };
    std::vector<std::thread> helpers;
    for (std::size_t i = 1; i < shares.size(); ++i) {
        try {
            helpers.emplace_back(work, std::ref(shares[i]));
        } catch (const std::system_error &) { // the system gives no more threads
            work(shares[i]);
        }
    }
    if (!shares.empty()) work(shares[0]);
    for (std::thread &helper : helpers)
        helper.join();
    Rows rows;
    for (Share &share : shares) {
        if (share.failure) std::rethrow_exception(share.failure);
        if (share.begin == 0) {
            rows = std::move(share.rows);
        } else {
            rows.append(share.rows);
        }
    }
    return rows;
}

} // namespace edgebert::text
