-- Silver to gold by hand: what `crossfade/lake/gold.py` makes of the same tables.
CREATE TEMP TABLE interactions AS
WITH acts AS (
  SELECT e.*, coalesce(played_ms, played_share * duration_ms) AS known_ms
  FROM events e LEFT JOIN (SELECT track_id, duration_ms FROM tracks) USING (track_id)
  WHERE NOT is_bot AND track_id IS NOT NULL AND event_type IN ('listen', 'save', 'like', 'add_to_playlist', 'dislike')
)
SELECT user_id, track_id, "timestamp",
  (CASE
    WHEN event_type IN ('save', 'like', 'add_to_playlist') THEN $save_strength
    WHEN event_type = 'dislike' THEN -$save_strength
    WHEN known_ms > $positive_ms OR played_share > $positive_share THEN 1.0
    WHEN known_ms IS NULL AND played_share IS NULL THEN 1.0
    ELSE greatest(-1.0::DOUBLE, least(0.0::DOUBLE, coalesce(
      (known_ms - $late_skip_ms) / ($late_skip_ms - $early_skip_ms)::DOUBLE,
      (played_share - $positive_share) / ($positive_share - 0.02::DOUBLE))))
  END)::FLOAT AS strength,
  session_id, event_type, device, shuffle, context, arrived_at
FROM acts;

CREATE TEMP TABLE timed AS
SELECT user_id, track_id, make_timestamp(epoch_us("timestamp"))::DATE AS "day", strength, event_type
FROM interactions WHERE "timestamp" IS NOT NULL;

CREATE TEMP TABLE track_days AS
SELECT track_id, "day",
  count(*) FILTER (event_type = 'listen') AS listens,
  count(DISTINCT user_id) FILTER (event_type = 'listen') AS listeners,
  count(*) FILTER (event_type = 'listen' AND strength > 0) AS positives,
  count(*) FILTER (event_type = 'listen' AND strength < 0) AS early_skips,
  count(*) FILTER (event_type IN ('save', 'like', 'add_to_playlist')) AS saves
FROM timed GROUP BY ALL ORDER BY track_id, "day";

CREATE TEMP TABLE artist_days AS
SELECT artist_id, "day",
  count(*) FILTER (event_type = 'listen') AS listens,
  count(DISTINCT user_id) FILTER (event_type = 'listen') AS listeners,
  count(*) FILTER (event_type = 'listen' AND strength > 0) AS positives,
  count(*) FILTER (event_type = 'listen' AND strength < 0) AS early_skips,
  count(*) FILTER (event_type IN ('save', 'like', 'add_to_playlist')) AS saves
FROM timed JOIN (SELECT track_id, artist_id FROM tracks) USING (track_id)
WHERE artist_id IS NOT NULL GROUP BY ALL ORDER BY artist_id, "day";

CREATE TEMP TABLE user_profiles AS
WITH ids AS (SELECT user_id FROM events WHERE NOT is_bot UNION SELECT user_id FROM users),
heard AS (
  SELECT user_id, arg_min(country, ("timestamp" IS NULL, "timestamp", event_id)) AS heard_country
  FROM events WHERE NOT is_bot AND country IS NOT NULL GROUP BY ALL
), habits AS (
  SELECT user_id,
    count(*) FILTER (event_type = 'listen') AS num_listens,
    count(DISTINCT track_id) FILTER (event_type = 'listen') AS num_tracks,
    min("timestamp") FILTER (event_type = 'listen') AS first_listen,
    max("timestamp") FILTER (event_type = 'listen') AS last_listen,
    avg((strength < 0)::INTEGER) FILTER (event_type = 'listen') AS skip_share,
    count(*) FILTER (event_type IN ('save', 'like', 'add_to_playlist')) AS num_saves
  FROM interactions GROUP BY ALL
)
SELECT user_id, coalesce(country, heard_country) AS country, birth_year, explicit_allowed,
  coalesce(num_listens, 0) AS num_listens, coalesce(num_tracks, 0) AS num_tracks, first_listen, last_listen, skip_share,
  coalesce(num_saves, 0) AS num_saves
FROM ids LEFT JOIN users USING (user_id) LEFT JOIN heard USING (user_id) LEFT JOIN habits USING (user_id)
ORDER BY user_id;

CREATE TEMP TABLE catalogue AS FROM tracks ORDER BY track_id;
