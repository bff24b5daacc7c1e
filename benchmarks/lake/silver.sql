-- Bronze to silver by hand: what `crossfade/lake/silver.py` makes of the same files. Views `bronze_*` and `bots` are given.
CREATE TEMP TABLE same_ids AS
SELECT source_file, source_row, imported_at FROM bronze_events
WHERE event_id IN (SELECT event_id FROM bronze_events GROUP BY ALL HAVING count(*) > 1)
QUALIFY row_number() OVER (
  PARTITION BY event_id
  ORDER BY played_ms DESC NULLS LAST, played_share DESC NULLS LAST, event_id, source_file, source_row, imported_at
) > 1;

CREATE TEMP TABLE repeats AS
WITH timed AS (
  SELECT *, epoch_us("timestamp") // 1000000 AS second FROM bronze_events
  ANTI JOIN same_ids USING (source_file, source_row, imported_at) WHERE "timestamp" IS NOT NULL
)
SELECT source_file, source_row, imported_at FROM timed
SEMI JOIN (SELECT user_id, second FROM timed GROUP BY ALL HAVING count(*) > 1) USING (user_id, second)
QUALIFY row_number() OVER (
  PARTITION BY user_id, second, coalesce(track_id, artist_id), event_type, slate_id
  ORDER BY played_ms DESC NULLS LAST, played_share DESC NULLS LAST, event_id, source_file, source_row, imported_at
) > 1;

CREATE TEMP TABLE dropped AS FROM same_ids UNION ALL FROM repeats;

CREATE TEMP TABLE accounts AS SELECT DISTINCT user_id FROM bots WHERE is_flagged AND hour IS NULL;
CREATE TEMP TABLE spots AS
SELECT DISTINCT user_id, epoch_us(hour) // 3600000000 AS hour, session_id, device, country
FROM bots WHERE is_flagged AND hour IS NOT NULL;

CREATE TEMP TABLE live_imports AS
WITH moments AS (
  SELECT imported_at, max("timestamp") AS newest FROM bronze_events GROUP BY ALL
), placed AS (
  SELECT imported_at, min(imported_at) OVER () AS first_import,
    max(newest) OVER (ORDER BY imported_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS known
  FROM moments
)
SELECT imported_at AS live_at FROM placed
WHERE epoch_us(imported_at) > epoch_us(first_import) + $lateness_us AND epoch_us(imported_at) <= epoch_us(known) + $lateness_us;

CREATE TEMP TABLE events AS
WITH steps AS (
  SELECT *,
    lag("timestamp") OVER in_order AS last_time, lag(session_id) OVER in_order AS last_session,
    row_number() OVER in_order AS place
  FROM bronze_events ANTI JOIN dropped USING (source_file, source_row, imported_at)
  WINDOW in_order AS (PARTITION BY user_id ORDER BY "timestamp" NULLS LAST, event_id)
), begins AS (
  SELECT *,
    CASE WHEN last_time IS NULL OR CASE WHEN session_id IS NOT NULL THEN session_id <> coalesce(last_session, '')
      ELSE epoch_us("timestamp") > epoch_us(last_time) + $gap_us OR last_session IS NOT NULL END
    THEN place END AS begins_at
  FROM steps
), runs AS (
  SELECT *,
    max(begins_at) OVER until_now AS first_place,
    max(CASE WHEN begins_at IS NOT NULL THEN "timestamp" END) OVER until_now AS begun
  FROM begins
  WINDOW until_now AS (PARTITION BY user_id ORDER BY "timestamp" NULLS LAST, event_id ROWS UNBOUNDED PRECEDING)
)
SELECT r.event_id, event_type, r.user_id, track_id, artist_id, "timestamp", played_ms, played_share,
  CASE WHEN r.session_id IS NOT NULL THEN r.session_id WHEN "timestamp" IS NOT NULL
    THEN r.user_id || '@' || strftime(make_timestamp(epoch_us(begun)), '%Y-%m-%dT%H:%M:%SZ') END AS session_id,
  r.country, r.device, shuffle, context, surface, slate_id, "position", propensity, experiment, variant,
  CASE WHEN "timestamp" IS NOT NULL THEN (place - first_place)::INTEGER END AS session_position,
  a.user_id IS NOT NULL OR s.user_id IS NOT NULL AS is_bot,
  CASE WHEN epoch_us(live_at) > epoch_us("timestamp") + $lateness_us THEN live_at END AS arrived_at
FROM runs r LEFT JOIN accounts a USING (user_id)
LEFT JOIN live_imports ON imported_at = live_at
LEFT JOIN spots s ON s.user_id = r.user_id AND s.hour = epoch_us("timestamp") // 3600000000
  AND s.session_id = coalesce(r.session_id, '') AND s.device = coalesce(r.device, '') AND s.country = coalesce(r.country, '');

CREATE TEMP TABLE artists AS
SELECT artist_id, "name", genres, country FROM bronze_artists
QUALIFY row_number() OVER (PARTITION BY artist_id ORDER BY imported_at DESC, source_file DESC, source_row DESC) = 1;
CREATE TEMP TABLE playlists AS
SELECT playlist_id, title, user_id, track_ids, "timestamp" FROM bronze_playlists
QUALIFY row_number() OVER (PARTITION BY playlist_id ORDER BY imported_at DESC, source_file DESC, source_row DESC) = 1;
CREATE TEMP TABLE users AS
SELECT user_id, country, birth_year, explicit_allowed FROM bronze_users
QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY imported_at DESC, source_file DESC, source_row DESC) = 1;

CREATE TEMP TABLE tracks AS
WITH known AS (
  SELECT * EXCLUDE (source, source_file, source_row, imported_at) FROM bronze_tracks
  QUALIFY row_number() OVER (PARTITION BY track_id ORDER BY imported_at DESC, source_file DESC, source_row DESC) = 1
), named AS (
  SELECT DISTINCT track_id FROM (SELECT track_id FROM events UNION ALL SELECT unnest(track_ids) FROM playlists)
  WHERE track_id IS NOT NULL
), all_tracks AS (
  FROM known UNION ALL BY NAME SELECT track_id FROM named ANTI JOIN known USING (track_id)
), heard AS (
  SELECT track_id, min(artist_id) AS heard_artist FROM events
  WHERE track_id IS NOT NULL AND artist_id IS NOT NULL GROUP BY ALL
), filled AS (
  SELECT * EXCLUDE (heard_artist) REPLACE (
    CASE WHEN len(artist_ids) > 0 THEN artist_ids WHEN heard_artist IS NOT NULL THEN [heard_artist] END AS artist_ids
  ) FROM all_tracks LEFT JOIN heard USING (track_id)
), first_artists AS (SELECT *, artist_ids[1] AS artist_id FROM filled)
SELECT f.* REPLACE (coalesce(artist_name, a."name") AS artist_name)
FROM first_artists f LEFT JOIN artists a USING (artist_id);
