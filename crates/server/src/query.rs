//! Query strings: repeated keys, pages, and refusals that name the parameter.

use http::Uri;
use onespace_store::PageRequest;
use onespace_wire::error_code::ErrorCode;
use onespace_wire::page::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::{ApiError, ApiResult};

/// The parameters of a query string in their order.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses the query of `uri`; parameters other than `known` are refused.
    pub(crate) fn of(uri: &Uri, known: &[&str]) -> ApiResult<Self> {
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(Self(pairs)),
            Some((name, _)) => {
                let name: String = name.chars().take(64).collect();
                let message = format!("`{name}` is not a parameter of this call. Remove it.");
                Err(ApiError::new(ErrorCode::ParameterUnknown, message))
            }
        }
    }

    /// The last value of a parameter; empty counts as absent.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    /// All values of a parameter that are not empty.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = name.to_owned();
        let named = self.0.iter().filter(move |(given, _)| *given == name);
        named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// `page` and `page_limit`.
    pub(crate) fn page(&self) -> ApiResult<PageRequest> {
        let page = self.number("page", 1, u32::MAX)?.unwrap_or(1);
        let page_limit = self.number("page_limit", 1, PAGE_ITEMS_MAX)?;
        Ok(PageRequest { page, page_limit: page_limit.unwrap_or(PAGE_ITEMS_DEFAULT) })
    }

    fn number(&self, name: &str, min: u32, max: u32) -> ApiResult<Option<u32>> {
        let Some(value) = self.last(name) else { return Ok(None) };
        let number = value.parse().ok().filter(|number| (min..=max).contains(number));
        number.map(Some).ok_or_else(|| {
            let what = if max == u32::MAX {
                format!("must be a whole number from {min}.")
            } else {
                format!("must be a whole number from {min} to {max}.")
            };
            ApiError::invalid(name, what)
        })
    }

    /// A point in time.
    pub(crate) fn time(&self, name: &str) -> ApiResult<Option<OffsetDateTime>> {
        let Some(value) = self.last(name) else { return Ok(None) };
        let time = OffsetDateTime::parse(value, &Rfc3339);
        time.map(Some)
            .map_err(|_| ApiError::invalid(name, "must be a time such as `2026-01-31T10:00:00Z`."))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &str) -> ApiResult<bool> {
        match self.last(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ApiError::invalid(name, "must be `true` or `false`.")),
        }
    }
}
