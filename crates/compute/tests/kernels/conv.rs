//! The 3x3 convolution.

use onespace_compute::{
    Activation, Conv3x3, Cpu, Finish, Isa, MapShape, Maps, Workspace, reference,
};

use crate::table::{check_rows, close, isas, same_bits, values};

/// Error allowed per summed product of numbers below 1 (see the matrix multiply), and beside.
const ERROR_PER_TERM: f64 = 6e-8;
const ERROR_OF_FINISH: f64 = 1e-6;

#[derive(Debug, Clone, Copy)]
struct Row {
    images: usize,
    height: usize,
    width: usize,
    channels: usize,
    outputs: usize,
    stride: usize,
}

impl Row {
    fn shape(self) -> MapShape {
        let Self { images, height, width, channels, .. } = self;
        MapShape { images, height, width, channels }
    }

    fn weights(self) -> Vec<f32> {
        values(2, self.outputs * 9 * self.channels)
    }

    fn conv(self, isa: Isa) -> Conv3x3 {
        Conv3x3::new(isa, &self.weights(), values(3, self.outputs), self.stride)
    }

    fn run(self, cpu: Cpu, finish: Finish<'_>) -> Vec<f32> {
        let input = values(1, self.shape().length());
        let conv = self.conv(cpu.isa());
        let mut out = values(4, conv.output_shape(self.shape()).length());
        let maps = Maps { shape: self.shape(), values: &input };
        conv.apply(maps, finish, &mut out, &mut Workspace::new(cpu));
        out
    }
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (images, outputs) in [(1, 1), (2, 17), (3, 7)] {
        for (height, width) in [(1, 1), (1, 3), (2, 2), (3, 2), (5, 7), (8, 8), (17, 9)] {
            for channels in [1, 3, 17] {
                for stride in [1, 2] {
                    rows.push(Row { images, height, width, channels, outputs, stride });
                }
            }
        }
    }
    // More positions than are unfolded at a time, and windows larger than the block.
    rows.push(Row { images: 5, height: 16, width: 16, channels: 64, outputs: 5, stride: 1 });
    rows.push(Row { images: 9, height: 4, width: 4, channels: 260, outputs: 3, stride: 1 });
    rows
}

#[test]
fn convolution_is_the_reference() {
    let finishes = [
        Finish::default(),
        Finish::default().activation(Activation::Relu),
        Finish::default().accumulate().activation(Activation::Relu),
    ];
    for isa in isas() {
        check_rows(rows(), |row| {
            let input = values(1, row.shape().length());
            let (weights, bias) = (row.weights(), values(3, row.outputs));
            let sums = reference::conv3x3(row.shape(), &input, &weights, &bias, row.stride);
            let before = values(4, sums.len());
            for finish in finishes {
                let expected: Vec<f64> = (sums.iter().zip(&before))
                    .map(|(sum, &x)| sum + if finish.accumulate { f64::from(x) } else { 0.0 })
                    .map(|sum| reference::activate(finish.activation, sum))
                    .collect();
                let tolerance = ERROR_OF_FINISH + ERROR_PER_TERM * (9 * row.channels) as f64;
                close(&row.run(Cpu::new(isa, 1), finish), &expected, tolerance)?;
            }
            Ok(())
        });
    }
}

#[test]
fn an_image_has_the_same_bits_alone_and_in_a_batch_on_any_threads() {
    let row = Row { images: 7, height: 8, width: 8, channels: 64, outputs: 65, stride: 1 };
    for isa in isas() {
        let batch = row.run(Cpu::new(isa, 1), Finish::default());
        // The first image's pixels are the first values of the batch's.
        let one = Row { images: 1, ..row }.run(Cpu::new(isa, 1), Finish::default());
        same_bits(&batch[..one.len()], &one).unwrap();
        same_bits(&row.run(Cpu::new(isa, 3), Finish::default()), &batch).unwrap();
    }
}

#[test]
fn multiply_adds_are_counted() {
    let row = Row { images: 2, height: 5, width: 4, channels: 3, outputs: 7, stride: 2 };
    assert_eq!(row.conv(isas()[0]).multiply_adds(row.shape()), 2 * (3 * 2) * (9 * 3) * 7);
}
