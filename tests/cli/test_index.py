"""`crossfade index add` on a trained bundle: new releases are recommended, the old bundle stays, mistakes are one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossfade.cli.main import main
from crossfade.recommender.manifest import verify
from crossfade.recommender.recommend import Recommender
from crossfade.recommender.workspace import Workspace
from crossfade.retrieval.content.cold import Cold
from crossfade.schema import columns as c
from tests.cli.forked import ended, step
from tests.recommender import world

RELEASES = [
    {
        "track_id": "r_new",
        "title": "Song r_new",
        "artist_ids": ["ra"],
        "genres": ["r"],
        "release_date": "1970-01-18",
    },
    {
        "track_id": "a_first",
        "title": "Song a",
        "artist_ids": ["fresh"],
        "genres": ["j"],
        "release_date": "1970-02-01",
    },
]


@pytest.fixture(scope="module")
def bundle(planted_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.copied(planted_world, tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("releases") / "friday.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in RELEASES))
    return path


@pytest.fixture(scope="module")
def added(bundle: Path, releases: Path) -> Path:
    """The bundle with two releases more."""
    return apart(releases, bundle)


def apart(releases: Path, bundle: Path) -> Path:
    """Add releases in a process of its own, as a shell does: TensorFlow numbers what one process exports."""
    words = ["index", "add", str(releases), "--bundle", str(bundle), "--json"]
    code = f"from crossfade.cli.main import main\nassert main({words!r}) == 0"
    tensorflow = ("crossfade.retrieval.tensorflow_setup",)
    status, lines = ended(step(code, releases.stem, tensorflow, releases.parent))
    assert status == 0, lines
    (told,) = [line for line in lines if line.startswith('{"')]
    return bundle.parent / str(json.loads(told)["bundle"])


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def test_the_new_bundle_names_its_parent_and_the_old_one_is_whole(added: Path, bundle: Path) -> None:
    verify(bundle)
    manifest = verify(added)
    assert (manifest["parents"], manifest["made_by"], manifest["added_tracks"]) == (
        [bundle.name], "index add", 2
    )  # fmt: skip
    assert sum(manifest["metrics"]["track_vectors"].values()) == 2 * world.NUM_TRACKS + 2
    assert manifest["window"] == verify(bundle)["window"]


def test_everything_learnt_of_old_tracks_followed_them_to_their_new_rows(added: Path, bundle: Path) -> None:
    old, new = Recommender.load(bundle), Recommender.load(added)
    ids = old.catalogue.tracks.ids
    rows = new.catalogue.tracks.rows(ids)
    assert rows[0] == 1  # a_first stands before all
    np.testing.assert_array_equal(new.sources.track_vectors[rows], old.sources.track_vectors)
    then, now = old.dataset.interactions, new.dataset.interactions
    assert old.catalogue.tracks.names(then.track_rows) == new.catalogue.tracks.names(now.track_rows)
    np.testing.assert_array_equal(new.statistics.track_listens[rows], old.statistics.track_listens)
    weights = [one.sources.two_tower.learnt_.weights for one in (old, new)]
    np.testing.assert_array_equal(weights[1]["residuals"][rows], weights[0]["residuals"])
    artists = new.catalogue.artists.rows(old.catalogue.artists.ids)
    np.testing.assert_array_equal(weights[1]["artists"][artists], weights[0]["artists"])
    assert not weights[1]["artists"][new.catalogue.artists.rows(["fresh"])].any()


def test_a_new_release_is_where_its_artist_or_genre_is(added: Path) -> None:
    recommender = Recommender.load(added)
    tracks, vectors = recommender.catalogue.tracks, recommender.sources.track_vectors
    new = vectors[tracks.rows(["r_new", "a_first"])]
    rock, jazz = (vectors[tracks.rows([f"{g}{i:02}" for i in range(world.NUM_TRACKS)])] for g in "rj")
    likeness = new @ np.stack([rock.mean(axis=0), jazz.mean(axis=0)]).T
    assert likeness[0, 0] > likeness[0, 1]
    assert likeness[1, 1] > likeness[1, 0]
    np.testing.assert_allclose(np.linalg.norm(new, axis=1), 1, atol=1e-5)
    origins = Cold.load(added / "sources" / "two_tower" / "cold").origins
    assert origins.listens[tracks.rows(["r_new", "a_first"])].tolist() == [0, 0]


def test_listeners_get_the_new_release(added: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, "recommend", "u00", "--bundle", added, "--surface", "discover_weekly", "--k", 60, "--json"
    )
    assert code == 0
    told = [track["track_id"] for track in json.loads(out)["tracks"]]
    assert "r_new" in told
    assert "a_first" not in told  # it comes out later


def test_equal_rows_in_any_format_give_the_same_bundle(added: Path, bundle: Path, tmp_path: Path) -> None:
    table = pa.Table.from_pylist(RELEASES[::-1])
    pq.write_table(table, tmp_path / "friday.parquet")
    lines = ["track_id,title,artist_ids,genres,release_date"]
    lines += [",".join((r["track_id"], r["title"], r["artist_ids"][0], r["genres"][0], r["release_date"])) for r in RELEASES]  # type: ignore[arg-type]  # fmt: skip
    (tmp_path / "friday.csv").write_text("\n".join(lines) + "\n")
    for name in ("friday.parquet", "friday.csv"):
        assert apart(tmp_path / name, bundle) == added


def test_a_workspace_changes_its_champion_only_when_asked(
    bundle: Path, releases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace.create(tmp_path)
    shutil.copytree(bundle, workspace.bundles / bundle.name)
    workspace.promote(bundle.name, reason="First.", run_id="run", evaluation={})
    code, out, err = run(capsys, "index", "add", releases, "--workspace", workspace.path, "--json")
    told = json.loads(out)
    assert (code, told["added"], told["promoted"]) == (0, 2, False)
    assert workspace.bundle(told["bundle"]) != workspace.bundle(bundle.name)
    assert (told["released_later"], sum(told["by_path"].values())) == (1, 2)
    assert workspace.champion_digest() == bundle.name
    code, out, err = run(capsys, "index", "add", releases, "--workspace", workspace.path, "--promote")
    assert code == 0
    assert out.startswith("Added 2 tracks (")
    assert out.endswith(f"{workspace.champion()}, now champion\n")
    assert err == "1 come out after the bundle's last day: requests get them from that day on (time).\n"
    assert workspace.champion_digest() != bundle.name
    last = workspace.promotions.lines()[-1]
    assert last.reason == f"2 new tracks were added to {bundle.name} by index add; nothing was trained."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "track_id\nr05\nr_new\n",
            "Tracks are in the bundle's catalogue already: 'r05' (1); leave them out.",
        ),
        (
            "track_id,genres\nx1,r\nx1,j\n",
            "Tracks are named twice: 'x1' (1); leave them out. Nothing was added.",
        ),
        ("track_id,release_date\nx1,2020-01-01\nx2,soon\n", "row 2: release_date cannot be read as a date"),
        ("track_id\n", "There is no track in "),
        ("title\nSong\n", "track_id"),
        (
            "track_id,artist_ids\nx1,nobody\n",
            "Nothing tells what track 'x1' is like: of its artists ['nobody'] no track was learnt",
        ),
    ],
)
def test_what_cannot_be_added_is_one_line(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    (tmp_path / "bad.csv").write_text(content)
    before = sorted(bundle.parent.iterdir())
    code, out, err = run(capsys, "index", "add", tmp_path / "bad.csv", "--bundle", bundle)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(bundle.parent.iterdir()) == before


def test_options_that_do_not_go_together_are_refused(
    bundle: Path, releases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Name either --bundle DIR or --workspace DIR." in run(capsys, "index", "add", releases)[2]
    code, _, err = run(capsys, "index", "add", releases, "--bundle", bundle, "--promote")
    assert code == 2
    assert "--promote needs --workspace DIR" in err
    code, _, err = run(capsys, "index", "add", "missing.csv", "--bundle", bundle)
    assert (code, err) == (2, "error: There is no file or directory missing.csv.\n")


def test_the_number_of_paths_is_that_of_the_vocabulary(added: Path) -> None:
    assert set(verify(added)["metrics"]["track_vectors"]) == set(c.VECTOR_PATHS)
