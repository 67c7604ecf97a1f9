"""``yigong quality check`` as somebody uses it who writes a rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from yigong.quality.command import main
from yigong.standards.quality.tests.test_files import RULE


@pytest.mark.feature("C23")
def test_a_case_that_comes_out_otherwise_is_named_with_line_row_and_both_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The clerk reads in his language which example differs and how; a sound file says so and ends well."""
    path = tmp_path / "QC-LAB-099.yaml"
    path.write_text(RULE, "utf-8")
    assert main(["check", str(path)]) == 0 and "2 个例子全部相符" in capsys.readouterr().out
    path.write_text(RULE.replace("result: 0.4", "result: 1.4"), "utf-8")
    assert main(["check", str(path)]) == 1
    said = capsys.readouterr().err
    assert "第 16 行：例子“太低”第 1 条（laboratory_test_record）写的是不合规，规则判为合规" in said
    assert "line 16: case '太低', row 1 (laboratory_test_record): written as fails, the rule says holds" in said
    assert main(["check", str(tmp_path / "none.yaml")]) == 1 and "none.yaml" in capsys.readouterr().err
