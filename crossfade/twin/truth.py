"""The truth behind a twin: what listeners love, and why they skipped."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from crossfade.schema.errors import IntegrityError, NotFoundError
from crossfade.twin.draws import Floats, Ints
from crossfade.twin.tastes import boldness, cosines, interests_on, pooled

_FOLDER: Final = "truth"
_PAIRS_AT_ONCE: Final = 200_000


@dataclass(frozen=True)
class Truth:
    """True tastes and drivers as arrays. Rows are positions in the twin's tables, which are sorted by id.

    Args:
        interests_start: [num_users, 4, dim] float32 unit vectors on the first day.
        interests_end: [num_users, 4, dim] float32 on the last day; they drift evenly, week by week.
        log_shares: [num_users, 4] float32 log weight of an interest against the main one, -inf for none.
        interest_genres: [num_users, 4] int32 index into `genres.SUBGENRES`, -1 where there is no interest.
        adventurousness: [num_users] float32 in 0 to 1.
        loyalty: [num_users] float32 in 0 to 1.
        sessions_per_day: [num_users] float32.
        impatience: [num_users] float32 in the logit of a skip.
        track_latents: [num_tracks, dim] float32 unit vectors.
        track_weights: [num_tracks] float64 lasting popularity.
        mood_fit: [num_moods, num_tracks] float32 in -1 to 1, moods as in `words.MOODS`.
        event_moods: [num_events] int8 mood of the event's session.
        event_mood_fit: [num_events] float32, NaN where the event is not a listen, 0 if it was planted.
        skip_probability: [num_events] float32 with which a listen was skipped, NaN if it is none, 0 if it was planted.
        accounts: [num_users] int8 an `Account`; tastes of farm accounts are those of the person whom they pose as.
        origins: [num_events] int8 an `Origin`.
        farmed_artists: [0 or 1] int32 the artist for whom a farm plays.
    """

    interests_start: Floats
    interests_end: Floats
    log_shares: Floats
    interest_genres: Ints
    adventurousness: Floats
    loyalty: Floats
    sessions_per_day: Floats
    impatience: Floats
    track_latents: Floats
    track_weights: npt.NDArray[np.float64]
    mood_fit: Floats
    event_moods: npt.NDArray[np.int8]
    event_mood_fit: Floats
    skip_probability: Floats
    accounts: npt.NDArray[np.int8]
    origins: npt.NDArray[np.int8]
    farmed_artists: Ints

    def affinity(self, user_rows: Ints, track_rows: Ints, *, progress: float = 1.0) -> Floats:
        """Return how much each listener loves each track, mood and popularity aside.

        Args:
            user_rows: [n] listeners.
            track_rows: [n] tracks.
            progress: Share of the window that has passed, since tastes drift; 1 is its end.

        Returns:
            [n] float32: 1 in the middle of the main interest, about 0.2 for a track at random.
        """
        affinities = np.empty(len(user_rows), np.float32)
        for start in range(0, len(user_rows), _PAIRS_AT_ONCE):
            users = np.asarray(user_rows[start : start + _PAIRS_AT_ONCE])
            latents = self.track_latents[track_rows[start : start + _PAIRS_AT_ONCE]][:, None, :]
            interests = interests_on(self.interests_start[users], self.interests_end[users], progress)
            affinities[start : start + len(users)] = pooled(
                cosines(interests, latents), self.log_shares[users]
            )[:, 0]
        return affinities

    def affinities(self, user_rows: Ints, *, progress: float = 1.0) -> Floats:
        """Return the affinity of each listener [n] with every track, as [n, num_tracks] float32."""
        interests = interests_on(self.interests_start[user_rows], self.interests_end[user_rows], progress)
        return pooled(cosines(interests, self.track_latents), self.log_shares[user_rows])

    def wishes(self, user_rows: Ints, *, progress: float = 1.0) -> Floats:
        """Return how much every track draws each listener [n]: affinity by boldness plus log popularity.

        This is what discovery follows before known artists, playlists and moods come in.

        Returns:
            [n, num_tracks] float32, comparable within a row.
        """
        taste = (
            self.affinities(user_rows, progress=progress) * boldness(self.adventurousness[user_rows])[:, None]
        )
        return np.asarray(taste + np.log(self.track_weights), np.float32)

    def write(self, directory: Path) -> None:
        """Write one `.npy` file for each array into `directory/truth`."""
        folder = directory / _FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name), allow_pickle=False)


def read_truth(directory: Path) -> Truth:
    """Read the truth that `Twin.write` left in a directory.

    Raises:
        NotFoundError: There is no truth in the directory.
        IntegrityError: An array is missing or not whole.
    """
    folder = directory / _FOLDER
    if not folder.is_dir():
        raise NotFoundError(
            f"{directory} holds no truth of a twin; write one with: crossfade twin generate -o {directory}"
        )
    try:
        return Truth(
            **{
                field.name: np.load(folder / f"{field.name}.npy", allow_pickle=False)
                for field in fields(Truth)
            }
        )
    except (OSError, EOFError, ValueError) as error:
        raise IntegrityError(
            f"The truth in {folder} is not whole; generate the twin again: {error}"
        ) from error
