// What the parts of the Python module share.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "text/error.h"
#include "text/tokenizer.h"

namespace edgebert::python {

namespace nb = nanobind;

using TokenizerHandle = std::shared_ptr<const text::Tokenizer>;

/// The UTF-8 of a str, valid while the object lives. `where()` names it in errors.
template <class Where> std::string_view utf8(nb::handle object, Where where) {
    if (!PyUnicode_Check(object.ptr())) {
        throw text::EncodeError(where() + " is of type " + Py_TYPE(object.ptr())->tp_name + ", it must be str");
    }
    Py_ssize_t size = 0;
    const char *data = PyUnicode_AsUTF8AndSize(object.ptr(), &size);
    if (data != nullptr) return {data, static_cast<std::size_t>(size)};
    if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError) == 0) nb::raise_python_error();
    PyErr_Clear();
    throw text::EncodeError(where() +
                            " holds a lone surrogate, which is no character: decode it with errors='replace'");
}

inline text::EncodeOptions make_options(std::optional<std::int64_t> max_length, std::int64_t stride, int strategy,
                                        bool from_left, bool special) {
    const std::int64_t given = max_length.value_or(text::kNoMaxLength);
    const std::int64_t limit = max_length && given == text::kNoMaxLength ? -1 : given;
    return {limit, stride, static_cast<text::TruncationStrategy>(strategy), from_left, special};
}

/// A token as a str.
nb::object token_text(const text::Tokenizer &tokenizer, std::int32_t id);

nb::object number_or_none(std::int32_t value);

/// Adds the class Encoding and `Tokenizer.encode`, which makes it.
void bind_encoding(nb::module_ &module, nb::class_<text::Tokenizer> &tokenizer);

/// Adds the classes Model and Session of the native engine and what its exporter needs.
void bind_engine(nb::module_ &module);

} // namespace edgebert::python
