#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace edgebert::file {

/// Pulls the few kinds of JSON that a safetensors header may hold out of a text. Throws std::runtime_error.
class JsonReader {
  public:
    explicit JsonReader(std::string_view text) : text_(text) {}

    std::string string();
    std::uint64_t number();

    /// Calls `each()` for every item between `open` and `close`, at the item's first character.
    template <class Each> void items(char open, char close, Each each) {
        expect(open);
        if (accept(close)) return;
        do
            each();
        while (accept(','));
        expect(close);
    }

    /// Calls `each(key)` for every member of an object, at the member's value.
    template <class Each> void members(Each each) {
        items('{', '}', [&] {
            const std::string key = string();
            expect(':');
            each(key);
        });
    }

    /// Checks that nothing but white space follows.
    void finish();

  private:
    [[noreturn]] void fail(const char *wanted) const;
    void skip_space();
    bool accept(char wanted);
    void expect(char wanted);
    std::uint32_t hex4();
    void escape(std::string &out);

    std::string_view text_;
    std::size_t place_ = 0;
};

/// A JSON string literal. Only quotes, backslashes and control characters are escaped.
std::string quote_json(std::string_view text);

} // namespace edgebert::file
