//! Page-number lists: what a client asks for and the envelope of the answer.

use serde::Serialize;
use utoipa::ToSchema;

/// The default number of items on a page.
pub const PAGE_ITEMS_DEFAULT: u32 = 10;
/// The largest number of items on a page.
pub const PAGE_ITEMS_MAX: u32 = 50;

/// Where in a list a page stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageInfo {
    /// Items asked for on a page.
    pub limit_per_page: u32,
    /// The number of this page, from 1.
    pub page: u32,
    /// How many pages there are.
    pub total_page: u64,
    /// How many items there are on all pages.
    pub total_results: u64,
}

impl PageInfo {
    /// The place of page `page` of a list of `total_results` items.
    #[must_use]
    pub fn new(page: u32, limit_per_page: u32, total_results: u64) -> Self {
        let total_page = total_results.div_ceil(u64::from(limit_per_page.max(1)));
        Self { limit_per_page, page, total_page, total_results }
    }
}

/// One page of a list. A page past the end has empty `data`: both SDKs iterate until then.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub data: Vec<T>,
    /// Where this page stands.
    pub page_info: PageInfo,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_up() {
        let cases = [(0, 10, 0), (1, 10, 1), (10, 10, 1), (11, 10, 2), (27, 10, 3)];
        for (results, limit, pages) in cases {
            assert_eq!(PageInfo::new(1, limit, results).total_page, pages, "{results}/{limit}");
        }
    }
}
