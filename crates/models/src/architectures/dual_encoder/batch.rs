//! A batch of sequences through both towers.

use onespace_compute::Cpu;
use onespace_media::PreparedImage;

use super::{DualEncoder, fusion};
use crate::passes::cut;
use crate::trace::Trace;
use crate::{EmbeddingModel, ModelError, Part, Sequence};

/// Places in one pass through a tower, unless one item alone has more. Bounds the memory of a
/// pass; larger ones are no faster.
const PLACES_PER_PASS: usize = 1600;

/// Something that one tower turns into one vector.
enum Item<'a> {
    Text(&'a [u32]),
    Image(&'a PreparedImage),
}

/// Items of one tower that run together.
enum Pass<'a> {
    Texts(Vec<&'a [u32]>),
    Images(Vec<&'a PreparedImage>),
}

impl DualEncoder {
    /// Vectors of checked sequences.
    pub(super) fn vectors(
        &self,
        batch: &[Sequence],
        trace: &mut Trace,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let texts: Vec<Vec<u32>> = batch.iter().map(joined_text).collect();
        let mut items = Vec::new();
        for (index, (sequence, text)) in batch.iter().zip(&texts).enumerate() {
            items.extend(self.items(sequence, text).into_iter().map(|item| (index, item)));
        }
        // Stable: the items of a sequence keep their order within their kind.
        items.sort_by_key(|(_, item)| matches!(item, Item::Image(_)));
        let (owners, items): (Vec<usize>, Vec<Item<'_>>) = items.into_iter().unzip();
        let features = self.features(&items, trace)?;
        let mut parts = vec![fusion::Parts::default(); batch.len()];
        let features = features.chunks_exact(self.description.dimension);
        for ((owner, item), vector) in owners.iter().zip(&items).zip(features) {
            match item {
                Item::Text(_) => parts[*owner].texts.push(vector),
                Item::Image(_) => parts[*owner].images.push(vector),
            }
        }
        let rule = self.description.fusion;
        Ok(parts.iter().map(|parts| fusion::fuse(rule, parts)).collect())
    }

    /// Multiply-adds of a sequence.
    pub(super) fn sequence_cost(&self, sequence: &Sequence) -> u64 {
        let text = joined_text(sequence);
        self.items(sequence, &text).iter().map(|item| self.item_cost(item).0).sum()
    }

    /// The items of a sequence: chunks of its text, then its images.
    fn items<'a>(&self, sequence: &'a Sequence, text: &'a [u32]) -> Vec<Item<'a>> {
        let chunks = self.text.chunks(text).map(Item::Text);
        chunks.chain(sequence.images().map(Item::Image)).collect()
    }

    /// Multiply-adds and places.
    fn item_cost(&self, item: &Item<'_>) -> (u64, usize) {
        match item {
            Item::Text(ids) => {
                let places = self.text.places(ids.len());
                (self.text.multiply_adds(places), places)
            }
            Item::Image(image) => {
                let places = self.image_tokens(image.width, image.height);
                (self.vision.multiply_adds(places), places)
            }
        }
    }

    /// Runs of items of one kind and about equal cost, at least as many as there are threads
    /// where there are enough items. The items are sorted by kind.
    fn passes<'a>(&self, items: &[Item<'a>], threads: usize) -> Vec<(u64, Pass<'a>)> {
        let texts = items.iter().take_while(|item| matches!(item, Item::Text(_))).count();
        let mut passes = Vec::new();
        for kind in [&items[..texts], &items[texts..]] {
            let costs: Vec<(u64, usize)> = kind.iter().map(|item| self.item_cost(item)).collect();
            for range in cut(&costs, threads, PLACES_PER_PASS) {
                let cost = costs[range.clone()].iter().map(|cost| cost.0).sum();
                passes.push((cost, Pass::of(&kind[range])));
            }
        }
        passes
    }

    /// The towers' vectors of all items, in order. Several passes of about equal cost take one
    /// thread each, which wastes less time in waiting; others take all threads in turn.
    fn features(&self, items: &[Item<'_>], trace: &mut Trace) -> Result<Vec<f32>, ModelError> {
        let cpu = Cpu::on_current_pool(self.isa);
        let passes = self.passes(items, cpu.threads());
        let total: u64 = passes.iter().map(|pass| pass.0).sum();
        let largest = passes.iter().map(|pass| pass.0).max().unwrap_or(0);
        let even = largest * cpu.threads() as u64 <= total + total / 4;
        let passes: Vec<Pass<'_>> = passes.into_iter().map(|pass| pass.1).collect();
        let features: Vec<Result<Vec<f32>, ModelError>> = if even && !trace.is_on() {
            let alone = cpu.with_threads(1);
            let run = |pass| self.run(alone, &pass, &mut Trace::default());
            cpu.enter(|| cpu.map_parts(passes, run))
        } else {
            cpu.enter(|| passes.iter().map(|pass| self.run(cpu, pass, trace)).collect())
        };
        Ok(features.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn run(&self, cpu: Cpu, pass: &Pass<'_>, trace: &mut Trace) -> Result<Vec<f32>, ModelError> {
        self.workspaces.with(cpu, |workspace| match pass {
            Pass::Texts(chunks) => self.text.forward(&self.tokenizer, chunks, (workspace, trace)),
            Pass::Images(images) => Ok(self.vision.forward(images, (workspace, trace))),
        })
    }
}

impl<'a> Pass<'a> {
    /// Items of one kind.
    fn of(items: &[Item<'a>]) -> Self {
        let text = |item: &Item<'a>| if let Item::Text(ids) = item { Some(*ids) } else { None };
        let image = |item: &Item<'a>| match item {
            Item::Image(image) => Some(*image),
            Item::Text(_) => None,
        };
        match items.first() {
            Some(Item::Text(_)) => Self::Texts(items.iter().filter_map(text).collect()),
            _ => Self::Images(items.iter().filter_map(image).collect()),
        }
    }
}

/// All text of a sequence.
fn joined_text(sequence: &Sequence) -> Vec<u32> {
    let text = |part: &Part| if let Part::Text(ids) = part { ids.clone() } else { Vec::new() };
    sequence.parts.iter().flat_map(text).collect()
}
