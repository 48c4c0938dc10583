#include "settings.h"

#include <algorithm>
#include <string_view>

#include "error.h"

namespace edgebert::text {
namespace {

constexpr std::int32_t kMaxWordChars = 1000; // longest word that WordPiece may search; the cost of a word is its square
constexpr std::size_t kMaxTemplatePieces = 16;

class Reader {
  public:
    Reader(const Metadata &metadata, std::int32_t id_count) : metadata_(metadata), id_count_(id_count) {}

    const std::string &text(const char *name) const {
        const auto found = metadata_.find(std::string(kSettingPrefix) + name);
        if (found == metadata_.end())
            throw TokenizerFileError(std::string("the setting tokenizer.") + name + " is missing");
        return found->second;
    }

    bool flag(const char *name) const {
        const std::string &value = text(name);
        if (value != "true" && value != "false") bad(name, value);
        return value == "true";
    }

    std::int32_t number(const char *name, std::int32_t limit) const { return parse(name, text(name), limit); }

    std::int32_t id(const char *name) const { return number(name, id_count_); }

    std::int32_t optional_id(const char *name) const { return text(name).empty() ? -1 : id(name); }

    Template pieces(const char *name, bool pair) const {
        const std::string &value = text(name);
        Template result;
        std::size_t start = 0;
        while (start < value.size() && result.size() <= kMaxTemplatePieces) {
            const std::size_t end = std::min(value.find(' ', start), value.size());
            result.push_back(piece(name, std::string_view(value).substr(start, end - start)));
            start = end + 1;
        }
        const auto count = [&](TemplatePiece::Kind kind) {
            return std::count_if(result.begin(), result.end(), [&](const TemplatePiece &p) { return p.kind == kind; });
        };
        const bool complete = count(TemplatePiece::kFirst) == 1 && count(TemplatePiece::kSecond) == (pair ? 1 : 0);
        if (!complete || result.size() > kMaxTemplatePieces) bad(name, value);
        return result;
    }

  private:
    [[noreturn]] static void bad(const char *name, std::string_view value) {
        throw TokenizerFileError(std::string("the setting tokenizer.") + name + " is '" +
                                 std::string(value.substr(0, 40)) + "', which is not valid");
    }

    static std::int32_t parse(const char *name, std::string_view digits, std::int32_t limit) {
        std::int64_t value = 0;
        if (digits.empty() || digits.size() > 9) bad(name, digits);
        for (const char c : digits) {
            if (c < '0' || c > '9') bad(name, digits);
            value = value * 10 + (c - '0');
        }
        if (value >= limit) bad(name, digits);
        return static_cast<std::int32_t>(value);
    }

    /// "101:0" is a special token, "A:0" and "B:1" are the sequences; the number after the colon is the type id.
    TemplatePiece piece(const char *name, std::string_view text) const {
        const std::size_t colon = text.find(':');
        if (colon == std::string_view::npos) bad(name, text);
        const std::string_view what = text.substr(0, colon);
        const auto type_id = static_cast<std::uint8_t>(parse(name, text.substr(colon + 1), 256));
        if (what == "A") return {TemplatePiece::kFirst, type_id, -1};
        if (what == "B") return {TemplatePiece::kSecond, type_id, -1};
        return {TemplatePiece::kSpecial, type_id, parse(name, what, id_count_)};
    }

    const Metadata &metadata_;
    std::int32_t id_count_;
};

} // namespace

Settings parse_settings(const Metadata &metadata, std::int32_t id_count) {
    const Reader reader(metadata, id_count);
    if (reader.text("format") != "1") {
        throw TokenizerFileError("the tokenizer has format " + reader.text("format").substr(0, 20) +
                                 ", this version reads format 1");
    }
    if (reader.text("kind") != "bert-wordpiece") {
        throw TokenizerFileError("the tokenizer is of the kind '" + reader.text("kind").substr(0, 40) +
                                 "', this version reads bert-wordpiece");
    }
    Settings settings;
    settings.normalizer = {reader.flag("clean_text"), reader.flag("chinese_chars"), reader.flag("strip_accents"),
                           reader.flag("lowercase")};
    settings.unk = reader.id("unk");
    settings.pad = reader.id("pad");
    settings.cls = reader.id("cls");
    settings.sep = reader.id("sep");
    settings.mask = reader.optional_id("mask");
    settings.max_word_chars = static_cast<std::uint32_t>(reader.number("max_word_chars", kMaxWordChars + 1));
    settings.prefix = reader.text("prefix");
    settings.single = reader.pieces("single", false);
    settings.pair = reader.pieces("pair", true);
    return settings;
}

std::uint32_t added_by(const Template &pieces) {
    return static_cast<std::uint32_t>(std::count_if(pieces.begin(), pieces.end(), [](const TemplatePiece &piece) {
        return piece.kind == TemplatePiece::kSpecial;
    }));
}

} // namespace edgebert::text
