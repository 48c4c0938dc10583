// The contract: a text has the same bits alone, in any batch, with any number of threads, on every CPU path and every
// CPU. A thousand texts; of those, a hundred on a CPU that is emulated.
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "engine/session.h"
#include "engine_sample.h"

using namespace edgebert;
using engine::Model;
using engine::Session;
using engine::SessionOptions;
using engine::Status;
using engine::TokenRow;
using sample::AlignedBytes;
using sample::EngineShape;
using sample::ModelWriter;

namespace {

constexpr std::size_t kFew = 100;
#if defined(__aarch64__)
constexpr std::size_t kTexts = kFew;
#else
constexpr std::size_t kTexts = 1000;
#endif

struct Texts {
    std::vector<std::vector<std::int32_t>> ids;
    std::vector<TokenRow> rows;

    explicit Texts(const EngineShape &shape) {
        Random random(21);
        for (std::size_t i = 0; i < kTexts; ++i) {
            ids.emplace_back(static_cast<std::size_t>(random.between(1, static_cast<int>(shape.max_tokens))));
            for (std::int32_t &id : ids.back())
                id = random.between(0, static_cast<int>(shape.vocabulary) - 1);
        }
        for (const std::vector<std::int32_t> &text : ids)
            rows.push_back({text.data(), nullptr, text.size()});
    }
};

class Contract {
  public:
    Contract(const EngineShape &shape, engine::Task task)
        : texts_(shape), width_(task == engine::Task::kClassify ? 3 : shape.hidden),
          file_(ModelWriter(shape, true, task).bytes()), model_(Model::from_memory(file_.data(), file_.size())) {}

    /// The checksums of the answers to the first hundred texts and to all.
    void check(const char *name, std::uint32_t few, std::uint32_t all) {
        for (const std::string &path : engine::cpu_paths()) {
            for (const std::size_t threads : {1u, 2u})
                check_path(path, threads);
        }
        const std::uint32_t first = engine::crc32c(0, expected_.data(), kFew * width_ * sizeof(float));
        const std::uint32_t whole = engine::crc32c(0, expected_.data(), expected_.size() * sizeof(float));
        std::printf("%s: %zu texts, bits %08x and %08x\n", name, kTexts, static_cast<unsigned>(first),
                    static_cast<unsigned>(whole));
        CHECK(first == few);
        if (kTexts > kFew) CHECK(whole == all);
    }

  private:
    void check_path(const std::string &path, std::size_t threads) {
        SessionOptions options;
        options.threads = threads;
        options.path = path.c_str();
        Session session(model_, options);
        const std::vector<float> alone = answers(session, [] { return std::size_t{1}; });
        if (expected_.empty()) expected_ = alone;
        CHECK(same(alone, expected_));
        Random random(static_cast<unsigned>(path.size() + threads));
        CHECK(same(answers(session, [&] { return static_cast<std::size_t>(random.between(1, 40)); }), expected_));
    }

    /// The answers to all texts, `next_size()` texts at a time.
    template <class NextSize> std::vector<float> answers(Session &session, NextSize next_size) const {
        std::vector<float> output(kTexts * width_);
        for (std::size_t done = 0; done < kTexts;) {
            const std::size_t count = std::min(next_size(), kTexts - done);
            CHECK(session.answer(&texts_.rows[done], count, &output[done * width_], width_) == Status::kOk);
            done += count;
        }
        return output;
    }

    static bool same(const std::vector<float> &a, const std::vector<float> &b) {
        return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
    }

    Texts texts_;
    std::size_t width_;
    AlignedBytes file_;
    std::shared_ptr<const Model> model_;
    std::vector<float> expected_;
};

} // namespace

int main() {
    EngineShape shape;
    shape.attention = "int8";
    Contract(shape, engine::Task::kEmbed).check("w7a8-token, embed", 0xd581c1e8, 0xd2e10137);
    shape.attention = "fp32";
    shape.activations = "14";
    Contract(shape, engine::Task::kClassify).check("w8a14-token, classify", 0x929ce366, 0x0bb11308);
    std::printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
