"""Dashboards as JSON that Grafana imports, made with its Foundation SDK; equal boards give equal bytes."""

from typing import Final

from crossfade.schema.errors import MissingExtraError
from monitoring.dashboards.boards import Board, Panel

try:
    from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
    from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.common import GraphThresholdsStyleMode
    from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode
except ImportError as error:
    raise MissingExtraError("grafana-foundation-sdk", "dashboards") from error

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
WIDTH: Final = 12  # of Grafana's 24 columns
HEIGHT: Final = 8


def as_json(board: Board) -> str:
    """Return a dashboard as JSON text; which Prometheus it asks is a variable of it."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(f"crossfade-{board.name}")
        .description(board.about)
        .tags(["crossfade"])
        .time("now-7d", "now")
        .refresh("1m")
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus").label("Prometheus"))
    )
    for panel in board.panels:
        made = made.with_panel(_panel(panel))
    return f"{JSONEncoder(sort_keys=True, indent=2).encode(made.build())}\n"


def _panel(panel: Panel) -> stat.Panel | timeseries.Panel:
    made: stat.Panel | timeseries.Panel = stat.Panel() if panel.is_number else timeseries.Panel()
    made = made.title(panel.title).unit(panel.unit).datasource(SOURCE).span(WIDTH).height(HEIGHT)
    for place, (query, legend) in enumerate(panel.queries.items()):
        asked = prometheus.Dataquery().expr(query).legend_format(legend).ref_id(chr(ord("A") + place))
        made = made.with_target(asked)
    if panel.limit is None:
        return made
    steps = [Threshold(color="green", value=None), Threshold(color="red", value=panel.limit)]
    made = made.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    if isinstance(made, timeseries.Panel):
        made = made.thresholds_style(GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE))
    return made
