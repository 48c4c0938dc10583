// edgebert._native.Model and Session: the native engine.
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <vector>

#include "engine/crc32c.h"
#include "engine/error.h"
#include "engine/session.h"
#include "python_common.h"

namespace edgebert::python {
namespace {

using namespace nb::literals;
using engine::Model;
using engine::Session;
using engine::SessionOptions;
using engine::Status;

using IdArray = nb::ndarray<const std::int32_t, nb::ndim<2>, nb::c_contig>;
using LengthArray = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig>;
using ModelHandle = std::shared_ptr<const Model>;

/// A run that failed; the message says why.
struct RunError : std::runtime_error {
    RunError(Status why, const char *message) : std::runtime_error(message), status(why) {}
    Status status;
};

/// A NumPy array of zeros that owns its memory.
template <class Value> nb::ndarray<nb::numpy, Value> zeros(const std::vector<std::size_t> &shape) {
    std::size_t size = 1;
    for (const std::size_t extent : shape)
        size *= extent;
    auto values = std::make_unique<Value[]>(size);
    Value *const data = values.get();
    nb::capsule owner(data, [](void *p) noexcept { delete[] static_cast<Value *>(p); });
    values.release();
    return nb::ndarray<nb::numpy, Value>(data, shape.size(), shape.data(), owner);
}

/// The rows of padded arrays. What they hold is checked by the session, what they are by this.
std::vector<engine::TokenRow> token_rows(const IdArray &ids, const LengthArray &lengths,
                                         const std::optional<IdArray> &types) {
    const std::size_t count = ids.shape(0), width = ids.shape(1);
    if (lengths.shape(0) != count) {
        throw engine::OptionError("lengths has " + std::to_string(lengths.shape(0)) + " numbers, input_ids has " +
                                  std::to_string(count) + " rows: they must be equal");
    }
    if (types && (types->shape(0) != count || types->shape(1) != width)) {
        throw engine::OptionError("token_type_ids does not have the shape of input_ids");
    }
    std::vector<engine::TokenRow> rows;
    for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t length = lengths.data()[i];
        if (length < 0 || static_cast<std::uint64_t>(length) > width) {
            throw engine::OptionError("row " + std::to_string(i) + " has the length " + std::to_string(length) +
                                      ", input_ids has " + std::to_string(width) + " columns");
        }
        const std::int32_t *const type = types ? types->data() + i * width : nullptr;
        rows.push_back({ids.data() + i * width, type, static_cast<std::size_t>(length)});
    }
    return rows;
}

void check(Status status, const Session &session) {
    if (status != Status::kOk) throw RunError(status, session.error());
}

using Compute = Status (Session::*)(const engine::TokenRow *, std::size_t, float *, std::size_t);

/// [batch, tokens, width] where each token has an output, else [batch, width].
nb::ndarray<nb::numpy, float> compute(Session &session, Compute work, bool by_token, const IdArray &ids,
                                      const LengthArray &lengths, const std::optional<IdArray> &types) {
    const std::vector<engine::TokenRow> rows = token_rows(ids, lengths, types);
    const std::size_t width = session.model().config().output_size(), stride = by_token ? ids.shape(1) * width : width;
    const auto output =
        by_token ? zeros<float>({rows.size(), ids.shape(1), width}) : zeros<float>({rows.size(), width});
    {
        nb::gil_scoped_release release;
        check((session.*work)(rows.data(), rows.size(), output.data(), stride), session);
    }
    return output;
}

nb::ndarray<nb::numpy, float> run(Session &session, const IdArray &ids, const LengthArray &lengths,
                                  const std::optional<IdArray> &types) {
    const bool by_token = session.model().config().task != engine::Task::kClassify;
    return compute(session, &Session::run, by_token, ids, lengths, types);
}

nb::ndarray<nb::numpy, float> answer(Session &session, const IdArray &ids, const LengthArray &lengths,
                                     const std::optional<IdArray> &types) {
    return compute(session, &Session::answer, session.model().config().answers_tokens(), ids, lengths, types);
}

/// Rows of the table of word embeddings, [ids, hidden].
nb::ndarray<nb::numpy, float> embeddings(const Model &model,
                                         const nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig> &ids) {
    const engine::Config &config = model.config();
    const engine::Weights &weights = model.weights();
    auto rows = zeros<float>({ids.shape(0), config.hidden});
    for (std::size_t i = 0; i < ids.shape(0); ++i) {
        const auto id = static_cast<std::size_t>(ids.data()[i]);
        if (ids.data()[i] < 0 || id >= config.vocabulary) {
            throw engine::OptionError("ids holds " + std::to_string(ids.data()[i]) + ", it must be from 0 to " +
                                      std::to_string(config.vocabulary - 1));
        }
        for (std::size_t column = 0; column < config.hidden; ++column) {
            const std::size_t place = id * config.hidden + column;
            const bool int8 = weights.word == nullptr;
            rows.data()[i * config.hidden + column] =
                int8 ? static_cast<float>(weights.word_rows[place]) * weights.word_scales[id] : weights.word[place];
        }
    }
    return rows;
}

std::unique_ptr<Session> make_session(const ModelHandle &model, std::size_t threads, std::size_t max_tokens,
                                      const std::optional<std::string> &path) {
    SessionOptions options;
    options.threads = threads;
    options.max_tokens = max_tokens;
    options.path = path ? path->c_str() : nullptr;
    return std::make_unique<Session>(model, options);
}

/// A weight [outputs, inputs] in panels of 16 outputs, each with groups of inputs side by side.
template <class Value, std::size_t Group>
nb::ndarray<nb::numpy, Value> pack(const nb::ndarray<const Value, nb::ndim<2>, nb::c_contig> &weight) {
    const std::size_t outputs = weight.shape(0), inputs = weight.shape(1);
    const std::size_t panels = (outputs + engine::kPanel - 1) / engine::kPanel, groups = (inputs + Group - 1) / Group;
    std::vector<std::size_t> shape{panels, groups, engine::kPanel};
    if (Group > 1) shape.push_back(Group);
    auto packed = zeros<Value>(shape);
    for (std::size_t output = 0; output < outputs; ++output) {
        Value *const panel = packed.data() + output / engine::kPanel * groups * engine::kPanel * Group;
        for (std::size_t input = 0; input < inputs; ++input) {
            const std::size_t row = input / Group * engine::kPanel + output % engine::kPanel;
            panel[row * Group + input % Group] = weight.data()[output * inputs + input];
        }
    }
    return packed;
}

/// Raises the classes of edgebert.errors for the errors of the engine.
void translate(const std::exception_ptr &problem, void *) {
    const auto raise = [](const char *name, const std::exception &error) {
        PyErr_SetString(nb::module_::import_("edgebert.errors").attr(name).ptr(), error.what());
    };
    try {
        std::rethrow_exception(problem);
    } catch (const engine::ModelFileError &error) {
        raise("BundleError", error);
    } catch (const engine::OptionError &error) {
        raise("InputError", error);
    } catch (const RunError &error) {
        raise(error.status == Status::kBadInput ? "InputError" : "EngineError", error);
    } catch (const std::system_error &error) {
        raise("EngineError", std::runtime_error(std::string("cannot start the threads: ") + error.what()));
    }
}

} // namespace

void bind_engine(nb::module_ &m) {
    nb::register_exception_translator(translate);
    m.def("cpu_paths", &engine::cpu_paths);
    m.def("pack_int8", &pack<std::int8_t, 4>);
    m.def("pack_fp32", &pack<float, 1>);
    m.def("crc32c", [](const nb::bytes &data) { return engine::crc32c(0, data.c_str(), data.size()); });

    nb::class_<Model>(m, "Model", "A model file, mapped and checked.")
        .def_static("open",
                    [](const nb::bytes &path) {
                        return std::const_pointer_cast<Model>(Model::open({path.c_str(), path.size()}));
                    })
        .def_prop_ro("metadata", [](const Model &model) { return model.contents().metadata; })
        .def("embeddings", &embeddings, "ids"_a)
        .def_prop_ro("output_size", [](const Model &model) { return model.config().output_size(); })
        .def(
            "session",
            [](const std::shared_ptr<Model> &model, std::size_t threads, std::size_t max_tokens,
               const std::optional<std::string> &path) { return make_session(model, threads, max_tokens, path); },
            "threads"_a, "max_tokens"_a = 0, "path"_a = nb::none());

    nb::class_<Session>(m, "Session", "Computes a model's answers; one thread at a time may use it.")
        .def_prop_ro("path", &Session::path)
        .def_prop_ro("max_tokens", &Session::max_tokens)
        .def_prop_ro("arena_bytes", &Session::memory_bytes)
        .def("run", &run, "input_ids"_a, "lengths"_a, "token_type_ids"_a = nb::none())
        .def("answer", &answer, "input_ids"_a, "lengths"_a, "token_type_ids"_a = nb::none());
}

} // namespace edgebert::python
