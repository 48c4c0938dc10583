// The engine without Python: one result everywhere, no allocation, bad files and bad input.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "check.h"
#include "engine/error.h"
#include "engine/session.h"
#include "engine_sample.h"

namespace {

std::size_t allocations = 0;

void *counted(std::size_t size, std::size_t alignment) {
    ++allocations;
    void *const memory = std::aligned_alloc(alignment, (size + alignment) / alignment * alignment);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

} // namespace

void *operator new(std::size_t size) { return counted(size, 16); }
void *operator new(std::size_t size, std::align_val_t alignment) {
    return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void *memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

using namespace edgebert;
using engine::Model;
using engine::Session;
using engine::SessionOptions;
using engine::Status;
using engine::Task;
using engine::TokenRow;
using sample::AlignedBytes;
using sample::EngineShape;
using sample::ModelWriter;

namespace {

constexpr std::size_t kTexts = 9;

/// Texts of many lengths.
struct Texts {
    std::vector<std::vector<std::int32_t>> ids, types;
    std::vector<TokenRow> rows;
    std::size_t longest = 0;

    explicit Texts(const EngineShape &shape) {
        Random random(11);
        const std::size_t lengths[kTexts] = {1, 2, 7, 15, 16, 17, 23, 33, 40};
        for (const std::size_t length : lengths) {
            ids.emplace_back();
            types.emplace_back();
            for (std::size_t i = 0; i < length; ++i) {
                ids.back().push_back(random.between(0, static_cast<int>(shape.vocabulary) - 1));
                types.back().push_back(i > length / 2 ? 1 : 0);
            }
            longest = length;
        }
        for (std::size_t i = 0; i < kTexts; ++i)
            rows.push_back({ids[i].data(), types[i].data(), ids[i].size()});
    }
};

std::vector<float> run(Session &session, const std::vector<TokenRow> &rows, std::size_t stride) {
    std::vector<float> output(rows.size() * stride);
    CHECK(session.run(rows.data(), rows.size(), output.data(), stride) == Status::kOk);
    return output;
}

bool same(const std::vector<float> &a, const std::vector<float> &b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Bits that every path, thread count and batch must give. They change only with the formulas.
void check_bits(bool int8, Task task, std::uint32_t expected, const EngineShape &shape = {}) {
    const AlignedBytes file(ModelWriter(shape, int8, task).bytes());
    const std::shared_ptr<const Model> model = Model::from_memory(file.data(), file.size());
    const Texts texts(shape);
    const std::size_t width = model->config().output_size();
    const std::size_t stride = task == Task::kClassify ? width : texts.longest * width;
    std::vector<float> reference;
    for (const std::string &path : engine::cpu_paths()) {
        for (const std::size_t threads : {1u, 2u, 3u}) {
            SessionOptions options;
            options.threads = threads;
            options.path = path.c_str();
            Session session(model, options);
            const std::vector<float> together = run(session, texts.rows, stride);
            if (reference.empty()) reference = together;
            CHECK(same(together, reference));
            for (std::size_t i = 0; i < kTexts; ++i) {
                const std::vector<float> alone = run(session, {texts.rows[i]}, stride);
                CHECK(std::memcmp(alone.data(), &reference[i * stride], stride * sizeof(float)) == 0);
            }
        }
    }
    const std::uint32_t sum = engine::crc32c(0, reference.data(), reference.size() * sizeof(float));
    std::printf("%s, task %d: bits %08x\n", int8 ? "int8" : "fp32", static_cast<int>(task), static_cast<unsigned>(sum));
    CHECK(sum == expected);
}

void nothing_is_allocated_after_a_session_exists() {
    const EngineShape shape;
    const AlignedBytes file(ModelWriter(shape, true, Task::kEmbed).bytes());
    const std::shared_ptr<const Model> model = Model::from_memory(file.data(), file.size());
    const Texts texts(shape);
    std::vector<float> output(kTexts * texts.longest * shape.hidden);
    SessionOptions options;
    options.threads = 2;
    Session session(model, options);
    const std::int32_t wrong = -1;
    const TokenRow bad{&wrong, nullptr, 1};
    const std::size_t before = allocations;
    for (int i = 0; i < 3; ++i) {
        CHECK(session.run(texts.rows.data(), kTexts, output.data(), texts.longest * shape.hidden) == Status::kOk);
        CHECK(session.answer(texts.rows.data(), kTexts, output.data(), shape.hidden) == Status::kOk);
        CHECK(session.run(&bad, 1, output.data(), shape.hidden) == Status::kBadInput);
    }
    CHECK(allocations == before);
}

void an_arena_holds_a_session() {
    const EngineShape shape;
    const AlignedBytes file(ModelWriter(shape, true, Task::kEmbed).bytes());
    const std::shared_ptr<const Model> model = Model::from_memory(file.data(), file.size());
    SessionOptions options;
    options.max_tokens = 20;
    options.arena_size = Session::arena_bytes(*model, options);
    const std::unique_ptr<void, decltype(&std::free)> arena(
        std::aligned_alloc(64, engine::round_up(options.arena_size, 64)), &std::free);
    options.arena = arena.get();
    Session session(model, options);
    CHECK(session.memory_bytes() == options.arena_size);
    const Texts texts(shape);
    float vector[48];
    CHECK(session.answer(&texts.rows[3], 1, vector, 48) == Status::kOk);
    CHECK(session.answer(&texts.rows[8], 1, vector, 48) == Status::kBadInput);
    --options.arena_size;
    CHECK_THROWS(Session(model, options), engine::OptionError);
    options.arena = static_cast<unsigned char *>(arena.get()) + 1;
    CHECK_THROWS(Session(model, options), engine::OptionError);
}

void bad_options_and_input_are_refused() {
    const EngineShape shape;
    const AlignedBytes file(ModelWriter(shape, true, Task::kEmbed).bytes());
    const std::shared_ptr<const Model> model = Model::from_memory(file.data(), file.size());
    SessionOptions options;
    options.threads = 0;
    CHECK_THROWS(Session(model, options), engine::OptionError);
    options = {};
    options.max_tokens = shape.max_tokens + 1;
    CHECK_THROWS(Session(model, options), engine::OptionError);
    options = {};
    options.path = "mmx";
    CHECK_THROWS(Session(model, options), engine::OptionError);
    Session session(model, {});
    float vector[48];
    const std::int32_t high[] = {30}, good[] = {3}, types[] = {2};
    const TokenRow rows[] = {{high, nullptr, 1}, {good, nullptr, 0}, {good, types, 1}, {good, nullptr, 41}};
    for (const TokenRow &row : rows) {
        CHECK(session.answer(&row, 1, vector, 48) == Status::kBadInput);
        CHECK(std::strlen(session.error()) > 0);
    }
    const TokenRow fine{good, nullptr, 1};
    CHECK(session.answer(&fine, 1, vector, 48) == Status::kOk);
    CHECK(std::strlen(session.error()) == 0);
}

/// Opens a damaged file from memory of exactly its size, so that a sanitizer sees any byte read behind it.
bool opens(const std::string &bytes) {
    const AlignedBytes file(bytes);
    try {
        Model::from_memory(file.data(), file.size());
        return true;
    } catch (const engine::ModelFileError &error) {
        CHECK(std::strlen(error.what()) > 0 && std::strchr(error.what(), '\n') == nullptr);
        return false;
    }
}

void damaged_files_are_refused() {
    EngineShape shape;
    shape.layers = 1;
    const std::string good = ModelWriter(shape, true, Task::kClassify).bytes();
    CHECK(opens(good));
    for (std::size_t length = 0; length < good.size(); length += length < 9000 ? 7 : 997)
        CHECK(!opens(good.substr(0, length)));
    Random random(5);
    for (int i = 0; i < 2000; ++i) {
        std::string flipped = good;
        const std::size_t place = random.bits() % (i % 2 == 0 ? 9000 : good.size());
        flipped[place] = static_cast<char>(flipped[place] ^ 1 << random.between(0, 7));
        CHECK(!opens(flipped));
        if (flipped.find("\"edgebert.crc32c\":\"") != std::string::npos) opens(ModelWriter::seal(flipped));
    }
}

} // namespace

int main() {
    check_bits(true, Task::kEmbed, 0x3fe763cc);
    check_bits(false, Task::kEmbed, 0xf8733aef);
    check_bits(true, Task::kClassify, 0xc1c3c9c4);
    check_bits(false, Task::kClassify, 0xbff5e94b);
    check_bits(true, Task::kTag, 0xec0fe447);
    check_bits(false, Task::kTag, 0xe80a4a8d);
    check_bits(true, Task::kAnswer, 0x282159c1);
    check_bits(false, Task::kAnswer, 0x328e7c62);
    nothing_is_allocated_after_a_session_exists();
    an_arena_holds_a_session();
    bad_options_and_input_are_refused();
    damaged_files_are_refused();
    std::printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
