"""``yigong standards`` looks things up and checks files."""

import polars as pl
import pytest

from yigong.platform.registry.command import main

ROWS = pl.DataFrame(
    {
        "患者姓名": ["王秀兰", "李建国"],
        "sex_code": ["2", "7"],
        "laboratory_test_on": ["20260101", "20260230"],
        "本院备注": ["", "x"],
    }
)


@pytest.mark.feature("A04")
@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_a_file_is_checked_line_by_line(tmp_path, capsys, suffix):
    """Findings name the line of the file, in both languages, and columns outside the standard are said."""
    file = tmp_path / f"lab.{suffix}"
    ROWS.write_csv(file) if suffix == "csv" else ROWS.write_excel(file)
    assert main(["check", str(file), "--data-set", "laboratory_test_record"]) == 1
    said = capsys.readouterr().out.replace("\n", "")
    assert "第 3 行 error date.impossible" in said and "第 3 行 warning code.unknown" in said
    assert "错误 1，警告 1" in said and "本院备注" in said


def test_a_sound_file_ends_well(tmp_path, capsys):
    """Without errors the command ends with 0."""
    file = tmp_path / "lab.csv"
    ROWS.head(1).write_csv(file)
    assert main(["check", str(file), "--data-set", "HDSD00.05.01"]) == 0
    assert "错误 0，警告 0" in capsys.readouterr().out


def test_findings_are_written_to_a_file(tmp_path):
    """With --csv the findings are a table whose row is the line of the file."""
    file, target = tmp_path / "lab.csv", tmp_path / "findings.csv"
    ROWS.write_csv(file)
    main(["check", str(file), "--data-set", "laboratory_test_record", "--csv", str(target)])
    assert pl.read_csv(target)["row"].to_list() == [3, 3]


@pytest.mark.parametrize(("data_set", "name"), [("nothing", "lab.csv"), ("laboratory_test_record", "absent.csv")])
def test_what_cannot_be_done_is_said(tmp_path, capsys, data_set, name):
    """An unknown data set or an absent file ends with 2 and a sentence."""
    ROWS.write_csv(tmp_path / "lab.csv")
    assert main(["check", str(tmp_path / name), "--data-set", data_set]) == 2
    assert "没有数据集" in capsys.readouterr().out or name == "absent.csv"


@pytest.mark.parametrize(
    ("words", "said"),
    [("laboratory_test_record", "sex_code"), ("GB/T 2261.1", "男性"), ("xbdm", "DE02.01.040.00")],
)
def test_show_finds_data_set_value_set_and_words(capsys, words, said):
    """A data set shows its columns, a value set its codes, words what they find."""
    assert main(["show", words]) == 0
    assert said in capsys.readouterr().out.replace("\n", "")


def test_show_says_when_there_is_nothing(capsys):
    """Unknown words end with 2."""
    assert main(["show", "没有这个"]) == 2
    assert "没有查到" in capsys.readouterr().out
