//! The page of each error's code, where a problem's `type` points: for everybody, because one who is refused reads it too.

use ::errors::Code;
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use millrace::Problem;

/// Shown by a browser, and not offered as a file.
const KIND: &str = "text/plain; charset=utf-8";

pub async fn index() -> Response {
    ([(CONTENT_TYPE, KIND)], ::errors::index()).into_response()
}

pub async fn page(Path(code): Path<String>) -> Result<Response, Problem> {
    let code = Code::of(&code).ok_or(Problem::NotFound("route_not_found"))?;
    Ok(([(CONTENT_TYPE, KIND)], code.page).into_response())
}
