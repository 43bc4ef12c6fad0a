//! A batch of sequences through both towers.

use onespace_compute::Cpu;
use onespace_media::PreparedImage;

use super::{DualEncoder, fusion};
use crate::passes::Plan;
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

    /// The towers' vectors of all items, in order. The items are sorted by kind. A traced run
    /// is one pass per kind, so that each stage holds all of them.
    fn features(&self, items: &[Item<'_>], trace: &mut Trace) -> Result<Vec<f32>, ModelError> {
        let cpu = Cpu::on_current_pool(self.isa);
        let texts = items.iter().take_while(|item| matches!(item, Item::Text(_))).count();
        let features: Vec<Result<Vec<f32>, ModelError>> = if trace.is_on() {
            let (texts, images) = items.split_at(texts);
            let kinds = [texts, images].into_iter().filter(|kind| !kind.is_empty());
            cpu.enter(|| kinds.map(|kind| self.run(cpu, &Pass::of(kind), trace)).collect())
        } else {
            let costs: Vec<_> = items.iter().map(|item| self.item_cost(item)).collect();
            Plan::new(&costs, texts, cpu.threads(), PLACES_PER_PASS).run(cpu, |range, cpu| {
                self.run(cpu, &Pass::of(&items[range]), &mut Trace::default())
            })
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
