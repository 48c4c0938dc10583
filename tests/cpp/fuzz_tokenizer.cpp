// Fuzz target: texts against sound tokenizers, and damaged tokenizer files. Works with libFuzzer, or with its own
// mutator:
//   fuzz_tokenizer --seconds 60 [--seed N]
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "sample.h"
#include "text/error.h"

using namespace edgebert;
using namespace edgebert::text;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

const std::vector<std::shared_ptr<const Tokenizer>> &tokenizers() {
    static const std::vector<std::shared_ptr<const Tokenizer>> all = {
        Tokenizer::from_bytes(sample::bytes(true)), Tokenizer::from_bytes(sample::bytes(false)),
        Tokenizer::from_bytes(sample::bytes(true, true)), Tokenizer::from_bytes(sample::bytes(false, true, false))};
    return all;
}

/// What must hold for every row of every text.
void check_rows(const Tokenizer &tokenizer, const Rows &rows, std::size_t text_bytes) {
    require(rows.starts.size() == rows.size() + 1);
    require(rows.starts.back() == static_cast<std::int64_t>(rows.ids.size()));
    for (const std::int32_t id : rows.ids)
        require(id >= 0 && id < tokenizer.data().id_count());
    for (const Span &span : rows.spans) {
        require(span.start >= 0 && span.start <= span.end && static_cast<std::size_t>(span.end) <= text_bytes);
    }
}

void encode_all(const Tokenizer &tokenizer, std::string_view text, std::uint8_t choice) {
    EncodeOptions options;
    if ((choice & 1) != 0) options.max_length = 3 + choice % 20;
    if ((choice & 3) == 3) options.stride = 1 + choice % 3;
    options.from_left = (choice & 4) != 0;
    options.add_special_tokens = (choice & 8) != 0;
    options.strategy = static_cast<TruncationStrategy>(choice % 3);
    const std::size_t half = (choice & 16) != 0 ? text.size() / 2 : text.size();
    const Input input{text.substr(0, half), text.substr(half), half < text.size()};
    try {
        tokenizer.check(options, input.pair);
        Rows plain, detailed;
        tokenizer.encode_one(input, options, OffsetUnit::kNone, true, plain);
        tokenizer.encode_one(input, options, (choice & 32) != 0 ? OffsetUnit::kBytes : OffsetUnit::kCodePoints, true,
                             detailed);
        check_rows(tokenizer, detailed, text.size());
        require(plain.ids == detailed.ids);
    } catch (const EncodeError &) { // options that do not fit the text
    }
}

void damage_file(const std::uint8_t *data, std::size_t size) {
    static const std::string good = sample::bytes(true, true);
    std::string bytes = good;
    for (std::size_t i = 0; i + 3 <= size; i += 3) {
        bytes[(data[i] | std::size_t{data[i + 1]} << 8) * 7 % bytes.size()] = static_cast<char>(data[i + 2]);
    }
    if (size % 3 == 1) bytes.resize(bytes.size() * data[size - 1] / 256);
    try {
        encode_all(*Tokenizer::from_bytes(bytes), "light [MASK] \xE4\xB8\xAD new switche e\xCC\x81. new", 1);
    } catch (const TokenizerFileError &) {
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    if (size == 0) return 0;
    if (data[0] < 64) {
        damage_file(data + 1, size - 1);
        return 0;
    }
    const std::string_view text(reinterpret_cast<const char *>(data) + 1, size - 1);
    for (const auto &tokenizer : tokenizers())
        encode_all(*tokenizer, text, data[0]);
    return 0;
}
