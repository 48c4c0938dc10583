// edgebert._native.Encoding: the answer for one text, made lazily.
#include "python_common.h"

#include <utility>
#include <vector>

namespace edgebert::python {
namespace {

using namespace nb::literals;
using text::EncodeOptions;
using text::OffsetUnit;
using text::Rows;

constexpr std::size_t kLongText = 2048; // bytes; shorter texts are done sooner than the GIL changes hands

/// The answer for one text: ids at once, everything else when it is asked for.
struct Encoded {
    TokenizerHandle tokenizer;
    nb::object first, second; // str, or None
    EncodeOptions options;
    Rows rows; // the first window; after `complete` every window with spans and words
    bool completed = false;

    void run(OffsetUnit unit, bool all_windows) {
        text::Input input;
        input.first = utf8(first, [] { return std::string("text"); });
        input.pair = !second.is_none();
        if (input.pair) input.second = utf8(second, [] { return std::string("pair"); });
        Rows fresh;
        if (input.first.size() + input.second.size() < kLongText) {
            tokenizer->encode_one(input, options, unit, all_windows, fresh);
        } else {
            nb::gil_scoped_release release;
            tokenizer->encode_one(input, options, unit, all_windows, fresh);
        }
        rows = std::move(fresh);
    }

    const Rows &complete() {
        if (!completed) run(OffsetUnit::kCodePoints, true);
        completed = true;
        return rows;
    }
};

/// One row of an answer.
struct Encoding {
    std::shared_ptr<Encoded> all;
    std::size_t row;

    std::size_t begin() const { return static_cast<std::size_t>(all->rows.starts[row]); }
    std::size_t size() const { return static_cast<std::size_t>(all->rows.starts[row + 1]) - begin(); }

    /// A list of `item(i)`, a new reference, for i from 0 to the row's length.
    template <class Item> nb::list list(Item item) const {
        const std::size_t count = size();
        nb::list result = nb::steal<nb::list>(PyList_New(static_cast<Py_ssize_t>(count)));
        if (!result.is_valid()) nb::raise_python_error();
        for (std::size_t i = 0; i < count; ++i) {
            PyList_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i), item(i).release().ptr());
        }
        return result;
    }

    std::vector<std::int32_t> field(text::RowField which) const {
        std::vector<std::int32_t> values(size());
        const auto first = static_cast<std::size_t>(all->rows.first_lengths[row]);
        const text::Template &pieces = all->tokenizer->row_template(!all->second.is_none());
        text::describe_row(pieces, all->options.add_special_tokens, size(), first, which, values.data());
        return values;
    }
};

nb::object number(std::int32_t value) { return nb::steal(PyLong_FromLong(value)); }

Encoding encode(const TokenizerHandle &tokenizer, nb::object first, nb::object second,
                std::optional<std::int64_t> max_length, std::int64_t stride, int strategy, bool from_left,
                bool special) {
    const EncodeOptions options = make_options(max_length, stride, strategy, from_left, special);
    tokenizer->check(options, !second.is_none());
    auto all = std::make_shared<Encoded>();
    all->tokenizer = tokenizer;
    all->first = std::move(first);
    all->second = std::move(second);
    all->options = options;
    all->run(OffsetUnit::kNone, false);
    return {std::move(all), 0};
}

nb::list ids(const Encoding &e) {
    const std::int32_t *values = e.all->rows.ids.data() + e.begin();
    return e.list([values](std::size_t i) { return number(values[i]); });
}

nb::list type_ids(const Encoding &e) {
    const std::vector<std::int32_t> values = e.field(text::RowField::kTypeIds);
    return e.list([&](std::size_t i) { return number(values[i]); });
}

nb::list special_tokens_mask(const Encoding &e) {
    const std::vector<std::int32_t> values = e.field(text::RowField::kSpecialMask);
    return e.list([&](std::size_t i) { return number(values[i]); });
}

nb::list sequence_ids(const Encoding &e) {
    const std::vector<std::int32_t> values = e.field(text::RowField::kSequenceIds);
    return e.list([&](std::size_t i) { return number_or_none(values[i]); });
}

nb::list attention_mask(const Encoding &e) {
    return e.list([](std::size_t) { return number(1); });
}

nb::list offsets(const Encoding &e) {
    const text::Span *spans = e.all->complete().spans.data() + e.begin();
    return e.list([spans](std::size_t i) { return nb::object(nb::make_tuple(spans[i].start, spans[i].end)); });
}

nb::list word_ids(const Encoding &e) {
    const std::int32_t *words = e.all->complete().words.data() + e.begin();
    return e.list([words](std::size_t i) { return number_or_none(words[i]); });
}

nb::list tokens(const Encoding &e) {
    const std::int32_t *values = e.all->rows.ids.data() + e.begin();
    return e.list([&](std::size_t i) { return token_text(*e.all->tokenizer, values[i]); });
}

nb::list overflowing(const Encoding &e) {
    nb::list result;
    if (e.row > 0) return result;
    const std::size_t count = e.all->complete().size();
    for (std::size_t row = 1; row < count; ++row)
        result.append(nb::cast(Encoding{e.all, row}));
    return result;
}

} // namespace

nb::object number_or_none(std::int32_t value) { return value < 0 ? nb::none() : number(value); }

nb::object token_text(const text::Tokenizer &tokenizer, std::int32_t id) {
    const std::string_view token = tokenizer.data().token(id);
    return nb::steal(PyUnicode_DecodeUTF8(token.data(), static_cast<Py_ssize_t>(token.size()), "replace"));
}

void bind_encoding(nb::module_ &module, nb::class_<text::Tokenizer> &tokenizer) {
    nb::class_<Encoding>(module, "Encoding", "The tokens of one text or pair of texts.")
        .def("__len__", &Encoding::size)
        .def_prop_ro("ids", &ids)
        .def_prop_ro("type_ids", &type_ids)
        .def_prop_ro("attention_mask", &attention_mask)
        .def_prop_ro("special_tokens_mask", &special_tokens_mask)
        .def_prop_ro("sequence_ids", &sequence_ids)
        .def_prop_ro("word_ids", &word_ids)
        .def_prop_ro("offsets", &offsets)
        .def_prop_ro("tokens", &tokens)
        .def_prop_ro("truncated", [](const Encoding &e) { return e.all->rows.truncated[e.row] != 0; })
        .def_prop_ro("overflowing", &overflowing);
    tokenizer.def("encode", &encode, "text"_a, "pair"_a.none(), "max_length"_a.none(), "stride"_a, "strategy"_a,
                  "from_left"_a, "add_special_tokens"_a);
}

} // namespace edgebert::python
