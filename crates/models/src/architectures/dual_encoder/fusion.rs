//! Vectors of texts and images to one unit vector.

use crate::Fusion;

/// What the towers gave for a sequence.
#[derive(Clone, Default)]
pub(super) struct Parts<'a> {
    /// One vector per chunk of text.
    pub(super) texts: Vec<&'a [f32]>,
    /// One vector per image.
    pub(super) images: Vec<&'a [f32]>,
}

/// The sequence's vector; of unit length, unless its parts cancel out.
pub(super) fn fuse(rule: Fusion, parts: &Parts<'_>) -> Vec<f32> {
    let side = |vectors: &[&[f32]]| {
        let vectors = vectors.iter().map(|vector| widened(vector));
        // Where the towers were trained for the sum, lengths have a meaning.
        if rule == Fusion::LateSum { mean(vectors) } else { mean(vectors.map(unit)).map(unit) }
    };
    let fused = match (side(&parts.texts), side(&parts.images)) {
        (Some(text), Some(images)) => {
            let weight = match rule {
                Fusion::Late { text_weight } => f64::from(text_weight),
                Fusion::LateSum | Fusion::Early => 0.5,
            };
            let pairs = text.iter().zip(&images);
            pairs.map(|(text, image)| weight * text + (1.0 - weight) * image).collect()
        }
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => Vec::new(),
    };
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    unit(fused).into_iter().map(|x| x as f32).collect()
}

fn widened(vector: &[f32]) -> Vec<f64> {
    vector.iter().map(|&x| f64::from(x)).collect()
}

/// Zeros stay zeros; the check of the result finds them.
fn unit(mut vector: Vec<f64>) -> Vec<f64> {
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    vector
}

#[expect(clippy::cast_precision_loss, reason = "vectors are a few dozen")]
fn mean(vectors: impl Iterator<Item = Vec<f64>>) -> Option<Vec<f64>> {
    let mut count = 0_usize;
    let sum = vectors.inspect(|_| count += 1).reduce(|mut sum, vector| {
        sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += x);
        sum
    });
    sum.map(|sum| sum.into_iter().map(|x| x / count as f64).collect())
}

#[cfg(test)]
mod tests {
    use std::f32::consts::FRAC_1_SQRT_2;

    use super::{Parts, fuse};
    use crate::Fusion;

    #[test]
    fn sides_weigh_as_the_rule_says() {
        let (east, north, west): ([f32; 2], [f32; 2], [f32; 2]) =
            ([3.0, 0.0], [0.0, 1.0], [-5.0, 0.0]);
        let half = Fusion::Late { text_weight: 0.5 };
        let heavy = Fusion::Late { text_weight: 0.8 };
        type Row<'a> = (&'a str, Fusion, &'a [&'a [f32]], [f32; 2]);
        let rows: [Row<'_>; 6] = [
            ("text alone", half, &[], [1.0, 0.0]),
            ("unit sum", half, &[&north], [FRAC_1_SQRT_2; 2]),
            ("raw sum", Fusion::LateSum, &[&north], [0.948_683, 0.316_228]),
            ("weighted", heavy, &[&north], [0.970_143, 0.242_536]),
            ("images weigh together as one", half, &[&north, &north, &north], [FRAC_1_SQRT_2; 2]),
            ("parts that cancel out", half, &[&west], [0.0, 0.0]),
        ];
        let mut wrong = Vec::new();
        for (name, rule, images, expected) in rows {
            let fused = fuse(rule, &Parts { texts: vec![&east], images: images.to_vec() });
            if fused.iter().zip(expected).any(|(a, b)| (a - b).abs() > 1e-5) {
                wrong.push(format!("{name}: {fused:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
