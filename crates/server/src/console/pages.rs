//! The console's page and its files, all inside the program.
//!
//! There is one page, `/`; what it shows follows the part of its address after `#`, which browsers
//! do not send, so that a one-time link is in no log. Files lie under an address that holds a digest
//! of all of them: they can be cached for ever, and a new version has new addresses throughout.
//! Scripts and style sheets are served as one file each ([`super::bundle`]).

use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use onespace_wire::error_code::ErrorCode;
use sha2::{Digest, Sha256};

use super::bundle;
use super::cookie::SessionCookie;
use super::files::{FILES, PAGE, SIGNED_IN, SIGNED_OUT};
use crate::app::App;
use crate::error::{ApiError, ApiResult};

/// Hexadecimal digits of the digest in an address.
const VERSION_DIGITS: usize = 16;
/// What the page has where its body belongs.
const BODY_MARK: &str = "{{body}}";
/// What the page has where the address of its files belongs.
const ADDRESS_MARK: &str = "{{files}}";
/// Where the console begins.
const ENTRY: &str = "js/main.js";
/// All scripts and all style sheets; the folder is that of [`ENTRY`], from which scripts name
/// pictures.
const SCRIPT: &str = "js/console.js";
const STYLE_SHEET: &str = "css/console.css";

/// The page with its files' address filled in, and its entity tag.
struct Page {
    text: String,
    entity_tag: String,
}

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (path, bytes) in FILES {
        hash.update((path.len() as u64).to_le_bytes());
        hash.update(path);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    let mut digits = hex::encode(hash.finalize());
    digits.truncate(VERSION_DIGITS);
    digits
});

/// What is served: the files that stand alone, and the bundles of the others.
static SERVED: LazyLock<Vec<(&str, Bytes)>> = LazyLock::new(|| {
    let script = bundle::script(FILES, ENTRY).expect("a test bundles these very files");
    let alone =
        FILES.iter().filter(|(path, _)| !path.starts_with("js/") && !path.starts_with("css/"));
    let mut served: Vec<_> =
        alone.map(|(path, bytes)| (*path, Bytes::from_static(bytes))).collect();
    served.push((SCRIPT, script.into()));
    served.push((STYLE_SHEET, bundle::style_sheet(FILES).into()));
    served
});

impl Page {
    fn with(body: &str) -> Self {
        let text = PAGE
            .replace(BODY_MARK, body)
            .replace(ADDRESS_MARK, &format!("/console/files/{}", *VERSION));
        let entity_tag = format!("\"{}\"", hex::encode(&Sha256::digest(text.as_bytes())[..8]));
        Self { text, entity_tag }
    }
}

static FOR_SESSIONS: LazyLock<Page> = LazyLock::new(|| Page::with(SIGNED_IN));
static FOR_OTHERS: LazyLock<Page> = LazyLock::new(|| Page::with(SIGNED_OUT));

/// `GET /`. Whether the session is still good is asked by the page; until then it shows the frame
/// that it will most likely have, so that a heading is there with the first paint.
pub(crate) async fn shell(State(app): State<App>, headers: HeaderMap) -> Response {
    let secret = SessionCookie::of(&app, &headers).and_then(|cookie| cookie.secret(&headers));
    let page = if secret.is_some() { &*FOR_SESSIONS } else { &*FOR_OTHERS };
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| *tag == *page.entity_tag);
    let fixed = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "cookie"),
        (header::ETAG, &page.entity_tag),
    ];
    if is_known {
        return (StatusCode::NOT_MODIFIED, fixed).into_response();
    }
    (fixed, page.text.as_str()).into_response()
}

/// `GET /console/files/{version}/{path}`.
pub(crate) async fn file(Path((version, path)): Path<(String, String)>) -> ApiResult<Response> {
    let found = SERVED.iter().find(|(known, _)| version == *VERSION && *known == path);
    let (path, bytes) = found.ok_or_else(|| {
        ApiError::new(ErrorCode::RouteNotFound, "There is no such file. Reload the page.")
    })?;
    let mut response = bytes.clone().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, forever);
    Ok(response)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "gif" => "image/gif",
        "jpg" => "image/jpeg",
        "js" => "text/javascript; charset=utf-8",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn files_below(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("the folder is there");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn every_file_of_the_folder_is_served_and_no_other() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("console");
        let in_folder: BTreeSet<String> = files_below(&root)
            .iter()
            .map(|path| path.strip_prefix(&root).expect("below").to_string_lossy().into_owned())
            .filter(|path| !path.ends_with(".html"))
            .collect();
        let served: BTreeSet<String> = FILES
            .iter()
            .map(|(path, _)| (*path).to_owned())
            .filter(|path| !path.starts_with("examples/"))
            .collect();
        assert_eq!(served, in_folder);
    }

    #[test]
    fn the_page_names_files_that_are_served() {
        let files = format!("/console/files/{}/", *VERSION);
        let text = format!("{}{}", FOR_SESSIONS.text, FOR_OTHERS.text);
        let named: Vec<&str> = text
            .split(&files)
            .skip(1)
            .map(|rest| rest.split('"').next().expect("split gives a first piece"))
            .collect();
        assert!(named.contains(&SCRIPT) && named.contains(&STYLE_SHEET), "{named:?}");
        for path in named {
            assert!(SERVED.iter().any(|(known, _)| *known == path), "{path}");
        }
    }

    /// Scripts name pictures by the address of the bundle, which lies in `js/`.
    #[test]
    fn only_scripts_beside_the_bundle_ask_where_they_are() {
        for (path, bytes) in FILES.iter().filter(|(path, _)| path.ends_with(".js")) {
            let asks = String::from_utf8_lossy(bytes).contains("import.meta");
            assert!(!asks || path.split('/').count() == 2, "{path}");
        }
    }

    #[test]
    fn every_file_has_a_type_of_its_own() {
        for (path, bytes) in FILES {
            assert_ne!(content_type(path), "application/octet-stream", "{path}");
            assert!(!bytes.is_empty(), "{path}");
        }
    }

    /// What the policy in the headers would refuse, and what would leave the machine.
    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        for page in [&*FOR_SESSIONS, &*FOR_OTHERS] {
            assert!(page.text.contains(&**VERSION) && !page.text.contains("{{"));
            for inline in ["<script>", "<style", " style=", " onload=", " onclick=", "javascript:"]
            {
                assert!(!page.text.contains(inline), "{inline}");
            }
        }
        for (path, bytes) in FILES.iter().filter(|(path, _)| path.ends_with(".js")) {
            let text = std::str::from_utf8(bytes).expect("scripts are text");
            for word in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
                "setAttribute(\"style\"",
            ] {
                assert!(!text.contains(word), "{path}: {word}");
            }
            assert!(!text.contains("from \"http"), "{path} imports from elsewhere");
        }
    }
}
