"""What a bundle may show to whom, with probabilities: the other side of a log in judging a policy that nobody has seen."""

from crossfade.recommender.recommend import Recommender
from crossfade.recommender.requests import Requests
from crossfade.reranking.chances import Chances, chances


def chances_of(recommender: Recommender, requests: Requests) -> Chances:
    """Return the tracks that `recommend` may put at each place of the requests' slates, and how probably."""
    ranked = recommender.rank(requests, recommender.exclusions(requests))
    scored, places, rules = recommender.before_exploration(requests, ranked)
    exploration = recommender.policy_of(requests).exploration(requests.k, recommender.settings.seed)
    return chances(scored, places, requests.taste, exploration, rules)
