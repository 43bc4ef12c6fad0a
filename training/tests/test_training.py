"""Quick checks of the training code that need no data: python -m pytest training/tests"""

import random

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from training import scenes, tokenizer
from training.augment import Traits, augment
from training.batches import Recipe, Sampler
from training.data import Row, Synset, held_out_pair, read_row
from training.export import agreement, write_export
from training.golden import formula_picture
from training.inference import Exported
from training.join import RIDGE, discriminant, join, ridge, settle
from training.model import Fusion, Shape
from training.objective import Memory, Objective, grouped_contrast, negatives, pair_weights
from training.step import IMAGE, MIXED, TEXT, Step, pack
from training.train import encode_members, rate_at, side_at

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
    pixels = np.random.default_rng(0).integers(0, 256, (len(rows), 72, 72, 4), np.uint8)
    pixels[-1] = 77
    synsets = [Synset([f"word{i}"], f"gloss number {i}", ["thing"], i % 2 == 0) for i in range(20)]
    return Sampler(rows, pixels, synsets, Recipe(4, 2, 3, 2, 2, 6, 1, 2, 1))


def test_a_step_is_the_same_for_the_same_seed_and_never_holds_what_is_held_out():
    drawn = sampler()
    for seed in range(20):
        one, two = drawn.draw(seed), drawn.draw(seed)
        assert one.members == two.members and one.groups == two.groups
        assert all(np.array_equal(a, b) for a, b in zip(one.pictures, two.pictures))
        assert not any((p == 77).all() for p in one.pictures)
        texts = " ".join(p for parts in one.members for p in parts if isinstance(p, str))
        assert not any(f"gloss number {i}" in texts.split(".") for i in range(0, 20, 2))


def test_generated_captions_never_name_a_held_out_combination():
    drawn = sampler()
    held = {f"{c} {s}" for c in scenes.COLOURS for s in scenes.SHAPES if held_out_pair(c, s)}
    assert 3 <= len(held) <= 25
    for seed in range(60):
        for parts in drawn.draw(seed).members:
            for text in (p for p in parts if isinstance(p, str)):
                assert not any(combination in text for combination in held), text


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


def test_positives_are_the_group_and_equal_texts_are_no_negatives():
    groups, texts = torch.tensor([1, 1, 2, 3]), torch.tensor([-1, 50, 50, -2])
    wanted = pair_weights(groups, torch.tensor([IMAGE, TEXT, TEXT, MIXED]), torch.ones(4))
    assert wanted[0, 1] == 1 and wanted[0, 0] == 0 and wanted[2].sum() == 0
    negative = negatives(groups, texts, groups, texts)
    assert not negative[1, 2] and not negative[0, 1] and negative[0, 2] and not negative.diagonal().any()


def test_the_loss_is_smaller_when_groups_are_together():
    groups, texts = torch.tensor([1, 1, 2, 2]), -torch.arange(1, 5)
    wanted = pair_weights(groups, torch.tensor([IMAGE, TEXT, IMAGE, TEXT]), torch.ones(4))
    negative = negatives(groups, texts, groups, texts)
    good = torch.eye(2).repeat_interleave(2, 0)
    bad = torch.eye(2).repeat(2, 1)
    losses = [grouped_contrast(10 * v @ v.T, wanted, negative, None, None) for v in (good, bad)]
    assert losses[0] < 0.01 < 5 < losses[1]


def test_remembered_vectors_of_the_same_meaning_are_no_negatives():
    objective = Objective((4,), 1, 4, 8)
    vectors = torch.eye(4)[[0, 0]]
    marks = torch.tensor([1, 1]), torch.tensor([-1, 9]), torch.tensor([IMAGE, TEXT]), torch.ones(2)
    objective.contrast(vectors, marks, True)
    again = objective.contrast(vectors, marks, True)
    assert torch.isfinite(again) and again < 1e-3
    memory = Memory(3)
    for _ in range(3):
        memory.extend(vectors, marks[0], marks[1])
    assert len(memory.vectors) == 3


def test_vectors_in_one_cone_are_off_centre():
    objective = Objective((4,), 1, 4, 8)
    modalities = torch.tensor([IMAGE, IMAGE, TEXT, TEXT])
    spread = torch.tensor([[1.0, 0, 0, 0], [-1, 0, 0, 0], [0, 1, 0, 0], [0, -1, 0, 0]])
    assert objective.off_centre(spread, modalities) < 1e-9 < 1 < objective.off_centre(spread + 9, modalities)


def test_the_discriminant_prefers_what_tells_concepts_apart():
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(40, 6, generator=generator) * torch.tensor([1, 1, 1, 3.0, 1, 0])
    within = torch.randn(800, 6, generator=generator) * torch.tensor([10, 1, 1, 0.3, 1, 1])
    along = torch.eye(6)[5]
    rows = discriminant(means, within, along)
    assert rows[0].abs().argmax() == 3 and rows.shape == (6, 6) and (rows @ along).abs().max() < 1e-5


def test_ridge_solves_the_normal_equations():
    generator = torch.Generator().manual_seed(0)
    dense = torch.rand(30, 8, generator=generator) * (torch.rand(30, 8, generator=generator) < 0.5)
    weights, targets = torch.rand(30, generator=generator), torch.randn(30, 3, generator=generator)
    expected = torch.linalg.solve(dense.T @ (weights[:, None] * dense) + RIDGE * torch.eye(8), dense.T @ (weights[:, None] * targets))
    assert torch.allclose(ridge(dense.to_sparse(), weights, targets), expected, atol=1e-4)


def test_joining_keeps_the_tower_and_puts_pictures_and_names_near_their_proxies(words):
    drawn = sampler()
    shape = Shape(width=32, stem=8, stages=((16, 1), (16, 1), (32, 1)), layers=1, heads=2, vocabulary=300, dimension=64, dimensions=(16, 64))
    model, objective = Fusion(shape), Objective((16, 64), len(drawn.label), 32, 8)
    before = model.vision.stem.conv.weight.clone()
    join(model, objective, drawn, words, 32)
    assert torch.equal(before, model.vision.stem.conv.weight)
    assert torch.allclose(objective.proxies.norm(dim=1), torch.ones(len(drawn.label)), atol=1e-4)
    step = Step()
    for concept in drawn.label:
        step.add([concept], 1)
    vectors = encode_members(model.eval(), torch.zeros(0, 5, 32), *pack(step, words), len(drawn.label))
    near = torch.nn.functional.normalize(vectors, dim=1) @ objective.proxies.T
    assert near.argmax(1).tolist() == list(drawn.label.values())
    settle(model, drawn, words, 32)
    vectors = torch.nn.functional.normalize(encode_members(model.eval(), torch.zeros(0, 5, 32), *pack(step, words), 4), dim=1)
    assert (vectors @ vectors.T).fill_diagonal_(0).max() < 0.9 and before.equal(model.vision.stem.conv.weight)


def test_padding_and_order_of_packing_do_not_change_a_vector(words):
    model = stirred().eval()
    tokens = model.image_tokens(torch.rand(2, 3, 64, 64))
    step = Step([np.zeros(0)] * 2)
    for parts in (["a dog"], [0, "a red circle to the left of a blue square", 1], [1], [0, 1], ["cat", 0], ["a red circle " * 30]):
        step.add(parts, 1)
    flat, packed = pack(step, words)
    together = encode_members(model, tokens, flat, packed, len(step.members))
    for number, parts in enumerate(step.members):
        alone = Step([np.zeros(0)] * 2)
        alone.add(parts, 1)
        single = encode_members(model, tokens, *pack(alone, words), 1)
        assert torch.allclose(single[0], together[number], atol=1e-5)
    assert step.modalities().tolist() == [TEXT, MIXED, IMAGE, IMAGE, MIXED, TEXT]


def test_swapping_two_pictures_changes_the_vector(words):
    model = stirred().eval()
    tokens = model.image_tokens(torch.rand(2, 3, 64, 64) * torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
    step = Step([np.zeros(0)] * 2)
    step.add([0, "left of", 1], 1)
    step.add([1, "left of", 0], 2)
    vectors = encode_members(model, tokens, *pack(step, words), 2)
    assert not torch.allclose(vectors[0], vectors[1], atol=1e-4)


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
    assert side_at(0) == 32 and side_at(0.99) == side_at(1.0) == 64
    assert rate_at(0.0) < rate_at(0.1) > rate_at(0.999) > 0
    assert formula_picture(7, 13, 90)[10, 20].tolist() == [(7 * 20 + 13 * 10 + 31 * c * 4 + 90) % 256 for c in range(3)]
