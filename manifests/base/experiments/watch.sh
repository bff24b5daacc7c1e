# Looks at the alarms of every experiment of the workspace; one that cannot be looked at stops no other.
failed=0
for manifest in /mnt/crossfade/workspace/experiments/*.yaml; do
  [ -e "$manifest" ] || continue
  crossfade experiment step "$manifest" --workspace /mnt/crossfade/workspace --set "weekly.store_url=$STORE_URL" \
    --guardrails-only --prometheus "$PROMETHEUS_URL" || failed=1
done
exit "$failed"
