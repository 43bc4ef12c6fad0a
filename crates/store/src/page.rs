//! Page-number pagination.

use rusqlite::{Connection, Row, ToSql};

use crate::error::StoreError;

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

/// Named parameters of a statement.
pub(crate) type Parameters<'a> = &'a [(&'a str, &'a dyn ToSql)];

/// The two statements behind a paged list. Both take the same filter; `page` also takes `:limit`
/// and `:offset`.
pub(crate) struct PagedList {
    /// Counts what the filter lets through.
    pub(crate) count: &'static str,
    /// Gives the rows of one page.
    pub(crate) page: &'static str,
}

impl PagedList {
    /// Reads one page of what `filter` lets through.
    pub(crate) fn read<T>(
        &self,
        connection: &Connection,
        filter: Parameters<'_>,
        page: PageRequest,
        item: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Page<T>, StoreError> {
        let total = connection.prepare_cached(self.count)?.query_row(filter, |row| row.get(0))?;
        let (limit, offset) = (page.page_limit, page.offset());
        let mut parameters = filter.to_vec();
        parameters.extend([(":limit", &limit as &dyn ToSql), (":offset", &offset)]);
        let mut statement = connection.prepare_cached(self.page)?;
        let items = statement.query_map(&*parameters, item)?.collect::<Result<_, _>>()?;
        Ok(Page { items, total })
    }
}
