"""Readable invented names: artists, track titles and playlist titles from word lists."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossfade.twin import words
from crossfade.twin.draws import Ints, Places

# Parts are word lists and fixed strings; one of each list is drawn for each name.
Template = tuple[tuple[str, ...], ...]

_SYLLABLES: Final[Template] = (words.ONSETS, words.VOWELS, words.MIDDLES, words.ENDINGS)
_ARTISTS: Final[tuple[tuple[float, Template], ...]] = (
    (0.30, (words.FIRST_NAMES, (" ",), words.SURNAMES)),
    (0.20, _SYLLABLES),
    (0.18, (("The ",), words.ADJECTIVES, (" ",), words.BANDS)),
    (0.16, (words.ADJECTIVES, (" ",), words.NOUNS)),
    (0.10, (words.NOUNS, (" ",), words.BANDS)),
    (0.06, (words.FIRST_NAMES, (" & the ",), words.BANDS)),
)


def _title_templates(
    adjectives: tuple[str, ...], nouns: tuple[str, ...]
) -> tuple[tuple[float, Template], ...]:
    return (
        (0.34, (adjectives, (" ",), nouns)),
        (0.16, (nouns, (" ",), words.LINKS, (" ",), words.NOUNS)),
        (0.16, (words.VERBS, (" ",), words.LINKS, (" ",), nouns)),
        (0.14, (nouns, (" in ",), words.PLACES)),
        (0.12, (words.OPENINGS, (" ",), adjectives, (" ",), nouns)),
        (0.06, (words.FIRST_NAMES, (", ",), words.CALLS)),
    )


_TITLES: Final = {
    tone: _title_templates(adjectives, nouns)
    for tone, (adjectives, nouns) in {
        "calm": (words.CALM_ADJECTIVES, words.CALM_NOUNS),
        "bright": (words.BRIGHT_ADJECTIVES, words.BRIGHT_NOUNS),
        "dark": (words.DARK_ADJECTIVES, words.DARK_NOUNS),
        "driving": (words.DRIVING_ADJECTIVES, words.DRIVING_NOUNS),
    }.items()
}
TONES: Final = tuple(_TITLES)


def artist_names(count: int, rng: np.random.Generator) -> pa.Array:
    """Return `count` artist names, distinct as far as the word lists reach (some 30,000)."""
    return _names(_ARTISTS, count, rng)


def track_titles(tones: Ints, rng: np.random.Generator) -> pa.Array:
    """Return a title for each track, distinct within a tone as far as the word lists reach.

    Args:
        tones: [num_tracks] index into `TONES`: how the track sounds.
        rng: Source of randomness.
    """
    groups = [np.flatnonzero(tones == tone) for tone in range(len(TONES))]
    titles = [_names(_TITLES[tone], len(rows), rng) for tone, rows in zip(TONES, groups, strict=True)]
    return pa.concat_arrays(titles).take(pa.array(np.argsort(np.concatenate(groups))))


def _names(templates: tuple[tuple[float, Template], ...], count: int, rng: np.random.Generator) -> pa.Array:
    shares = np.array([share for share, _ in templates])
    kinds = np.searchsorted(np.cumsum(shares / shares.sum()), rng.random(count)).clip(max=len(templates) - 1)
    groups = [np.flatnonzero(kinds == kind) for kind in range(len(templates))]
    named = [_filled(template, len(rows), rng) for (_, template), rows in zip(templates, groups, strict=True)]
    return pa.concat_arrays(named).take(pa.array(np.argsort(np.concatenate(groups))))


def _filled(template: Template, count: int, rng: np.random.Generator) -> pa.Array:
    """Draw combinations of a template's words without repeating one before all were used."""
    lengths = [len(part) for part in template]
    total = int(np.prod(lengths))
    rounds = [rng.permutation(total) for _ in range(-(-count // total))]
    combinations = np.concatenate(rounds)[:count] if rounds else np.zeros(0, np.int64)
    return _joined(template, np.unravel_index(combinations, lengths))


def _joined(template: Template, places: tuple[Places, ...]) -> pa.Array:
    parts = [pa.array(part).take(pa.array(place)) for part, place in zip(template, places, strict=True)]
    return pc.binary_join_element_wise(*parts, "")


def playlist_titles(subjects: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Return a title for each playlist's subject: a genre or a mood in a phrase that people use."""
    forms = rng.integers(len(words.PLAYLIST_FORMS), size=len(subjects))
    before = pa.array([form[0] for form in words.PLAYLIST_FORMS]).take(pa.array(forms))
    after = pa.array([form[1] for form in words.PLAYLIST_FORMS]).take(pa.array(forms))
    return pc.binary_join_element_wise(before, subjects, after, "")
