//! Where queries, keys and values lie, and who sees whom.

use std::ops::Range;

use crate::gemm::Matrix;

/// Which positions a query attends to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mask {
    /// All of its sequence.
    #[default]
    Full,
    /// Those up to its own. The last query stands at the last position.
    Causal,
}

impl Mask {
    /// How many of `keys` positions the query at `query` (of `queries`) sees.
    pub(super) fn visible(self, query: usize, queries: usize, keys: usize) -> usize {
        match self {
            Self::Full => keys,
            Self::Causal => keys + query + 1 - queries,
        }
    }
}

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
    /// The three parts of the tokens.
    pub(super) fn input(&self, mask: Mask) -> AttentionInput<'_> {
        let layout = self.layout;
        let tokens = self.offsets.last().copied().unwrap_or(0);
        assert_eq!(self.values.len(), tokens * layout.stride(), "tokens do not fit offsets");
        let part = |which: usize| Heads {
            values: &self.values[(which * layout.width()).min(self.values.len())..],
            stride: layout.stride(),
            heads: layout.heads,
        };
        AttentionInput {
            queries: part(0),
            keys: part(1),
            values: part(2),
            head: layout.head,
            query_offsets: self.offsets,
            key_offsets: self.offsets,
            mask,
        }
    }
}

/// The heads of the queries, the keys or the values of all tokens.
#[derive(Clone, Copy)]
pub struct Heads<'a> {
    /// From the first token's first head to at least the last token's last; the heads of a
    /// token lie one after the other.
    pub values: &'a [f32],
    /// Numbers from one token to the next.
    pub stride: usize,
    /// Number of heads.
    pub heads: usize,
}

impl<'a> Heads<'a> {
    /// One head of some of the tokens: `[tokens, head]`.
    pub(super) fn part(&self, tokens: &Range<usize>, index: usize, head: usize) -> Matrix<'a> {
        let first = tokens.start * self.stride + index * head;
        Matrix::new(&self.values[first..], self.stride, (tokens.len(), head))
    }
}

/// Queries, keys and values of several sequences, each kind wherever it lies.
#[derive(Clone, Copy)]
pub struct AttentionInput<'a> {
    /// The queries; their heads are a multiple of those of the keys, and as many of them in a
    /// row share one head of keys and values (grouped-query attention).
    pub queries: Heads<'a>,
    /// The keys.
    pub keys: Heads<'a>,
    /// The values, as many heads as keys.
    pub values: Heads<'a>,
    /// Numbers per head.
    pub head: usize,
    /// Where the queries of each sequence start, in tokens, and last where all end.
    pub query_offsets: &'a [usize],
    /// The same for keys and values; as many sequences.
    pub key_offsets: &'a [usize],
    /// Who sees whom.
    pub mask: Mask,
}

impl AttentionInput<'_> {
    pub(super) fn assert_shape(&self, out: &[f32]) {
        let (queries, keys) = (self.query_offsets, self.key_offsets);
        assert!(queries.is_sorted() && keys.is_sorted(), "sequence offsets may not fall");
        assert_eq!(queries.len(), keys.len(), "queries and keys of different sequences");
        let (heads, key_heads) = (self.queries.heads, self.keys.heads);
        assert_eq!(key_heads, self.values.heads, "keys and values differ in heads");
        let multiple = heads > 0 && key_heads > 0 && heads.is_multiple_of(key_heads);
        assert!(multiple, "{heads} query heads are no multiple of {key_heads} key heads");
        if self.mask == Mask::Causal {
            let longer = |(q, k): (&[usize], &[usize])| q[1] - q[0] > k[1] - k[0];
            let ahead = queries.windows(2).zip(keys.windows(2)).any(longer);
            assert!(!ahead, "a causal sequence has more queries than keys");
        }
        let tokens = queries.last().copied().unwrap_or(0);
        assert_eq!(out.len(), tokens * heads * self.head, "output does not fit the tokens");
    }
}
