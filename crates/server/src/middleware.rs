//! What happens around every request, outermost first: see [`crate::router`] for the order.

pub(crate) mod authenticate;
pub(crate) mod completion;
pub(crate) mod render_errors;
pub(crate) mod unread_body;
