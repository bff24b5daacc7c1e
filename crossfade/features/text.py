"""What words say of tracks: those of titles, of tags and of the titles of playlists that hold them."""

from hashlib import blake2b
from typing import Final
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from crossfade.features.catalogue import Catalogue
from crossfade.features.playlists import Playlists
from crossfade.schema import columns as c
from crossfade.schema.ids import NO_ROW, IdMap, Rows

TOKENS_PER_TRACK: Final = 16
# A word that stands on one track only says what the track's id says already, and nothing of any other track.
FEWEST_TRACKS: Final = 2
NOT_WORDS: Final = r"[^\p{L}\p{M}\p{N}]+"
HASH_BYTES: Final = 4
LARGEST_HASH: Final = np.iinfo(np.int32).max


def track_tokens(catalogue: Catalogue, playlists: Playlists) -> Rows:
    """Return each track's most telling words as stable hashes: equal in every process, run and catalogue.

    A word weighs log(1 + how often it is said of the track) x log(tracks / tracks that it is said of): tf-idf
    (Salton and Buckley 1988). Each playlist that holds the
    track and has the word in its title says it once more. Words are told apart by letters and
    digits alone, whatever their case; words of a single track are left out.

    Args:
        catalogue: The tracks, with titles and tags (genres) where known.
        playlists: Cut by the caller to what may be known (`Dataset.until`).

    Returns:
        [num_tracks, 16] int32 of 0 or more, the most telling first (of equal ones in the order of words), padded
        with -1.
    """
    said, words = _said(catalogue, playlists)
    tokens = np.full((len(catalogue), TOKENS_PER_TRACK), NO_ROW, np.int32)
    spread = np.bincount(said.col, minlength=len(words))
    kept = spread[said.col] >= FEWEST_TRACKS
    tracks, columns, counts = said.row[kept], said.col[kept], said.data[kept]
    weights = np.log1p(counts) * np.log(len(catalogue) / spread[columns])
    order = np.lexsort((columns, -weights, tracks))
    tracks, columns = tracks[order], columns[order]
    places = np.arange(len(tracks)) - np.searchsorted(tracks, tracks)
    first = places < TOKENS_PER_TRACK
    tokens[tracks[first], places[first]] = _hashes(words)[columns[first]]
    return tokens


def _said(catalogue: Catalogue, playlists: Playlists) -> tuple[sparse.coo_array, IdMap]:
    """Return how often each word is said of each track, sparse [num_tracks, num_words], and the words."""
    titles = _split(catalogue.table.column(c.TITLE).combine_chunks())
    tags = catalogue.table.column(c.GENRES).combine_chunks()
    tag_words = _split(pc.list_flatten(tags))
    names = _split(playlists.titles)
    words = IdMap.of(pa.concat_arrays([pc.list_flatten(lists) for lists in (titles, tag_words, names)]))
    tag_owners = pc.list_parent_indices(tags).to_numpy()[pc.list_parent_indices(tag_words).to_numpy()]
    owners = np.concatenate([pc.list_parent_indices(titles).to_numpy(), tag_owners])
    own = np.concatenate([_columns(titles, words), _columns(tag_words, words)])
    shape = (len(catalogue), len(words))
    by_track = sparse.csr_array((np.ones(len(own), np.float32), (owners, own)), shape)
    num_playlists, entries = len(playlists), len(playlists.track_rows)
    holds = sparse.csr_array(
        (np.ones(entries, np.float32), playlists.track_rows, playlists.offsets),
        (num_playlists, len(catalogue)),
    )
    holds.sum_duplicates()
    holds.data[:] = 1
    in_names = pc.list_parent_indices(names).to_numpy(), _columns(names, words)
    named = sparse.csr_array((np.ones(len(in_names[1]), np.float32), in_names), (num_playlists, len(words)))
    said = sparse.coo_array(by_track + holds.T @ named)
    said.sum_duplicates()
    return said, words


def _split(texts: pa.Array) -> pa.Array:
    """Return each text's words [n] as lists, none where the text is missing."""
    # Not by Arrow: its "NFKC" leaves accents apart, so that hashes would follow its version.
    plain = [normalize("NFKC", text or "").casefold() for text in texts.to_pylist()]
    trimmed = pc.replace_substring_regex(
        pa.array(plain, pa.string()), pattern=rf"^{NOT_WORDS}|{NOT_WORDS}$", replacement=""
    )
    lists = pc.split_pattern_regex(trimmed, pattern=NOT_WORDS)
    # The empty text splits into one empty word.
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar([], lists.type), lists)


def _columns(lists: pa.Array, words: IdMap) -> Rows:
    return words.rows(pc.list_flatten(lists))


def _hashes(words: IdMap) -> Rows:
    digests = b"".join(
        blake2b(word.encode(), digest_size=HASH_BYTES).digest() for word in words.ids.to_pylist()
    )
    return np.asarray(np.frombuffer(digests, "<u4") & LARGEST_HASH, np.int32)
