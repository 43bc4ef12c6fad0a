//! The console's page and its files, all inside the program.
//!
//! There is one page, `/`; what it shows follows the part of its address after `#`, which browsers
//! do not send, so that a one-time link is in no log. To a browser with a good session it also says
//! who is signed in, so that the scripts need not ask. Files lie under an address that holds a digest
//! of all of them: they can be cached for ever, and a new version has new addresses throughout.
//! Scripts and style sheets are served as one file each ([`super::bundle`]).

use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use onespace_wire::error_code::ErrorCode;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::api::session::{Situation, situation};
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
/// What the page has where it says who is signed in, or how to ask.
const SITUATION_MARK: &str = "{{situation}}";
/// For a page that cannot say: the question is sent while the scripts are loaded.
const ASK: &str = r#"<link rel="preload" as="fetch" href="/console/api/session" crossorigin>"#;
/// Where the console begins.
const ENTRY: &str = "js/main.js";
/// All scripts and all style sheets; the folder is that of [`ENTRY`], from which scripts name
/// pictures.
const SCRIPT: &str = "js/console.js";
const STYLE_SHEET: &str = "css/console.css";

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

/// The page with this body, and the address of its files.
fn page_with(body: &str) -> String {
    let files = format!("/console/files/{}", *VERSION);
    PAGE.replace(BODY_MARK, body).replace(ADDRESS_MARK, &files)
}

static FOR_SESSIONS: LazyLock<String> = LazyLock::new(|| page_with(SIGNED_IN));
static FOR_OTHERS: LazyLock<String> = LazyLock::new(|| page_with(SIGNED_OUT));

/// `GET /`: the page for whoever the request's cookie shows. A request without a session may still
/// be that of somebody who is signed in, who followed a link from elsewhere: their browser keeps
/// the cookie back until the page itself asks.
pub(crate) async fn shell(State(app): State<App>, method: Method, headers: HeaderMap) -> Response {
    let has_cookie =
        SessionCookie::of(&app, &headers).is_some_and(|cookie| cookie.secret(&headers).is_some());
    let known = if has_cookie { situation(&app, &method, &headers).await.ok() } else { None };
    let is_signed_in = known.as_ref().map_or(has_cookie, Situation::is_signed_in);
    let told = known.filter(Situation::is_signed_in).and_then(|situation| data_block(&situation));
    let page = if is_signed_in { &FOR_SESSIONS } else { &FOR_OTHERS };
    let text = page.replace(SITUATION_MARK, told.as_deref().unwrap_or(ASK));
    let fixed =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (fixed, text).into_response()
}

/// `situation` as an element that browsers read as data and never run.
fn data_block(situation: &impl Serialize) -> Option<String> {
    // A `<` could end the element; in JSON it occurs in strings only.
    let json = serde_json::to_string(situation).ok()?.replace('<', "\\u003c");
    Some(format!(r#"<script type="application/json" id="situation">{json}</script>"#))
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
        let text = format!("{}{}", *FOR_SESSIONS, *FOR_OTHERS);
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

    #[test]
    fn nothing_that_a_user_wrote_ends_the_element_with_the_situation() {
        let hostile = serde_json::json!({ "email": "</script><!--<script>alert(1)</script>@x" });
        let block = data_block(&hostile).expect("a value in JSON");
        let inner = block.split_once('>').expect("an element").1;
        let inner = inner.strip_suffix("</script>").expect("an element");
        assert!(!inner.contains('<'), "{inner}");
        let read: serde_json::Value = serde_json::from_str(inner).expect("JSON");
        assert_eq!(read, hostile);
    }

    /// What the policy in the headers would refuse, and what would leave the machine.
    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        for page in [&*FOR_SESSIONS, &*FOR_OTHERS] {
            let page = page.replace(SITUATION_MARK, ASK);
            assert!(page.contains(&**VERSION) && !page.contains("{{"));
            for inline in ["<script>", "<style", " style=", " onload=", " onclick=", "javascript:"]
            {
                assert!(!page.contains(inline), "{inline}");
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
