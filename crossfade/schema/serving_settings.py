"""Settings of the online services; `settings.yaml` is their manual."""

from crossfade.schema.section import Count, Positive, Section, Share


class ServingSettings(Section):
    """The recommender service and the gateway."""

    max_tracks: Count
    max_requests: Count
    max_body_kib: Count
    batch_requests: Count
    one_core: bool
    queue_requests: Count
    patience_ms: Count
    budget_ms: Count
    hedge_ms: Count
    hedge_share: Share
    store_timeout_ms: Count
    retry_ms: Count
    requests_per_second: Positive
    burst_requests: Count
    replies: Count
    reply_seconds: Positive
    exposure_queue: Count
    watch_seconds: Positive
    drain_seconds: Count
