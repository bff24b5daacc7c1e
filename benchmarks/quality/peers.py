"""All peers, by what they are compared on."""

from typing import Final

from benchmarks.quality.embedding_peers import ITEM2VEC
from benchmarks.quality.factor_peers import ALS, BPR
from benchmarks.quality.linear_peers import EASE
from benchmarks.quality.neighbour_peers import BM25, COSINE, TFIDF
from benchmarks.quality.session_peers import MARKOV, SESSION_KNN

PEERS: Final = (COSINE, TFIDF, BM25, ALS, BPR, EASE, ITEM2VEC, SESSION_KNN, MARKOV)
NEXT_TRACK_PEERS: Final = (COSINE, SESSION_KNN, MARKOV)
