// Runs the fuzz target without libFuzzer: inputs made of pieces that matter to a tokenizer, changed at random.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

namespace {

const std::vector<std::string> kPieces = {"light",
                                          "LIGHT",
                                          "switch",
                                          "new",
                                          " ",
                                          "  ",
                                          ".",
                                          "[MASK]",
                                          "[CLS]",
                                          "[sep]",
                                          "[",
                                          "\t",
                                          "\n",
                                          "e",
                                          "\xC3\xA9",
                                          "e\xCC\x81",
                                          "\xCC\x81\xCC\xA3",
                                          "\xE3\x80\xAE",
                                          "\xE4\xB8\xAD",
                                          "\xED\x95\x9C",
                                          "\xC4\xB0",
                                          "\xE1\xBA\x9E",
                                          "\xF0\xAF\xA0\x80",
                                          "\xF3\xB0\x80\x80",
                                          "\xE2\x80\xA8",
                                          "\xEF\xBB\xBF",
                                          "\xC2\x85",
                                          "\xC2\xAD",
                                          "\xE0\xBD\xB3",
                                          "\xFF",
                                          "\xE2\x82",
                                          "\xF0\x9F",
                                          "\xC0\x80",
                                          "\xED\xA0\x80",
                                          "abcdefgh",
                                          "abcdefghijklmnop",
                                          "abcdefghijklmnopq",
                                          std::string(101, 'x'),
                                          std::string("\0", 1),
                                          std::string(300, 'e')};

class Mutator {
  public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}

    std::string next() {
        std::string input(1, static_cast<char>(below(256)));
        for (std::size_t pieces = below(24); pieces > 0; --pieces)
            input += kPieces[below(kPieces.size())];
        for (std::size_t changes = below(4); changes > 0 && input.size() > 1; --changes) {
            const std::size_t place = 1 + below(input.size() - 1);
            if (below(2) == 0) {
                input[place] = static_cast<char>(below(256));
            } else {
                input.erase(place, below(4));
            }
        }
        return input;
    }

  private:
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }

    std::mt19937_64 random_;
};

} // namespace

int main(int argc, char **argv) {
    double seconds = 10;
    std::uint64_t seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::strcmp(argv[i], "--seconds") == 0) seconds = std::atof(argv[i + 1]);
        if (std::strcmp(argv[i], "--seed") == 0) seed = std::strtoull(argv[i + 1], nullptr, 10);
    }
    Mutator mutator(seed);
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    long runs = 0;
    for (; std::chrono::steady_clock::now() < end; ++runs) {
        const std::string input = mutator.next();
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t *>(input.data()), input.size());
    }
    std::printf("%ld inputs, seed %llu\n", runs, static_cast<unsigned long long>(seed));
    return 0;
}
