//! What the OpenAPI document says besides the routes, which bring their own entries.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// A router that carries the document's frame.
pub(crate) fn document() -> OpenApiRouter<App> {
    let key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-api-key")));
    let info = InfoBuilder::new()
        .title("onespace")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Text, pictures, and text with up to ten named pictures become one vector in one \
             space. Compatible with the TwelveLabs v1.3 API for what is served; independent of \
             TwelveLabs, and the vectors of the two are not interchangeable.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").build()))
        .build();
    let components = ComponentsBuilder::new().security_scheme("api_key", key).build();
    OpenApiRouter::with_openapi(
        OpenApiBuilder::new().info(info).components(Some(components)).build(),
    )
}
