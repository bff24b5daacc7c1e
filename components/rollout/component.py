"""KFP component: tell Kubernetes what a rollout's directory says."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def rollout(workspace: str, namespace: str) -> int:
    """Apply the objects of a workspace's rollout, and remove what is not among them any more; return how many changed."""
    import logging
    from pathlib import Path

    from components.rollout.cluster import Cluster
    from crossfade.recommender.workspace import Workspace

    if not namespace:
        logging.info("No namespace is named; the rollout's directory is left to Git.")
        return 0
    done = Cluster.connected(namespace).apply(Workspace.open(Path(workspace)).rollout)
    logging.info("\n".join(done) or "Nothing is to be applied.")
    return len(done)
