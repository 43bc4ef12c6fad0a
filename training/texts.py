"""Texts as token ids, drawn for training: every name of every concept in every language, keywords, glosses."""

import random
from collections import defaultdict

import numpy as np
from tokenizers import Tokenizer

from . import captions
from .batches import Sampler
from .data import LANGUAGES
from .step import TEXT_TOKENS_MAX

ENGLISH, OTHER, KEYWORD = 0.36, 0.48, 0.16  # shares of drawn texts
TEMPLATE = 0.2  # of English names
SHARES = {"emoji": 0.66, "photo": 0.08, "rest": 0.26}  # of concepts, by what pictures they have


class Texts:
    """Every text of every concept that has a number (a proxy)."""

    def __init__(self, sampler: Sampler, words: Tokenizer):
        self.sampler, self.words = sampler, words
        self.number = dict(sampler.label)
        for concept, members in sampler.by_concept.items():
            if sampler.rows[members[0]].kind == "emoji":
                self.number.setdefault(concept, len(self.number))
        self.names: dict[str, dict[str, list[str]]] = {}
        self.others: dict[str, list[str]] = {}
        self.pools: dict[str, list[str]] = {kind: [] for kind in SHARES}
        self.known: dict[str, list[int]] = {}
        for concept in self.number:
            self.take(concept)
        self.pools = {kind: pool for kind, pool in self.pools.items() if pool}
        self.weights = {kind: np.cumsum([self.weight(kind, concept) for concept in pool]) for kind, pool in self.pools.items()}

    def weight(self, kind: str, concept: str) -> float:
        return self.sampler.concept_weight(kind, concept, self.sampler.by_concept[concept])

    def take(self, concept: str) -> None:
        """Gathers the texts of one concept."""
        names: dict[str, list[str]] = defaultdict(list)
        others: list[str] = []
        kinds = set()
        for index in self.sampler.by_concept.get(concept, []):
            row = self.sampler.rows[index]
            kinds.add(row.kind)
            for language, texts in row.texts.items():
                if texts[0] not in names[language]:
                    names[language].append(texts[0])
                others += [text for text in texts[1:] if text not in others]
            others += [gloss for gloss in row.glosses if gloss not in others]
        if not kinds:
            return
        self.names[concept], self.others[concept] = dict(names), others
        self.pools["emoji" if "emoji" in kinds else "photo" if "photo" in kinds else "rest"].append(concept)

    def ids(self, text: str) -> list[int]:
        """Token ids of a text, tokenised once."""
        known = self.known.get(text)
        if known is None:
            known = self.words.encode(text, add_special_tokens=False).ids[:TEXT_TOKENS_MAX]
            self.known[text] = known
        return known

    def concept(self, rng: random.Random) -> str:
        kind = rng.choices(list(self.pools), [SHARES[kind] for kind in self.pools])[0]
        pool, weights = self.pools[kind], self.weights[kind]
        return pool[min(int(np.searchsorted(weights, rng.random() * weights[-1], side="right")), len(pool) - 1)]

    def text(self, rng: random.Random, concept: str) -> str:
        """One text of a concept."""
        names, others = self.names[concept], self.others[concept]
        what = rng.choices(("en", "other", "keyword"), (ENGLISH, OTHER, KEYWORD))[0]
        if what == "other" and len(names) > 1:
            return rng.choice(names[rng.choice([language for language in LANGUAGES[1:] if language in names])])
        if what == "keyword" and others:
            return rng.choice(others)
        name = names["en"][0]
        return rng.choice(captions.TEMPLATES["any"]).format(name) if rng.random() < TEMPLATE else name

    def everything(self) -> list[tuple[str, int, float]]:
        """Every (text, concept number, weight), names weighing most."""
        found: dict[tuple[str, int], float] = {}
        for concept, names in self.names.items():
            for language, texts in names.items():
                for text in texts:
                    found[text, self.number[concept]] = 3.0 if language == "en" else 1.0
            for text in self.others[concept]:
                found.setdefault((text, self.number[concept]), 0.1)
        return [(text, number, weight) for (text, number), weight in found.items()]
