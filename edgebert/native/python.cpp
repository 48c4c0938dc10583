// The Python module edgebert._native: a thin layer over the C++ tokenizer and engine.
#include <nanobind/ndarray.h>

#include <utility>
#include <vector>

#include "python_common.h"

namespace edgebert::python {
namespace {

using namespace nb::literals;
using text::EncodeError;
using text::EncodeOptions;
using text::OffsetUnit;
using text::Rows;
using text::Tokenizer;

/// A vector as a NumPy array that owns it.
template <class Value, class... Extents> nb::object array(std::vector<Value> &&values, Extents... extents) {
    auto owned = std::make_unique<std::vector<Value>>(std::move(values));
    Value *data = owned->data();
    nb::capsule owner(owned.get(), [](void *p) noexcept { delete static_cast<std::vector<Value> *>(p); });
    owned.release();
    static Value nothing{};
    return nb::cast(nb::ndarray<nb::numpy, Value>(data == nullptr ? &nothing : data, {extents...}, owner));
}

/// Spans as an int32 array of shape [tokens, 2].
nb::object span_array(std::vector<text::Span> &&spans) {
    static_assert(sizeof(text::Span) == 2 * sizeof(std::int32_t), "spans are pairs of int32");
    auto owned = std::make_unique<std::vector<text::Span>>(std::move(spans));
    const std::size_t count = owned->size();
    void *data = owned->data();
    nb::capsule owner(owned.get(), [](void *p) noexcept { delete static_cast<std::vector<text::Span> *>(p); });
    owned.release();
    return nb::cast(nb::ndarray<nb::numpy, std::int32_t>(data, {count, 2}, owner));
}

/// Holds the texts while the GIL is free, and views on their UTF-8.
struct Texts {
    nb::object keep_first, keep_second;
    std::vector<text::Input> inputs;
};

Texts gather(nb::object texts, nb::object pairs) {
    Texts result;
    result.keep_first = nb::steal(PySequence_Tuple(texts.ptr()));
    if (!result.keep_first.is_valid()) nb::raise_python_error();
    const bool pair = !pairs.is_none();
    if (pair) result.keep_second = nb::steal(PySequence_Tuple(pairs.ptr()));
    if (pair && !result.keep_second.is_valid()) nb::raise_python_error();
    const Py_ssize_t count = PyTuple_GET_SIZE(result.keep_first.ptr());
    if (pair && PyTuple_GET_SIZE(result.keep_second.ptr()) != count) {
        throw EncodeError("there are " + std::to_string(count) + " texts but " +
                          std::to_string(PyTuple_GET_SIZE(result.keep_second.ptr())) + " pairs");
    }
    result.inputs.reserve(static_cast<std::size_t>(count));
    for (Py_ssize_t i = 0; i < count; ++i) {
        const auto name = [i](const char *list) { return std::string(list) + "[" + std::to_string(i) + "]"; };
        text::Input input;
        input.first = utf8(PyTuple_GET_ITEM(result.keep_first.ptr(), i), [&] { return name("texts"); });
        input.pair = pair;
        if (pair) input.second = utf8(PyTuple_GET_ITEM(result.keep_second.ptr(), i), [&] { return name("pairs"); });
        result.inputs.push_back(input);
    }
    return result;
}

nb::tuple encode_batch(const TokenizerHandle &tokenizer, nb::object texts, nb::object pairs,
                       std::optional<std::int64_t> max_length, std::int64_t stride, int strategy, bool from_left,
                       bool special, bool offsets, unsigned threads) {
    const EncodeOptions options = make_options(max_length, stride, strategy, from_left, special);
    tokenizer->check(options, !pairs.is_none());
    const Texts gathered = gather(std::move(texts), std::move(pairs));
    Rows rows;
    {
        nb::gil_scoped_release release;
        const OffsetUnit unit = offsets ? OffsetUnit::kCodePoints : OffsetUnit::kNone;
        rows = tokenizer->encode_batch(gathered.inputs, options, unit, threads);
    }
    const std::size_t tokens = rows.ids.size(), count = rows.size();
    nb::object spans = nb::none();
    if (offsets) spans = span_array(std::move(rows.spans));
    return nb::make_tuple(array(std::move(rows.ids), tokens), array(std::move(rows.starts), count + 1),
                          array(std::move(rows.first_lengths), count), array(std::move(rows.truncated), count),
                          array(std::move(rows.text), count), spans);
}

nb::list vocabulary(const Tokenizer &tokenizer) {
    nb::list result;
    for (std::int32_t id = 0; id < tokenizer.data().id_count(); ++id) {
        result.append(tokenizer.data().present(id) ? token_text(tokenizer, id) : nb::none());
    }
    return result;
}

std::string vocabulary_entry(nb::handle token) {
    try {
        return std::string(utf8(token, [] { return std::string("a token of the vocabulary"); }));
    } catch (const EncodeError &error) {
        throw text::TokenizerFileError(error.what());
    }
}

/// Compiles tokens (None: no token has this id), added tokens as (id, flags) and settings into a tokenizer file.
nb::bytes compile(const nb::list &tokens, const nb::list &added, const nb::dict &settings) {
    std::vector<text::NewToken> new_tokens;
    for (const nb::handle token : tokens) {
        const bool present = !token.is_none();
        new_tokens.push_back({present, present ? vocabulary_entry(token) : ""});
    }
    std::vector<text::NewAddedToken> new_added;
    for (const nb::handle token : added) {
        const auto pair = nb::cast<nb::tuple>(token);
        new_added.push_back({nb::cast<std::int32_t>(pair[0]), nb::cast<std::uint8_t>(pair[1])});
    }
    text::Metadata metadata;
    for (const auto [key, value] : settings)
        metadata[nb::cast<std::string>(key)] = nb::cast<std::string>(value);
    const std::string bytes = text::compile_tokenizer(new_tokens, new_added, metadata);
    return nb::bytes(bytes.data(), bytes.size());
}

/// Type ids or special-token mask, flat, for rows of a batch.
nb::object describe(const Tokenizer &tokenizer, nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig> starts,
                    nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig> first_lengths, bool pair, bool special,
                    int field) {
    const std::size_t count = first_lengths.shape(0);
    if (starts.shape(0) != count + 1) throw EncodeError("the row starts do not fit the rows");
    std::vector<std::int32_t> values(static_cast<std::size_t>(starts.data()[count]));
    for (std::size_t i = 0; i < count; ++i) {
        const auto begin = static_cast<std::size_t>(starts.data()[i]);
        const auto length = static_cast<std::size_t>(starts.data()[i + 1]) - begin;
        text::describe_row(tokenizer.row_template(pair), special, length,
                           static_cast<std::size_t>(first_lengths.data()[i]), static_cast<text::RowField>(field),
                           values.data() + begin);
    }
    const std::size_t total = values.size();
    return array(std::move(values), total);
}

/// Raises the classes of edgebert.errors for the errors of the core.
void translate(const std::exception_ptr &problem, void *) {
    const auto raise = [](const char *name, const std::exception &error) {
        PyErr_SetString(nb::module_::import_("edgebert.errors").attr(name).ptr(), error.what());
    };
    try {
        std::rethrow_exception(problem);
    } catch (const EncodeError &error) {
        raise("InputError", error);
    } catch (const text::TokenizerFileError &error) {
        raise("TokenizerError", error);
    }
}

} // namespace

NB_MODULE(_native, m) {
    m.doc() = "The C++ core of edgebert.";
    nb::set_leak_warnings(false);
    nb::register_exception_translator(translate);
    bind_engine(m);
    m.def("compile_tokenizer", &compile, "tokens"_a, "added"_a, "settings"_a);

    nb::class_<Tokenizer> tokenizer(m, "Tokenizer", "A compiled tokenizer.");
    bind_encoding(m, tokenizer);
    tokenizer
        .def_static("open",
                    [](const nb::bytes &path) {
                        return std::const_pointer_cast<Tokenizer>(Tokenizer::open({path.c_str(), path.size()}));
                    })
        .def_static("from_bytes",
                    [](const nb::bytes &bytes) {
                        return std::const_pointer_cast<Tokenizer>(Tokenizer::from_bytes({bytes.c_str(), bytes.size()}));
                    })
        .def("encode_batch", &encode_batch, "texts"_a, "pairs"_a.none(), "max_length"_a.none(), "stride"_a,
             "strategy"_a, "from_left"_a, "add_special_tokens"_a, "offsets"_a, "threads"_a)
        .def("describe", &describe)
        .def("vocabulary", &vocabulary)
        .def("find",
             [](const Tokenizer &t, const nb::str &token) {
                 return t.data().find(utf8(token, [] { return std::string("token"); }));
             })
        .def("token",
             [](const Tokenizer &t, std::int64_t id) {
                 const bool known =
                     id >= 0 && id < t.data().id_count() && t.data().present(static_cast<std::int32_t>(id));
                 return known ? token_text(t, static_cast<std::int32_t>(id)) : nb::none();
             })
        .def("file_bytes", [](const Tokenizer &t) { return nb::bytes(t.file_bytes().data(), t.file_bytes().size()); })
        .def_prop_ro("id_count", [](const Tokenizer &t) { return t.data().id_count(); })
        .def_prop_ro("token_count", [](const Tokenizer &t) { return t.data().token_count(); })
        .def_prop_ro("lowercase", [](const Tokenizer &t) { return t.data().settings().normalizer.lowercase; })
        .def_prop_ro("prefix",
                     [](const Tokenizer &t) {
                         return nb::str(t.data().settings().prefix.c_str(), t.data().settings().prefix.size());
                     })
        .def_prop_ro("pad_id", [](const Tokenizer &t) { return t.data().settings().pad; })
        .def_prop_ro("unk_id", [](const Tokenizer &t) { return t.data().settings().unk; })
        .def_prop_ro("cls_id", [](const Tokenizer &t) { return t.data().settings().cls; })
        .def_prop_ro("sep_id", [](const Tokenizer &t) { return t.data().settings().sep; })
        .def_prop_ro("mask_id", [](const Tokenizer &t) { return number_or_none(t.data().settings().mask); });
}

} // namespace edgebert::python
