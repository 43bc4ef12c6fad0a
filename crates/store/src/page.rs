//! Page-number pagination.

/// Which page of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// From 1; 0 counts as 1.
    pub page: u32,
    /// Items on a page. The caller caps it.
    pub page_limit: u32,
}

impl PageRequest {
    /// Items before this page; never more than a signed column can count.
    pub(crate) fn offset(self) -> u64 {
        let before = u64::from(self.page.saturating_sub(1)) * u64::from(self.page_limit);
        before.min(i64::MAX as u64)
    }
}

/// One page of a list. A page past the end has no items but the same `total`.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// At most `page_limit` items.
    pub items: Vec<T>,
    /// Items on all pages together.
    pub total: u64,
}
