"""The vLLM engine's arguments; with vLLM and a GPU at hand, a run of it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from eval_samples import bench_rows, write_parquet

from reinforcesight.errors import ConfigError, MissingDependencyError
from reinforcesight.eval.config import EvaluateConfig, VllmConfig
from reinforcesight.eval.engines.base import Decoding
from reinforcesight.eval.engines.vllm import engine_arguments, sampling_arguments
from reinforcesight.eval.evaluate import evaluate
from reinforcesight.model.load import ModelConfig, ModelSource

HAS_VLLM = importlib.util.find_spec("vllm") is not None


def test_engine_arguments_follow_the_configuration(tmp_path: Path) -> None:
    source = ModelSource("org/base", "abc123")
    config = ModelConfig(model_path="org/base", dtype="bfloat16", max_pixels=1000000)
    arguments = engine_arguments(config, source, VllmConfig(tensor_parallel_size=2), Decoding(64, seed=5))
    assert arguments["model"] == "org/base"
    assert arguments["revision"] == arguments["tokenizer_revision"] == "abc123"
    assert arguments["dtype"] == "bfloat16"
    assert arguments["mm_processor_kwargs"] == {"max_pixels": 1000000}
    assert arguments["tensor_parallel_size"] == 2
    assert arguments["trust_remote_code"] is False
    assert "max_model_len" not in arguments
    assert "enable_lora" not in arguments


@pytest.mark.parametrize(("rank", "bound"), [(8, 8), (24, 32), (512, 512)])
def test_adapters_get_the_smallest_rank_that_fits(tmp_path: Path, rank: int, bound: int) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": rank}))
    source = ModelSource("org/base", None, adapter=str(tmp_path))
    arguments = engine_arguments(ModelConfig(model_path=str(tmp_path)), source, VllmConfig(), Decoding(64))
    assert arguments["enable_lora"] is True
    assert arguments["max_lora_rank"] == bound


def test_what_vllm_cannot_do_is_said_before_it_starts(tmp_path: Path) -> None:
    source = ModelSource("org/base", None, adapter=str(tmp_path))
    small = ModelConfig(model_path="org/base", quantization="4bit")
    with pytest.raises(ConfigError, match="bitsandbytes"):
        engine_arguments(small, source, VllmConfig(), Decoding(64))
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 1000}))
    with pytest.raises(ConfigError, match=r"up to rank 512.*merged-model"):
        engine_arguments(ModelConfig(model_path=str(tmp_path)), source, VllmConfig(), Decoding(64))


def test_sampling_is_greedy_and_never_writes_a_picture() -> None:
    arguments = sampling_arguments(Decoding(64), [5, 9])
    assert arguments["temperature"] == 0.0
    assert arguments["max_tokens"] == 64
    assert arguments["logit_bias"] == {5: -100.0, 9: -100.0}


@pytest.mark.skipif(HAS_VLLM, reason="vLLM is installed")
def test_without_vllm_the_pip_command_is_named(tmp_path: Path) -> None:
    bench = write_parquet(tmp_path / "b.parquet", bench_rows())
    config = EvaluateConfig(model_path="org/base", benchmark=str(bench), engine="vllm", output=tmp_path / "r.json")
    with pytest.raises(MissingDependencyError, match=r"pip install .*\[vllm\]"):
        evaluate(config)


@pytest.mark.skipif(not HAS_VLLM, reason="vLLM is not installed")
def test_arguments_fit_the_installed_vllm() -> None:
    import inspect

    import vllm
    from vllm.engine.arg_utils import EngineArgs

    known = set(inspect.signature(vllm.LLM).parameters) | set(inspect.signature(EngineArgs).parameters)
    source = ModelSource("org/base", None)
    config = ModelConfig(model_path="org/base", max_pixels=1000000)
    options = VllmConfig(max_model_len=4096)
    assert engine_arguments(config, source, options, Decoding(64)).keys() <= known
    vllm.SamplingParams(**sampling_arguments(Decoding(64), [5]))
