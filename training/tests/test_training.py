"""Quick checks of the training code that need no data: python -m pytest training/tests"""

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer

from training import scenes, tokenizer
from training.augment import Traits, augment
from training.batches import Sampler
from training.closed_form import RIDGE, ridge, told_apart
from training.contrast import Targets, matching, naming, spoken, unlike_teacher
from training.data import Row, Synset, held_out_pair, read_row
from training.edits import CHANGES, COLOUR, EditMaterial
from training.embedders import Program
from training.export import agreement, write_export
from training.golden import formula_picture
from training.inference import Exported
from training.meanings import Meanings, in_common
from training.model import Fusion, Shape
from training.progress import Stage, parameter_groups, rate_at
from training.sequences import Sequences
from training.step import Step
from training.texts import Texts
from training.tower import HALVES, NONE, TowerHeads, add_scenes
from training.views import Views, looked_at, shape_scenes, steps_of_rows

SMALL = Shape(stem=4, stages=((8, 1), (8, 1), (16, 2)), width=32, layers=2, heads=2, mlp=64, vocabulary=300, dimension=32, dimensions=(8, 16, 32))


@pytest.fixture(scope="module")
def words() -> Tokenizer:
    return tokenizer.train_tokenizer(["a red circle to the left of a blue square " * 3, "dog cat perro 犬", "one two three four five six"], 300)


def stirred() -> Fusion:
    """A small model whose layers all do something (they start as the identity)."""
    torch.manual_seed(0)
    model = Fusion(SMALL)
    for layer in model.layers:
        for linear in (layer.out, layer.down):
            torch.nn.init.normal_(linear.weight, std=0.2)
    return model


def row(name: str, kind: str, number: int, held_out: bool = False) -> Row:
    texts = {"en": [name, name + " thing"], "es": ["el " + name]}
    return Row(f"{name}/{number}", f"source{number}", kind, name, True, texts, [], held_out, False)


def sampler() -> Sampler:
    rows = [row(n, k, i) for n in ("dog", "cat", "red cup", "left arrow") for i, k in enumerate(("emoji", "glyph"))]
    rows.append(row("dog", "emoji", 9, held_out=True))
    rows.append(row("cat", "emoji", 10))
    rows[-1].development = True
    pixels = np.random.default_rng(0).integers(0, 256, (len(rows), 72, 72, 4), np.uint8)
    pixels[-2:] = 77
    return Sampler(rows, pixels)


def test_a_step_is_the_same_for_the_same_seed_and_never_holds_what_is_held_out():
    drawn = sampler()
    for seed in range(20):
        one, two = drawn.draw_labelled(seed, 8), drawn.draw_labelled(seed, 8)
        assert one.labels == two.labels and min(one.labels) >= 0
        assert all(np.array_equal(a, b) for a, b in zip(one.pictures, two.pictures))
        add_scenes(one, drawn, random.Random(seed), 12)
        assert not any((p == 77).all() for p in one.pictures)


def test_scenes_never_show_a_held_out_combination():
    held = {(c, s) for c in scenes.COLOURS for s in scenes.SHAPES if held_out_pair(c, s)}
    assert 3 <= len(held) <= 25
    rng = random.Random(3)
    assert not held & {scenes.allowed_shape(rng) for _ in range(2000)}


def test_labels_of_scenes_match_what_they_show():
    step, drawn = Step(), sampler()
    labels = add_scenes(step, drawn, random.Random(0), 40)
    assert len(step.pictures) == len(labels.whole) == len(labels.halves) == len(labels.parts) == 40
    heads = TowerHeads(len(drawn.label), 8, 5)
    assert torch.isfinite(heads.describing(torch.randn(40, 5, 8), labels))
    assert {NONE} < {part[1] for parts in labels.parts for part in parts}
    assert sorted(n for half in HALVES["left"] for n in half) == sorted(n for half in HALVES["above"] for n in half) == [0, 1, 2, 3]


def test_the_pool_of_scenes_says_what_each_shows_and_pairs_lie_beside_their_opposites():
    rng = random.Random(0)
    pairs = [what for what, _ in itertools.islice(shape_scenes(rng), 400)]
    for one, two in list(zip(pairs[::2], pairs[1::2])):
        assert one[1] == two[1] and one[2:] != two[2:]
        assert sorted(part for thing in one[2:] for part in thing) == sorted(part for thing in two[2:] for part in thing)


def test_names_with_colours_or_sides_are_neither_recoloured_nor_mirrored():
    drawn, step = sampler(), Step()
    for index in range(8):
        drawn.add_row(step, index)
    recolour, mirror = [t[3] for t in step.traits], [t[4] for t in step.traits]
    assert recolour == [True] * 4 + [False] * 2 + [True] * 2
    assert mirror == [True] * 6 + [False] * 2


def test_a_name_with_a_colon_is_no_gloss():
    raw = {
        "id": "a", "source": "s", "kind": "emoji", "concept": "emoji:1f468-1f3fb", "alpha": True,
        "texts": ["old person with cane: light skin tone", "cane: a stick that people lean on when walking", "\u202bعصا"],
        "langs": ["en", "en", "ar"],
    }
    read = read_row(raw)
    assert read.texts == {"en": ["old person with cane: light skin tone"], "ar": ["عصا"]}
    assert read.glosses == ["a stick that people lean on when walking"] and read.skin_tone


def test_the_loss_is_smaller_when_what_belongs_together_is_near():
    queries, same = torch.eye(4), torch.eye(4, dtype=torch.bool)
    good, bad = (matching(queries, c, same, torch.tensor(10.0), (4,)) for c in (torch.eye(4), torch.eye(4).flip(0)))
    assert good < 0.01 < 5 < bad
    twins = torch.eye(2)[[0, 0, 1]]
    both = twins @ twins.T > 0
    assert matching(twins, twins, both, torch.tensor(10.0), (2,)) < 0.01  # two of one meaning never compete


def test_codes_of_pictures_and_classes_give_the_classifiers_logits():
    torch.manual_seed(0)
    classifier, tokens = torch.nn.Linear(6, 40), torch.randn(800, 6) * torch.tensor([9, 1, 1, 0.3, 1, 1])
    logits = (tokens - tokens.mean(0)) @ (classifier.weight - classifier.weight.mean(0)).T
    with torch.no_grad():
        whole, part = (told_apart(tokens, classifier, size) for size in (6, 1))
        assert torch.allclose(whole[0] @ whole[1].T, logits, atol=1e-3)
        assert float((part[0] @ part[1].T - logits).norm() / logits.norm()) < 0.5 and part[1].shape == (40, 1)


def test_ridge_solves_the_normal_equations():
    generator = torch.Generator().manual_seed(0)
    dense = torch.rand(30, 8, generator=generator) * (torch.rand(30, 8, generator=generator) < 0.5)
    weights, targets = torch.rand(30, generator=generator), torch.randn(30, 3, generator=generator)
    expected = torch.linalg.solve(dense.T @ (weights[:, None] * dense) + RIDGE * torch.eye(8), dense.T @ (weights[:, None] * targets))
    assert torch.allclose(ridge(dense.to_sparse(), weights, targets), expected, atol=1e-4)


def test_every_text_belongs_to_its_concept(words):
    texts = Texts(sampler(), words)
    rng = random.Random(0)
    drawn = {texts.text(rng, "dog") for _ in range(200)}
    assert {"dog", "el dog", "dog thing"} <= drawn and all("dog" in text for text in drawn)
    everything = {(text, number): weight for text, number, weight in texts.everything()}
    assert everything["dog", texts.number["dog"]] > everything["el dog", texts.number["dog"]] > everything["dog thing", texts.number["dog"]]
    assert {texts.concept(rng) for _ in range(50)} <= set(texts.number)


def test_texts_stand_for_their_concepts_and_are_pulled_onto_them():
    concepts, texts = torch.eye(4), torch.tensor([[0.0, 0.0, 0.6, 0.8], [0.6, 0.8, 0.0, 0.0], [0.8, 0.6, 0.0, 0.0]])
    replaced = spoken(concepts, texts, torch.tensor([2, 1, 1]))
    assert torch.equal(replaced, torch.stack([concepts[0], texts[2], texts[0], concepts[3]]))
    targets, pictures = Targets(concepts, 2), (concepts[:2], torch.tensor([0, 1]))
    near, far = (naming(pictures, (said, torch.tensor([0, 1])), targets, (4, 2)) for said in (concepts[:2], texts[:2].flip(1)))
    assert near < far
    said = texts[1:2].clone().requires_grad_()
    naming(pictures, (said, torch.tensor([0])), targets, (4,)).backward()
    assert said.grad[0, 0] < 0 < said.grad[0, 1]  # towards its concept


def test_what_words_and_glosses_have_in_common_is_kept_and_drawn(tmp_path: Path):
    torch.manual_seed(0)
    shared = torch.randn(400, 3)
    words, glosses = torch.cat([shared, torch.randn(400, 5)], 1), torch.cat([torch.randn(400, 5), shared], 1)
    one, two = in_common(words, glosses, 3)
    assert (one * two).sum(1).min() > 0.9 and (one @ two.T).argmax(1).eq(torch.arange(400)).all()
    synsets = [Synset([f"word {n}", f"name {n}"], f"gloss {n}", [], n == 0) for n in range(400)]
    for name, texts, vectors in (
        ("words", [s.words[0] for s in synsets[1:]], words[1:]), ("glosses", [s.gloss for s in synsets[1:]], glosses[1:])
    ):
        torch.save({"texts": texts, "vectors": vectors}, tmp_path / f"{name}.pt")
    meanings = Meanings(synsets, tmp_path)
    texts, known = meanings.draw(random.Random(1), 20)
    assert len(texts) == len(known) == 40 and "gloss 0" not in meanings.explained
    number = int(texts[1].split()[1])
    assert texts[0] in synsets[number].words and torch.equal(known[0], meanings.known[number - 1, 0])


def test_a_vector_says_what_the_teacher_says():
    targets = Targets(torch.eye(4), 2)
    with torch.no_grad():
        targets.taught.weight.copy_(torch.eye(4)[:2])
    vectors, known = torch.tensor([[3.0, 4.0, 9.0, 0.0]]), torch.tensor([[0.6, 0.8]])
    assert float(unlike_teacher(vectors, known, targets)) == pytest.approx(0, abs=1e-6)
    assert float(unlike_teacher(vectors, known * torch.tensor([1.0, -1.0]), targets)) > 0.5


def test_edits_lead_from_one_picture_of_the_step_to_another():
    shown = [("counted", c, s, n) for c in scenes.COLOURS for s in scenes.SHAPES for n in range(1, 6) if not held_out_pair(c, s)]
    shown += [("glyph", 1, colour) for colour in scenes.COLOURS]
    material = EditMaterial(Views(features(1), torch.zeros(1), features(1), shown), sampler())
    rng = random.Random(3)
    for _ in range(20):
        step = material.draw(rng)
        assert sum(bool(one.edit) for one in step) > len(step) / 2
        for one in step:
            assert shown[one.scene][1:] == one.what
            if not one.edit:
                continue
            start, words = step[one.edit[0]].what, one.edit[1]
            if len(start) == 3:
                changed = [trait for trait in CHANGES if start[trait] != one.what[trait]]
                assert len(changed) == 1
                if changed == [COLOUR]:
                    assert one.what[COLOUR] in words
            else:
                assert start[0] == one.what[0] and start[1] != one.what[1]


def features(count: int) -> torch.Tensor:
    return torch.rand(count, 5, 16, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_padding_and_order_of_packing_do_not_change_a_vector(words):
    model, seen = stirred().eval(), features(2)
    ids = {text: words.encode(text).ids for text in ("a dog", "a red circle to the left of a blue square", "cat", "a red circle " * 30)}
    inputs = [["a dog"], [0, "a red circle to the left of a blue square", 1], [1], [0, 1], ["cat", 0], ["a red circle " * 30]]

    def encode(some: list[list]) -> torch.Tensor:
        sequences = Sequences()
        for parts in some:
            sequences.add([ids[p] if isinstance(p, str) else sequences.picture(seen[p]) for p in parts])
        return sequences.encode(model)

    together = encode(inputs)
    for parts, vector in zip(inputs, together):
        assert torch.allclose(encode([parts])[0], vector, atol=1e-5)
    swapped = encode([[0, "cat", 1], [1, "cat", 0]])
    assert not torch.allclose(swapped[0], swapped[1], atol=1e-4)


def test_views_are_what_the_model_makes_of_pictures():
    model, drawn = stirred(), sampler()
    said = looked_at(model, steps_of_rows(drawn, [0, 1, 2]), 0)
    assert said.shape == (3, 5, 16)
    images = torch.rand(2, 3, 64, 64)
    assert torch.allclose(model.visual.from_pooled(model.visual.pooled(model.vision(images))), model.image_tokens(images))


def test_a_stage_stops_at_its_budget_and_resumes_from_its_checkpoint(tmp_path: Path):
    def stage() -> tuple[Stage, Targets]:
        torch.manual_seed(0)
        targets = Targets(torch.randn(3, 4), 2)
        return Stage(tmp_path / "stage.pt", {"targets": targets}, parameter_groups([(targets, 0.1)]), 1), targets

    first, learnt = stage()
    first.go(0.05, 60, lambda seed, progress: iter([("loss", learnt.concepts.square().sum(), 1.0)]))
    assert first.counts["steps"] > 0 and first.counts["processor_s"] >= 0.05
    second, again = stage()
    assert second.resume() and torch.equal(again.concepts, learnt.concepts) and second.counts == first.counts
    second.go(0.05, 60, lambda seed, progress: pytest.fail("the budget is used up"))


def test_inputs_of_the_program_keep_their_order_and_pictures(tmp_path: Path):
    one, two = Image.new("RGB", (3, 3), (255, 0, 0)), Image.new("P", (3, 3))
    lines = Program.lines([["a dog"], [one], [one, " left of ", two]], tmp_path)
    assert lines[0] == {"id": 0, "text": "a dog"} and lines[1] == {"id": 1, "image": "0.png"}
    assert lines[2]["multi_input"] == {
        "input_text": "<@p0> left of <@p2>",
        "media_sources": [{"name": "p0", "path": "0.png"}, {"name": "p2", "path": "1.png"}],
    }
    assert Image.open(tmp_path / "0.png").getpixel((1, 1)) == (255, 0, 0)


def test_the_export_runs_like_the_training_module(tmp_path, words):
    model = stirred()
    for _ in range(20):
        model.image_tokens(torch.rand(8, 3, 64, 64) * 2 - 1)
    write_export(model, words.to_str(), tmp_path)
    exported = Exported(tmp_path)
    assert agreement(model, exported) > 0.9995
    assert exported.weights["vision.stem.weight"].shape == (4, 3, 3, 3)
    exported.weights["layers.1.qkv.weight"] *= 1.5
    assert agreement(model, exported) < 0.9995


@pytest.mark.parametrize("side", [32, 48, 64])
def test_augmented_pictures_are_in_range_and_seeded(side):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 72, 72, 4), np.uint8)
    flags = np.array([True, False] * 3)
    traits = Traits(flags, ~flags, np.zeros(6, bool), flags, flags)
    one, two = (augment(pixels, traits, side, torch.Generator().manual_seed(4)) for _ in range(2))
    assert one.shape == (6, 3, side, side) and torch.equal(one, two)
    assert one.min() >= -1 and one.max() <= 1 and one.std() > 0.1


def test_scenes_put_things_where_the_relation_says():
    rng = random.Random(1)
    for relation, axis in (("left", 1), ("above", 0)):
        for _ in range(20):
            picture = scenes.draw_shape_pair(rng, ("red", "circle"), ("blue", "circle"), relation)[..., :3].astype(int)
            red = np.argwhere((picture[..., 0] - picture[..., 2]) > 100).mean(0)
            blue = np.argwhere((picture[..., 2] - picture[..., 0]) > 100).mean(0)
            assert red[axis] + 15 < blue[axis]
    assert scenes.fill("{b} right of {a}", "A", "B") == ["B", " right of ", "A"]


def test_schedules_and_formula():
    assert rate_at(0.0) < rate_at(0.1) > rate_at(0.999) > 0
    assert formula_picture(7, 13, 90)[10, 20].tolist() == [(7 * 20 + 13 * 10 + 31 * c * 4 + 90) % 256 for c in range(3)]
