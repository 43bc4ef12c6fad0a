//! What the embedded model takes, refuses and guarantees.

use onespace_media::PreparedImage;
use onespace_models::{
    EmbeddingModel, InputPart, ModelError, Part, Sequence, TokenizedPart, embedded, shorten,
};

const SIDE: u32 = 64;

/// Least difference in some value between two orders of the same parts: a hundred times what rounding
/// can do (see the parity test). That order reaches the vector is the program's part; how much it
/// counts is the model's, and stands in its card.
const ORDER_DIFFERENCE_MIN: f32 = 1e-4;

fn ids(model: &dyn EmbeddingModel, words: &str) -> Vec<u32> {
    let input = model.tokenize(&[InputPart::Text(words)]).expect("any text can be tokenised");
    match input.parts.into_iter().next() {
        Some(TokenizedPart::Text(ids)) => ids,
        _ => Vec::new(),
    }
}

fn text(model: &dyn EmbeddingModel, words: &str) -> Part {
    Part::Text(ids(model, words))
}

fn image(seed: u32) -> Part {
    sized_image(SIDE, SIDE, seed)
}

fn sized_image(width: u32, height: u32, seed: u32) -> Part {
    let bytes = (0..width * height * 3).map(|at| {
        let mixed = (at / 3 / 7 + seed).wrapping_mul(2_654_435_761) >> 13;
        u8::try_from(mixed % 256).expect("below 256")
    });
    Part::Image(PreparedImage { width, height, rgb: bytes.collect() })
}

fn plain_image(colour: [u8; 3]) -> Part {
    let rgb = colour.repeat((SIDE * SIDE) as usize).into();
    Part::Image(PreparedImage { width: SIDE, height: SIDE, rgb })
}

fn sequence(parts: impl Into<Vec<Part>>) -> Sequence {
    Sequence { parts: parts.into() }
}

/// Texts, images and mixtures of all lengths, more than one pass holds.
fn mixed_batch(model: &dyn EmbeddingModel) -> Vec<Sequence> {
    let mut batch = Vec::new();
    for index in 0..13_u32 {
        let words = "a red house by the sea ".repeat(1 + 7 * index as usize);
        batch.push(sequence([text(model, &words)]));
        batch.push(sequence([image(index)]));
        batch.push(sequence([image(index), text(model, "next to"), image(index + 1)]));
    }
    batch
}

fn bits(vector: &[f32]) -> Vec<u32> {
    vector.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn alone_or_in_a_batch_on_any_threads_the_bits_are_the_same() {
    let model = embedded::load().unwrap();
    let batch = mixed_batch(&*model);
    let alone: Vec<Vec<u32>> = batch
        .iter()
        .map(|sequence| bits(&model.embed(std::slice::from_ref(sequence)).unwrap()[0]))
        .collect();
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let vectors = pool.install(|| model.embed(&batch)).unwrap();
        assert_eq!(vectors.len(), batch.len());
        let differing: Vec<usize> =
            (0..batch.len()).filter(|&at| bits(&vectors[at]) != alone[at]).collect();
        assert!(differing.is_empty(), "{threads} threads: sequences {differing:?} differ");
    }
}

#[test]
fn concurrent_calls_do_not_disturb_each_other() {
    let model = embedded::load().unwrap();
    let batch = mixed_batch(&*model)[..9].to_vec();
    let expected = model.embed(&batch).unwrap();
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| model.embed(&batch).unwrap())).collect();
        for call in calls {
            assert_eq!(call.join().unwrap(), expected);
        }
    });
}

#[test]
fn order_and_neighbours_matter() {
    let model = embedded::load().unwrap();
    let (first, second) = (plain_image([220, 30, 30]), plain_image([20, 60, 230]));
    let between = text(&*model, "to the left of");
    let vectors = model
        .embed(&[
            sequence([first.clone(), between.clone(), second.clone()]),
            sequence([second.clone(), between.clone(), first.clone()]),
            sequence([first, second, between]),
        ])
        .unwrap();
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let differences = vectors[a].iter().zip(&vectors[b]).map(|(x, y)| (x - y).abs());
        let most = differences.fold(0.0, f32::max);
        assert!(most > ORDER_DIFFERENCE_MIN, "sequences {a} and {b} differ by {most} at most");
    }
}

#[test]
fn parts_of_text_are_read_as_one() {
    let model = embedded::load().unwrap();
    let (start, end) = (ids(&*model, "a red"), ids(&*model, " circle"));
    let together = Part::Text([start.clone(), end.clone()].concat());
    let apart = [Part::Text(start), Part::Text(Vec::new()), Part::Text(end)];
    let vectors = model.embed(&[sequence([together]), sequence(apart)]).unwrap();
    assert_eq!(vectors[0], vectors[1]);
}

#[test]
fn vectors_have_unit_length_at_every_dimension() {
    let model = embedded::load().unwrap();
    let description = model.description();
    let vector = &model.embed(&[sequence([text(&*model, "hello")])]).unwrap()[0];
    assert_eq!(vector.len(), description.dimension);
    for &dimension in &description.dimensions {
        let short = shorten(vector, dimension);
        let norm = short.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert_eq!(short.len(), dimension);
        assert!((norm - 1.0).abs() < 1e-6, "{dimension} numbers have length {norm}");
    }
}

#[test]
fn the_longest_sequence_and_an_empty_batch_are_taken() {
    let model = embedded::load().unwrap();
    let description = model.description();
    let mut parts = vec![Part::Text(vec![7; description.text_tokens_max])];
    parts.extend((0..description.images_max).map(|_| image(3)));
    assert_eq!(model.embed(&[sequence(parts)]).unwrap().len(), 1);
    assert!(model.embed(&[]).unwrap().is_empty());
}

type Expected = fn(&ModelError) -> bool;

#[test]
fn bad_sequences_are_refused_with_their_place() {
    let model = embedded::load().unwrap();
    let description = model.description();
    let too_long = Part::Text(vec![7; description.text_tokens_max / 2 + 1]);
    let short_pixels =
        Part::Image(PreparedImage { width: SIDE, height: SIDE, rgb: vec![0; 3 * 64 * 63].into() });
    let rows: Vec<(&str, Vec<Part>, Expected)> = vec![
        ("no part", vec![], |e| matches!(e, ModelError::EmptySequence { index: 1 })),
        ("no token", vec![Part::Text(vec![])], |e| {
            matches!(e, ModelError::EmptySequence { index: 1 })
        }),
        ("two halves too long", vec![too_long.clone(), too_long], |e| {
            matches!(e, ModelError::TextTooLong { index: 1, tokens: 2002, tokens_max: 2000 })
        }),
        ("too many images", vec![image(1); description.images_max + 1], |e| {
            matches!(e, ModelError::TooManyImages { index: 1, images: 11, images_max: 10 })
        }),
        ("small image", vec![sized_image(32, 32, 1)], |e| {
            matches!(e, ModelError::ImageSize { index: 1, width: 32, height: 32, .. })
        }),
        ("turned image", vec![sized_image(32, 128, 1)], |e| {
            matches!(e, ModelError::ImageSize { index: 1, .. })
        }),
        ("missing pixels", vec![short_pixels], |e| {
            matches!(e, ModelError::ImageSize { index: 1, bytes: 12096, .. })
        }),
        ("unknown token", vec![Part::Text(vec![5, 16384])], |e| {
            matches!(e, ModelError::UnknownToken { index: 1, id: 16384, vocabulary: 16384 })
        }),
    ];
    let good = sequence([text(&*model, "good")]);
    let mut wrong = Vec::new();
    for (name, parts, expected) in rows {
        match model.embed(&[good.clone(), sequence(parts)]) {
            Err(error) if expected(&error) => {}
            other => wrong.push(format!("{name}: {:?}", other.map(|_| "embedded"))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(model.embed(&[good]).unwrap().len(), 1, "the next call works");
}

#[test]
fn any_text_is_ordinary_text() {
    let model = embedded::load().unwrap();
    let vocabulary = 16_384;
    let long = "word ".repeat(20_000);
    let texts = [
        "",
        "\0",
        "<s></s><pad><unk><|endoftext|>[CLS][SEP][MASK]",
        "\u{202e}right to left\u{200d}\u{feff}",
        "\u{10ffff}\u{e000}",
        "e\u{301}\u{301}\u{301}\u{301}",
        &long,
    ];
    for text in texts {
        let ids = ids(&*model, text);
        assert!(ids.iter().all(|&id| id < vocabulary), "{text:.20}");
        assert!(ids.len() <= 2 * text.len(), "{text:.20}: {} tokens", ids.len());
    }
    // A special token would be a single id.
    assert!(ids(&*model, "<|endoftext|>").len() > 3);
}

#[test]
fn cost_grows_with_the_work() {
    let model = embedded::load().unwrap();
    let cost = |parts: Vec<Part>| model.cost(&sequence(parts));
    let word = || Part::Text(vec![7]);
    let costs = [
        cost(vec![word()]),
        cost(vec![Part::Text(vec![7; 10])]),
        cost(vec![Part::Text(vec![7; 20])]),
        cost(vec![image(1)]),
        cost(vec![image(1), word()]),
        cost(vec![image(1), image(1)]),
    ];
    assert!(costs.is_sorted_by(|a, b| a < b), "{costs:?}");
    // By hand, in thousands: ten places through two layers of 12 x 256 x 256 weights, and more
    // than nine tenths of it is that.
    let linear = 2 * 11 * 12 * 256 * 256 / 1000;
    assert!((linear..linear * 11 / 10).contains(&costs[1]), "{} and {linear}", costs[1]);
}
