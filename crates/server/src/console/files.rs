//! Every file of the console, inside the program. A test holds this list against the folder.

/// The page, before its body and the address of its files are filled in.
pub(super) const PAGE: &str = include_str!("../../console/index.html");
/// The body for a browser that brings a session: the frame and a heading, before any script runs.
pub(super) const SIGNED_IN: &str = include_str!("../../console/signed_in.html");
/// The body for any other.
pub(super) const SIGNED_OUT: &str = include_str!("../../console/signed_out.html");

/// A file by its path below `console/` (for `examples/`: below the repository's example pictures).
macro_rules! files {
    ($($path:literal),* ; $($picture:literal),* $(,)?) => {
        &[
            $(($path, include_bytes!(concat!("../../console/", $path)) as &[u8]),)*
            $((
                concat!("examples/", $picture),
                include_bytes!(concat!("../../../../examples/pictures/", $picture)) as &[u8],
            ),)*
        ]
    };
}

/// Paths and bytes of all files but the page.
pub(super) const FILES: &[(&str, &[u8])] = files![
    "css/base.css",
    "css/frame.css",
    "css/pages.css",
    "css/parts.css",
    "early.js",
    "icon.svg",
    "js/account/members.js",
    "js/api.js",
    "js/assets/details.js",
    "js/assets/picker.js",
    "js/assets/removal.js",
    "js/assets/tiles.js",
    "js/assets/uploads.js",
    "js/compose/composer.js",
    "js/compose/json_pieces.js",
    "js/compose/mention.js",
    "js/compose/pictures.js",
    "js/compose/request.js",
    "js/compose/request_code.js",
    "js/connection.js",
    "js/dom.js",
    "js/examples.js",
    "js/format.js",
    "js/frame.js",
    "js/listeners.js",
    "js/main.js",
    "js/math/pca.js",
    "js/math/similarity.js",
    "js/notices.js",
    "js/ownership.js",
    "js/pages/account.js",
    "js/pages/assets.js",
    "js/pages/join.js",
    "js/pages/keys.js",
    "js/pages/playground.js",
    "js/pages/search.js",
    "js/pages/sign_in.js",
    "js/pages/usage.js",
    "js/parts/copy.js",
    "js/parts/debounce.js",
    "js/parts/dialog.js",
    "js/parts/drops.js",
    "js/parts/field.js",
    "js/parts/page_head.js",
    "js/parts/tabs.js",
    "js/playground/card.js",
    "js/playground/comparison.js",
    "js/playground/history.js",
    "js/playground/result.js",
    "js/playground/runs.js",
    "js/plot/bars.js",
    "js/plot/heat_map.js",
    "js/plot/map.js",
    "js/plot/strip.js",
    "js/plot/to_width.js",
    "js/sdks.js",
    "js/search/coverage.js",
    "js/session_watch.js",
    "js/states.js",
    "js/theme.js",
    "js/titles.js";
    "blue_circle.png",
    "cat.png",
    "house.jpg",
    "red_square.png",
    "tree.webp",
];
