//! Multi-head attention over sequences of different lengths, packed end to end.
//!
//! For each sequence and head the keys and values are packed into panels and both products run
//! through the matrix multiply. Only one block of score rows exists at a time, and with a causal
//! mask only as many columns of it as its last row may see.

mod input;

use std::ops::Range;

pub use input::{AttentionInput, HeadLayout, Heads, Mask, PackedSequences};

use crate::amx::{self, Amx};
use crate::cpu::split;
use crate::gemm::packed_length;
use crate::gemm::{Finish, Matrix, MatrixMut, Panels, multiply, pack_columns, pack_rows};
use crate::softmax::softmax_of_visible;
use crate::{Cpu, Isa, Workspace, softmax};

/// Query rows whose scores are held at a time; a multiple of every tile height.
const QUERY_ROWS: usize = 48;

/// Writes `softmax(queries · keysᵀ / sqrt(head)) · values` for each sequence and head.
///
/// `out` is `[tokens, heads * head]`. Tokens attend to their own sequence, all of it or with
/// [`Mask::Causal`] as far as themselves, and to no other.
///
/// # Panics
/// If offsets, values and `out` do not fit each other.
pub fn attention(
    tokens: &PackedSequences<'_>,
    mask: Mask,
    out: &mut [f32],
    workspace: &mut Workspace,
) {
    attention_over(&tokens.input(mask), out, workspace);
}

/// The same where queries, keys and values lie apart: queries that come from elsewhere, or
/// several query heads to one head of keys and values.
///
/// `out` is `[queries, queries.heads * head]`. A query whose sequence has no key gets zeros.
///
/// # Panics
/// If offsets, values and `out` do not fit each other, the query heads are no multiple of the
/// key heads, or a causal sequence has more queries than keys.
pub fn attention_over(input: &AttentionInput<'_>, out: &mut [f32], workspace: &mut Workspace) {
    input.assert_shape(out);
    let cpu = workspace.cpu;
    let jobs = jobs(input, out);
    if jobs.is_empty() {
        return;
    }
    let multiply_adds =
        jobs.iter().map(|job| 2 * job.queries.len() * job.keys.len() * input.head).sum();
    let shares = split(jobs.len(), cpu.parts_for(multiply_adds), 1);
    let longest = jobs.iter().map(|job| job.keys.len()).max().unwrap_or(0);
    let room = Room::new(cpu, longest, input.head);
    let mut buffer = workspace.scratch.take(room.length() * shares.len());
    let mut jobs = jobs.into_iter();
    let parts: Vec<(Vec<Job<'_>>, &mut [f32])> = shares
        .iter()
        .map(|share| jobs.by_ref().take(share.len()).collect())
        .zip(buffer.chunks_exact_mut(room.length()))
        .collect();
    let unit = cpu.isa().tiles().filter(|_| workspace.precision.narrows());
    cpu.map_parts(parts, |(share, buffer)| {
        for job in share {
            match unit {
                _ if job.keys.is_empty() => job.clear(),
                Some(unit) => attend_in_tiles(cpu.isa(), unit, input, job),
                None => attend(cpu.with_threads(1), input, job, room.divide(buffer)),
            }
        }
    });
    workspace.scratch.put(buffer);
}

/// One query head of one sequence.
struct Job<'a> {
    queries: Range<usize>,
    keys: Range<usize>,
    head: usize,
    out: MatrixMut<'a>,
}

impl Job<'_> {
    /// Queries, keys and values; several query heads may share those of one key head.
    fn matrices<'i>(&self, input: &'i AttentionInput<'_>) -> [Matrix<'i>; 3] {
        let key_head = self.head * input.keys.heads / input.queries.heads;
        [
            input.queries.part(&self.queries, self.head, input.head),
            input.keys.part(&self.keys, key_head, input.head),
            input.values.part(&self.keys, key_head, input.head),
        ]
    }

    /// What queries without a key get.
    fn clear(mut self) {
        for row in 0..self.out.rows() {
            let columns = 0..self.out.columns();
            self.out.row_part(row, columns).fill(0.0);
        }
    }
}

fn jobs<'a>(input: &AttentionInput<'_>, out: &'a mut [f32]) -> Vec<Job<'a>> {
    let width = input.queries.heads * input.head;
    let count = input.query_offsets.last().copied().unwrap_or(0);
    let mut rest = MatrixMut::new(out, width, (count, width));
    let mut jobs = Vec::with_capacity(input.query_offsets.len() * input.queries.heads);
    for (queries, keys) in input.query_offsets.windows(2).zip(input.key_offsets.windows(2)) {
        let (queries, keys) = (queries[0]..queries[1], keys[0]..keys[1]);
        let (mut rows, below) = rest.split_rows(queries.len());
        rest = below;
        for head in 0..input.queries.heads {
            let (out, right) = rows.split_columns(input.head);
            rows = right;
            jobs.push(Job { queries: queries.clone(), keys: keys.clone(), head, out });
        }
    }
    jobs.retain(|job| !job.queries.is_empty());
    jobs
}

/// Sizes of one thread's buffers: packed keys, packed values, and a block of scores.
#[derive(Clone, Copy)]
struct Room {
    keys: usize,
    values: usize,
    scores: usize,
}

struct Buffers<'a> {
    keys: &'a mut [f32],
    values: &'a mut [f32],
    scores: &'a mut [f32],
}

impl Room {
    fn new(cpu: Cpu, longest: usize, head: usize) -> Self {
        let width = cpu.isa().panel_columns();
        Self {
            keys: packed_length(longest, head, width),
            values: packed_length(head, longest, width),
            scores: (QUERY_ROWS * longest).next_multiple_of(width),
        }
    }

    /// At least 1, so that buffers can be told apart.
    fn length(self) -> usize {
        (self.keys + self.values + self.scores).max(1)
    }

    fn divide(self, buffer: &mut [f32]) -> Buffers<'_> {
        let (keys, rest) = buffer.split_at_mut(self.keys);
        let (values, scores) = rest.split_at_mut(self.values);
        Buffers { keys, values, scores }
    }
}

/// The same in bf16 on the tile unit.
fn attend_in_tiles(isa: Isa, unit: Amx, input: &AttentionInput<'_>, job: Job<'_>) {
    let [queries, keys, values] = job.matrices(input);
    let first_visible = input.mask.visible(0, queries.rows(), keys.rows());
    amx::attend(isa, unit, amx::Head { queries, keys, values, first_visible }, job.out);
}

#[expect(clippy::cast_precision_loss, reason = "head dimensions are far below 2^24")]
fn attend(cpu: Cpu, input: &AttentionInput<'_>, job: Job<'_>, buffers: Buffers<'_>) {
    let (isa, width) = (cpu.isa(), cpu.isa().panel_columns());
    let (count, length, head) = (job.queries.len(), job.keys.len(), input.head);
    let [queries, keys_by_row, values_by_row] = job.matrices(input);
    let mut out = job.out;
    let keys = &mut buffers.keys[..packed_length(length, head, width)];
    let values = &mut buffers.values[..packed_length(head, length, width)];
    pack_rows(keys_by_row, width, keys);
    pack_columns(values_by_row, width, values);
    let keys = Panels::new(keys, length, head, width);
    let values = Panels::new(values, head, length, width);
    let scale = 1.0 / (head as f32).sqrt();
    for first in (0..count).step_by(QUERY_ROWS) {
        let rows = first..(first + QUERY_ROWS).min(count);
        let visible = input.mask.visible(rows.end - 1, count, length);
        let scores = &mut buffers.scores[..rows.len() * visible];
        let shape = (rows.len(), visible);
        let (out_rows, below) = out.split_rows(rows.len());
        out = below;
        let into = MatrixMut::new(scores, visible, shape);
        let keys = keys.columns_in(0..visible);
        multiply(isa, queries.rows_in(rows.clone()), keys, Finish::default(), into);
        match input.mask {
            Mask::Full => softmax(cpu, scores, visible, scale),
            Mask::Causal => {
                let first_visible = input.mask.visible(rows.start, count, length);
                softmax_of_visible(cpu, scores, visible, scale, first_visible);
            }
        }
        let scores = Matrix::new(scores, visible, shape);
        multiply(isa, scores, values.first_features(visible), Finish::default(), out_rows);
    }
}
