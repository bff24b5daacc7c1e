"""Bytes become text, blocks become lines, and names become ids that do not depend on how they were written."""

import pyarrow as pa

from crossfade.sources.text import decoded, lines, name_ids, null_if_blank, without_controls


def test_what_is_not_utf8_is_read_as_windows_1252_and_counted() -> None:
    texts, repaired = decoded(pa.array(["Björk".encode(), "Björk".encode("cp1252"), None, b"\x81"]))
    assert texts.to_pylist() == ["Björk", "Björk", None, "�"]
    assert repaired == 2
    assert decoded(pa.array([b"a"])) == (pa.array(["a"]), 0)


def test_lines_end_with_lf_or_cr_lf_and_keep_a_cr_inside() -> None:
    assert lines(b"a\nb\r\n\nc\rd\n").to_pylist() == [b"a", b"b", b"", b"c\rd"]


def test_names_written_differently_give_one_id() -> None:
    artists = pa.array(["Sigur Rós", "  sigur  RÓS ", "Sigur Ro\u0301s", "Ｓｉｇｕｒ Rós"])  # noqa: RUF001
    titles = pa.array(["Hoppípolla"] * 4)
    assert set(name_ids(artists, titles).to_pylist()) == {"name:sigur rós|hoppípolla"}
    assert name_ids(artists).to_pylist()[0] == "name:sigur rós"


def test_other_names_give_other_ids_whatever_signs_they_hold() -> None:
    found = name_ids(pa.array(["a|b", "a", "a"]), pa.array(["c", "b|c", "c"])).to_pylist()
    assert found == ["name:a/b|c", "name:a|b/c", "name:a|c"]


def test_a_missing_or_blank_name_gives_no_id_and_long_ones_are_cut() -> None:
    assert name_ids(pa.array(["a", "a", None]), pa.array([None, "  ", "b"])).to_pylist() == [None, None, None]
    assert name_ids(pa.array(["x" * 500])).to_pylist() == ["name:" + "x" * 200]


def test_control_characters_become_spaces_and_blank_becomes_null() -> None:
    values = without_controls(pa.array(["a\r\x00b", "\t", None]))
    assert null_if_blank(values).to_pylist() == ["a b", None, None]
