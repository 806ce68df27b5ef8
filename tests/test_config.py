"""Every mistake in a configuration is named: file, key, what was expected, the nearest valid key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import pytest
from growth import calls_of
from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig, load_config, parse_yaml
from reinforcesight.errors import ConfigError


class Inner(StrictConfig):
    RENAMED: ClassVar = {"margin": "gap"}

    gap: float = Field(0.5, gt=0)
    names: tuple[str, ...] = ()


class Paired(StrictConfig):
    low: int = 0
    high: int = 1

    @model_validator(mode="after")
    def _in_order(self) -> Paired:
        if self.low > self.high:
            raise ValueError("low must not exceed high")
        return self


class Outer(StrictConfig):
    seed: int = 0
    inner: Inner = Inner()
    output: Path | None = None


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_file_overrides_and_flags_in_that_order(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "seed: 1\ninner:\n  gap: 0.25\n  names: [x]\n")
    config = load_config(Outer, file, ["inner.gap=0.75", "seed=2"], {"seed": 3, "output": None})
    assert config.seed == 3
    assert config.inner == Inner(gap=0.75, names=("x",))


def test_extends_merges_deeply(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", "seed: 5\ninner: {gap: 0.1, names: [a, b]}\n")
    (tmp_path / "sub").mkdir()
    file = write(tmp_path / "sub" / "top.yaml", "extends: ../base.yaml\ninner: {names: [c]}\n")
    assert load_config(Outer, file) == Outer(seed=5, inner=Inner(gap=0.1, names=("c",)))


def test_a_former_key_is_reported_with_its_new_name(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "inner: {margin: 0.1}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(Outer, file)
    assert "the key 'inner.margin' is now 'inner.gap'" in str(caught.value)
    assert str(file) in str(caught.value)
    with pytest.raises(ConfigError, match=r"'inner\.margin' is now 'inner\.gap'.*--set"):
        load_config(Outer, None, ["inner.margin=0.1"])


def test_unknown_key_names_file_and_nearest(tmp_path: Path) -> None:
    base = write(tmp_path / "base.yaml", "inner: {gpa: 0.1}\n")
    file = write(tmp_path / "top.yaml", "extends: base.yaml\nseed: 1\n")
    with pytest.raises(ConfigError) as caught:
        load_config(Outer, file)
    message = str(caught.value)
    assert "'inner.gpa'" in message
    assert "did you mean 'inner.gap'" in message
    assert str(base) in message
    assert "\n" not in message


def test_ill_typed_value_says_what_was_expected(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "seed: many\n")
    with pytest.raises(ConfigError, match=r"seed: .*integer.*'many'.*a\.yaml"):
        load_config(Outer, file)
    with pytest.raises(ConfigError, match=r"inner\.gap: .*greater than 0.*--set"):
        load_config(Outer, None, ["inner.gap=-1"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "expected a mapping"),
        ("a: [", "not valid YAML"),
        ("extends: [3]", "'extends' must be"),
        ("extends: missing.yaml", "no such configuration file"),
        ("extends: a.yaml", "extends itself"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(Outer, write(tmp_path / "a.yaml", text))


def test_missing_file() -> None:
    with pytest.raises(ConfigError, match="no such configuration file"):
        load_config(Outer, Path("nowhere.yaml"))


@pytest.mark.parametrize("item", ["seed", "=3", "seed.deep=1"])
def test_bad_overrides(item: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        load_config(Outer, None, ["seed=1", item])


def test_yaml_cannot_build_objects(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(Outer, write(tmp_path / "a.yaml", "seed: !!python/object/apply:os.getcwd []\n"))


def test_a_rule_over_several_keys_speaks_for_itself() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(Paired, None, ["low=3"])
    assert str(caught.value) == "low must not exceed high"


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("seed: 2001-99-99", "seed: .*got '2001-99-99'"),
        ("seed: 2001-01-01", "seed: .*got '2001-01-01'"),
        ("output: !!int abc", "tag, or a number is too long"),
        ("output: !!bool abc", "tag, or a number is too long"),
        (f"seed: {'9' * 5000}", "tag, or a number is too long"),
        ("output: !!set {a, b}", "line 1: the tag '!!set' is not read"),
        ("output: !!python/name:os.system", "tag '!!python/name:os.system' is not read"),
        ("output: !mine {a: 1}", "tag '!mine' is not read"),
        (LAUGHS, "more than 100000 values, with aliases written out"),
        ("output: x\ninner: &a {b: *a}", "line 2: an alias refers to what contains it"),
        (f"inner: {'[' * 60}{']' * 60}", "nested deeper than 40"),
        (f"inner: {'[' * 20000}", "nested deeper than 40"),
        (f"output: {'x' * 1_100_000}", "1100008 characters, more than 1000000"),
        ('extends: "a\\0b"', "'extends' can't be"),
        ('extends: "a\\uD800b"', "no such|can't be"),
        ("extends: {}".format("a" * 5000), "can't be read"),
        ("{[1]: 2}", "not valid YAML"),
        ("output: \x00", "not valid YAML"),
    ],
)
def test_no_yaml_text_does_harm(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        load_config(Outer, write(tmp_path / "a.yaml", text))
    assert "\n" not in str(caught.value)
    if "extends" not in text and text.startswith("output: "):
        with pytest.raises(ConfigError):
            load_config(Outer, None, [text.replace(": ", "=", 1) if "!" in text else f"seed={text}"])


def test_a_pipe_is_no_configuration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ConfigError, match="not a file"):
        load_config(Outer, write(tmp_path / "a.yaml", "extends: pipe.yaml"))


@pytest.mark.parametrize("unit", ["key{}: {{a: [1, 2], b: *x}}\n", "k{}: [[[[1]]]]\n", "- {{a: 'b', c: 1.5}}\n"])
def test_yaml_takes_work_in_proportion_to_its_length(unit: str) -> None:
    def work(count: int) -> int:
        start = "x: &x {p: 1}\n" if "*x" in unit else ""
        return calls_of(parse_yaml, start + "".join(unit.format(n) for n in range(count)))

    assert work(400) < 2.5 * work(200)
