"""The lint: good graphs pass in every dialect, each broken one is caught by name, NVIDIA's parser agrees or is silent.

A graph that NVIDIA's parser takes though a rule calls it an error is recorded as such in `mutations`; docs/lint.md
lists those rules.
"""

import itertools

import numpy as np
import onnx
import pytest
from mutations import MUTATIONS, Mutation
from onnx import TensorProto, helper, numpy_helper
from qdq import DIALECTS, Form, qdq_graph

from edgebert.errors import CheckpointError, InputError
from edgebert.export.lint import RULES, check, lint, nvidia, platform_named
from edgebert.export.lint.operators import FIRST, INTEGER, takes
from edgebert.export.platforms import RELEASES

TOKENS = 24  # rows of the position table of `qdq_graph`

needs_nvidia = pytest.mark.skipif(not nvidia.available(), reason="NVIDIA's parser is not installed (tensorrt-check)")
every_form = pytest.mark.parametrize(
    "form", [Form(*each) for each in itertools.product(DIALECTS, (True, False), (True, False))], ids=str
)
every_mutation = pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)


def lint_mutation(mutation: Mutation):
    platform = platform_named(mutation.target, mutation.jetpack)
    return lint(mutation.graph(), platform, max_tokens=mutation.max_tokens)


@every_form
def test_a_good_graph_has_no_errors(form):
    found = lint(qdq_graph(form), platform_named("jetson", form.jetpack), max_tokens=128)
    assert {each.rule for each in found} == (set() if form.residual else {"residual-float"})


@needs_nvidia
@every_form
def test_nvidia_parses_a_good_graph_and_builds_an_engine(form):
    verdict = nvidia.ask_nvidia_about(qdq_graph(form), build=True, tokens=TOKENS)
    assert verdict.errors == ()
    # Q, K and V share an input: four inputs, six weights, two residual branches, four tensors of attention
    assert verdict.int8_tensors == 10 + 2 * form.residual + 4 * form.attention
    assert verdict.engine_bytes is not None and verdict.engine_bytes > 100_000


@every_mutation
def test_a_broken_graph_is_caught_by_name(mutation):
    found = [each for each in lint_mutation(mutation) if each.rule == mutation.rule]
    assert found
    model = mutation.graph()
    names = {node.name for node in model.graph.node} | {value.name for value in model.graph.input}
    names |= {tensor.name for tensor in model.graph.initializer} | {each.name for each in model.functions} | {"graph"}
    for each in found:
        assert each.node in names
        assert each.why and each.fix == RULES[mutation.rule].fix


@every_mutation
def test_without_the_change_the_rule_is_silent(mutation):
    if mutation.change.__code__.co_code == _nothing.__code__.co_code:
        form = Form(jetpack=mutation.jetpack)  # the form or the platform is what is wrong
        found = lint(qdq_graph(form), platform_named("jetson", form.jetpack))
    else:
        platform = platform_named(mutation.target, mutation.form.jetpack)
        found = lint(qdq_graph(mutation.form), platform, max_tokens=mutation.max_tokens)
    assert mutation.rule not in {each.rule for each in found}


def _nothing(model: onnx.ModelProto) -> None:
    pass


@needs_nvidia
@every_mutation
def test_nvidia_agrees_or_is_known_to_be_silent(mutation):
    verdict = nvidia.ask_nvidia_about(mutation.graph())
    assert ("refuses" if verdict.errors else "takes") == mutation.parser
    if verdict.errors:
        assert any(each.severity == "error" for each in lint_mutation(mutation))


@pytest.mark.parametrize("operator", ["MatMul", "Gemm", "Gemm transB", "MatMul of a Transpose"])
@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_the_axis_is_that_of_the_output_channels(operator, axis):
    # W [out, in] where the operator turns it round, else [in, out]; both are square, so that only the axis tells
    turned = operator in ("Gemm transB", "MatMul of a Transpose")
    inputs = ["w", "scales", "zeros"]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["x.q"]),
        helper.make_node("DequantizeLinear", ["x.q", "scale", "zero"], ["x.dq"]),
        helper.make_node("QuantizeLinear", inputs, ["w.q"], axis=axis),
        helper.make_node("DequantizeLinear", ["w.q", "scales", "zeros"], ["w.dq"], axis=axis),
        helper.make_node("Transpose", ["w.dq"], ["w.t"], perm=[1, 0]),
    ]
    weight = "w.t" if "Transpose" in operator else "w.dq"
    more = {"transB": 1} if "transB" in operator else {}
    nodes.append(helper.make_node(operator.split()[0], ["x.dq", weight], ["y"], **more))
    random = np.random.default_rng(0).uniform(0.5, 1, (8, 8)).astype(np.float32)
    constants = {"w": random, "scale": np.array(0.1, np.float32), "zero": np.array(0, np.int8)}
    constants |= {"scales": np.full(8, 1 / 127, np.float32), "zeros": np.zeros(8, np.int8)}
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 8])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    found = {each.rule for each in lint(model, platform_named()) if each.severity == "error"}
    assert found == (set() if (axis % 2 == 0) == turned else {"weight-axis"})


def test_every_rule_is_broken_by_a_graph():
    assert {mutation.rule for mutation in MUTATIONS} == set(RULES)
    assert len(MUTATIONS) >= 80


def test_every_rule_explains_itself():
    for rule in RULES.values():
        assert rule.title.endswith("."), rule.name
        assert rule.reason.endswith("."), rule.name
        assert not rule.fix.endswith("."), rule.name


def test_silence_is_recorded_as_measured():
    for rule in RULES.values():
        taken = any(each.parser == "takes" for each in MUTATIONS if each.rule == rule.name)
        assert rule.silent == (taken and rule.severity == "error"), rule.name


def test_errors_come_first():
    mutation = next(each for each in MUTATIONS if each.change.__name__ == "the_input_of_gelu_in_int8")
    model = mutation.graph()
    next(node for node in model.graph.node if node.name == "layer.0.qkv.input.quantized").input[2] = ""
    severities = [each.severity for each in lint(model, platform_named())]
    assert severities == sorted(severities) and set(severities) == {"error", "warning"}


def test_an_export_stops_at_an_error_and_not_at_a_warning():
    warnings = check(qdq_graph(Form(residual=False)), platform_named())
    assert {each.rule for each in warnings} == {"residual-float"}
    with pytest.raises(CheckpointError, match=r"breaks \d+ rules of jetson-orin, JetPack 5, TensorRT 8.5, first opset"):
        check(qdq_graph(Form(jetpack=7)), platform_named("jetson", 5))


def test_one_release_instead_of_a_jetpack():
    model = qdq_graph(Form(jetpack=7))
    assert lint(model, platform_named("jetson-thor", None, "10.14.1")) == []
    rules = {each.rule for each in lint(model, platform_named("jetson", None, "10.3"))}
    assert rules == set()  # 10.3 takes opset 20 and FP16 scales


def test_the_operator_table_follows_the_releases():
    for operator, since in FIRST.items():
        assert [takes(release, operator) for release in RELEASES] == [release.version >= since for release in RELEASES]
    assert not INTEGER & FIRST.keys()
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    assert set(FIRST) <= known


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("jetson", 4), "JetPack 4 carries TensorRT 8.2 or older"),
        (("jetson", 8), "JetPack 8 is unknown"),
        (("jetson-thor", 5), "JetPack 5 does not exist for jetson-thor"),
        (("jetson-xavier", 6), "JetPack 6 does not exist for jetson-xavier"),
        (("jetson-thor", 7, "8.6"), "TensorRT 8.6 does not exist for jetson-thor"),
        (("jetson", None, "7.2"), "TensorRT 7.2 is too old"),
        (("jetson", None, "12.1"), "TensorRT 12.1 is too new"),
        (("jetson", None, "ten"), "'ten' is no version"),
        (("cpu",), "'cpu' does not run TensorRT"),
    ],
)
def test_platforms_that_do_not_exist(arguments, words):
    with pytest.raises(InputError) as caught:
        platform_named(*arguments)
    assert words in str(caught.value) and "\n" not in str(caught.value)
