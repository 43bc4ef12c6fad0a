//! Multi-head bidirectional attention over sequences of different lengths, packed end to end.
//!
//! For each sequence and head the keys and values are packed into panels and both products run
//! through the matrix multiply. Only one block of score rows exists at a time.

use std::ops::Range;

use crate::cpu::split;
use crate::gemm::packed_length;
use crate::gemm::{Finish, Matrix, MatrixMut, Panels, multiply, pack_columns, pack_rows};
use crate::{Cpu, Workspace, softmax};

/// Query rows whose scores are held at a time; a multiple of every tile height.
const QUERY_ROWS: usize = 48;

/// How the fused queries, keys and values of one token lie: all queries head by head, then all
/// keys, then all values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLayout {
    /// Number of heads.
    pub heads: usize,
    /// Numbers per head.
    pub head: usize,
}

impl HeadLayout {
    /// Numbers per token: `3 * heads * head`.
    #[must_use]
    pub fn stride(self) -> usize {
        3 * self.width()
    }

    /// Numbers per token of the attention's output: `heads * head`.
    #[must_use]
    pub fn width(self) -> usize {
        self.heads * self.head
    }
}

/// Queries, keys and values of the tokens of several sequences, one after the other.
pub struct PackedSequences<'a> {
    /// `[tokens, layout.stride()]`
    pub values: &'a mut [f32],
    /// Where each sequence starts, in tokens, and behind the last one where it ends:
    /// `[0, ..., tokens]`, never falling.
    pub offsets: &'a [usize],
    /// How a token's numbers lie.
    pub layout: HeadLayout,
}

impl PackedSequences<'_> {
    fn assert_shape(&self, out: &[f32]) {
        let tokens = self.offsets.last().copied().unwrap_or(0);
        assert!(self.offsets.is_sorted(), "sequence offsets may not fall");
        assert_eq!(self.values.len(), tokens * self.layout.stride(), "tokens do not fit offsets");
        assert_eq!(out.len(), tokens * self.layout.width(), "output does not fit the tokens");
    }

    /// Tokens of the longest sequence.
    fn longest(&self) -> usize {
        self.offsets.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }

    /// One head's queries (0), keys (1) or values (2) of one sequence: `[length, head]`.
    fn part(&self, tokens: &Range<usize>, head: usize, which: usize) -> Matrix<'_> {
        let layout = self.layout;
        let first = tokens.start * layout.stride() + which * layout.width() + head * layout.head;
        Matrix::new(&self.values[first..], layout.stride(), (tokens.len(), layout.head))
    }
}

/// Writes `softmax(queries · keysᵀ / sqrt(head)) · values` for each sequence and head.
///
/// `out` is `[tokens, heads * head]`. Tokens attend to all tokens of their own sequence and to
/// no other.
///
/// # Panics
/// If offsets, values and `out` do not fit each other.
pub fn attention(tokens: &PackedSequences<'_>, out: &mut [f32], workspace: &mut Workspace) {
    tokens.assert_shape(out);
    let cpu = workspace.cpu;
    let layout = tokens.layout;
    let jobs = jobs(tokens, out);
    if jobs.is_empty() {
        return;
    }
    let multiply_adds = jobs.iter().map(|job| 2 * job.tokens.len().pow(2) * layout.head).sum();
    let shares = split(jobs.len(), cpu.parts_for(multiply_adds), 1);
    let room = Room::new(cpu, tokens.longest(), layout.head);
    let mut buffer = workspace.scratch.take(room.length() * shares.len());
    let mut jobs = jobs.into_iter();
    let parts: Vec<(Vec<Job<'_>>, &mut [f32])> = shares
        .iter()
        .map(|share| jobs.by_ref().take(share.len()).collect())
        .zip(buffer.chunks_exact_mut(room.length()))
        .collect();
    cpu.map_parts(parts, |(share, buffer)| {
        for job in share {
            attend(cpu.with_threads(1), tokens, job, room.divide(buffer));
        }
    });
    workspace.scratch.put(buffer);
}

/// One head of one sequence.
struct Job<'a> {
    tokens: Range<usize>,
    head: usize,
    out: MatrixMut<'a>,
}

fn jobs<'a>(tokens: &PackedSequences<'_>, out: &'a mut [f32]) -> Vec<Job<'a>> {
    let layout = tokens.layout;
    let count = tokens.offsets.last().copied().unwrap_or(0);
    let mut rest = MatrixMut::new(out, layout.width(), (count, layout.width()));
    let mut jobs = Vec::with_capacity(tokens.offsets.len() * layout.heads);
    for pair in tokens.offsets.windows(2) {
        let (mut rows, below) = rest.split_rows(pair[1] - pair[0]);
        rest = below;
        for head in 0..layout.heads {
            let (out, right) = rows.split_columns(layout.head);
            rows = right;
            jobs.push(Job { tokens: pair[0]..pair[1], head, out });
        }
    }
    jobs.retain(|job| !job.tokens.is_empty());
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

    fn length(self) -> usize {
        self.keys + self.values + self.scores
    }

    fn divide(self, buffer: &mut [f32]) -> Buffers<'_> {
        let (keys, rest) = buffer.split_at_mut(self.keys);
        let (values, scores) = rest.split_at_mut(self.values);
        Buffers { keys, values, scores }
    }
}

#[expect(clippy::cast_precision_loss, reason = "head dimensions are far below 2^24")]
fn attend(cpu: Cpu, tokens: &PackedSequences<'_>, job: Job<'_>, buffers: Buffers<'_>) {
    let (isa, width) = (cpu.isa(), cpu.isa().panel_columns());
    let (length, head) = (job.tokens.len(), tokens.layout.head);
    let part = |which| tokens.part(&job.tokens, job.head, which);
    let keys = &mut buffers.keys[..packed_length(length, head, width)];
    let values = &mut buffers.values[..packed_length(head, length, width)];
    pack_rows(part(1), width, keys);
    pack_columns(part(2), width, values);
    let keys = Panels::new(keys, length, head, width);
    let values = Panels::new(values, head, length, width);
    let scale = 1.0 / (head as f32).sqrt();
    let mut out = job.out;
    for first in (0..length).step_by(QUERY_ROWS) {
        let rows = first..(first + QUERY_ROWS).min(length);
        let scores = &mut buffers.scores[..rows.len() * length];
        let shape = (rows.len(), length);
        let (out_rows, below) = out.split_rows(rows.len());
        out = below;
        let into = MatrixMut::new(scores, length, shape);
        multiply(isa, part(0).rows_in(rows), keys, Finish::default(), into);
        softmax(cpu, scores, length, scale);
        multiply(isa, Matrix::new(scores, length, shape), values, Finish::default(), out_rows);
    }
}
