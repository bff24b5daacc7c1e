"""The workspace: the directory in which one installation keeps bundles, playlists, runs and reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from crossfade.recommender.promotions import Promotion, PromotionLog
from crossfade.schema.errors import InputError, NotFoundError


@dataclass(frozen=True)
class Workspace:
    """Paths and the champion of one installation.

    The promotion log alone decides who is champion; MLflow's alias mirrors it.

    Args:
        path: The directory; see docs/architecture.md for what is in it.
    """

    path: Path

    @classmethod
    def create(cls, path: Path) -> "Workspace":
        """Open a workspace, making its directories where they are missing.

        Raises:
            InputError: A file stands in its place.
        """
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file, but a workspace is a directory; name another --workspace.")
        workspace = cls(path)
        for directory in (workspace.bundles, workspace.store, workspace.runs, workspace.reports):
            directory.mkdir(parents=True, exist_ok=True)
        return workspace

    @classmethod
    def open(cls, path: Path) -> "Workspace":
        """Open a workspace that exists.

        Raises:
            NotFoundError: There is none.
        """
        if not cls(path).bundles.is_dir():
            raise NotFoundError(
                f"{path} is not a workspace (it has no bundles directory); "
                f"make one with: crossfade run training --lake DIR --workspace {path}."
            )
        return cls(path)

    @property
    def bundles(self) -> Path:
        """Immutable bundles, each named by its digest."""
        return self.path / "bundles"

    @property
    def store(self) -> Path:
        """Generations of slates, by surface."""
        return self.path / "store"

    @property
    def weekly(self) -> Path:
        """Plans and shards of the weekly batch, by surface and generation."""
        return self.path / "weekly"

    @property
    def experiments(self) -> Path:
        """Manifests of experiments."""
        return self.path / "experiments"

    @property
    def rollout(self) -> Path:
        """The objects of running experiments, with their history."""
        return self.path / "rollout"

    @property
    def home_log(self) -> Path:
        """What the gateway showed and saw opened on Home; it names nobody."""
        return self.path / "modules.jsonl"

    @property
    def home_arms(self) -> Path:
        """What was learnt of Home's modules."""
        return self.path / "home.json"

    @property
    def runs(self) -> Path:
        """Outputs, logs and timings of each pipeline run."""
        return self.path / "runs"

    @property
    def reports(self) -> Path:
        """HTML reports."""
        return self.path / "reports"

    @property
    def drift(self) -> Path:
        """What the last look for drift found, as JSON and as a page."""
        return self.path / "drift"

    @property
    def drift_figures(self) -> Path:
        """The JSON of it."""
        return self.drift / "drift.json"

    @property
    def drift_page(self) -> Path:
        """The page on it."""
        return self.drift / "drift.html"

    @property
    def retraining(self) -> Path:
        """What the retraining receiver decided and started."""
        return self.path / "retraining"

    @cached_property
    def promotions(self) -> PromotionLog:
        """The promotion log."""
        return PromotionLog(self.path / "promotions.jsonl")

    def bundle(self, digest: str) -> Path:
        """Return the directory of a bundle.

        Raises:
            NotFoundError: There is no such bundle.
        """
        directory = self.bundles / digest
        if not digest or not directory.is_dir():
            known = ", ".join(sorted(path.name for path in self.bundles.glob("[!.]*"))) or "none"
            raise NotFoundError(f"Bundle {digest!r} is not in {self.bundles}; there are: {known}.")
        return directory

    def champion_digest(self) -> str | None:
        """Return the champion's digest, None before the first promotion."""
        champions = self.promotions.champions()
        return champions[-1] if champions else None

    def champion(self) -> Path:
        """Return the champion's directory.

        Raises:
            NotFoundError: Nothing was promoted yet, or the champion's directory is gone.
        """
        digest = self.champion_digest()
        if digest is None:
            raise NotFoundError(
                f"{self.path} has no champion yet; train one with: "
                f"crossfade run training --lake DIR --workspace {self.path}."
            )
        return self.bundle(digest)

    def promote(
        self,
        digest: str,
        *,
        reason: str,
        run_id: str,
        evaluation: Mapping[str, Any],
        reigning: str | None = None,
    ) -> Promotion:
        """Make a bundle the champion; doing it again changes nothing.

        Args:
            digest: A bundle in `bundles`.
            reason: One sentence.
            run_id: The run that decided.
            evaluation: The figures that the decision rests on, JSON-able.
            reigning: The champion whose place it may take, "" for nobody's; None for anybody's.

        Raises:
            NotFoundError: There is no such bundle.
            CrossfadeError: The champion is another than `reigning`.
        """
        self.bundle(digest)
        return self.promotions.promote(
            digest, reason=reason, run_id=run_id, evaluation=evaluation, reigning=reigning
        )

    def refuse(self, digest: str, *, reason: str, run_id: str, evaluation: Mapping[str, Any]) -> Promotion:
        """Note that a bundle was judged and not promoted; arguments as in `promote`."""
        self.bundle(digest)
        return self.promotions.refuse(digest, reason=reason, run_id=run_id, evaluation=evaluation)

    def rollback_champion(self, *, reason: str, run_id: str) -> Promotion:
        """Make the champion before this one the champion again.

        Raises:
            NotFoundError: There was none before, or its bundle is gone.
        """
        for earlier in self.promotions.champions()[-2:-1]:
            self.bundle(earlier)
        return self.promotions.rollback(reason=reason, run_id=run_id)
