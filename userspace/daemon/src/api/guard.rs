//! Who may use the admin interface.

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{api::view::Fault, config::checked::Token};

/// What a request must show.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    token: Option<Token>,
}

impl Guard {
    pub(crate) fn new(token: Option<Token>) -> Self {
        Self { token }
    }

    /// Why a request is refused, if it is.
    ///
    /// Without a token only programs of this machine reach us, but a browser on it would carry requests of any page to
    /// us: so a request must name us by an address or as localhost, and a page must be one of ours.
    fn refuse(&self, path: &str, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        let host = text(headers, header::HOST).unwrap_or_default();
        if let Some(origin) = text(headers, header::ORIGIN)
            && origin.split_once("://").map(|(_, authority)| authority) != Some(host)
        {
            return Some((StatusCode::FORBIDDEN, "pages of other sites may not use this"));
        }
        let Some(token) = &self.token else {
            let is_ours = is_address_or_localhost(host);
            return (!is_ours).then_some((
                StatusCode::FORBIDDEN,
                "name this host by its address or as localhost",
            ));
        };
        // A load balancer or service manager asks without a secret, and learns one word.
        if path == "/healthz" {
            return None;
        }
        let shown = text(headers, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let is_right =
            shown.is_some_and(|shown| is_equal(shown.trim().as_bytes(), token.reveal().as_bytes()));
        (!is_right).then_some((
            StatusCode::UNAUTHORIZED,
            "a token is wanted: Authorization: Bearer ..",
        ))
    }
}

/// Lets a request through or answers it.
pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.refuse(request.uri().path(), request.headers()) {
        None => next.run(request).await,
        Some((status, reason)) => {
            let fault = Json(Fault {
                error: reason.to_owned(),
                details: Vec::new(),
            });
            if status == StatusCode::UNAUTHORIZED {
                (status, [(header::WWW_AUTHENTICATE, "Bearer")], fault).into_response()
            } else {
                (status, fault).into_response()
            }
        }
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_address_or_localhost(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok()
}

/// Compares in a time that does not depend on where two secrets differ.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(header::HeaderName, &str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    fn verdict(guard: &Guard, path: &str, list: &[(header::HeaderName, &str)]) -> Option<u16> {
        guard
            .refuse(path, &headers(list))
            .map(|(status, _)| status.as_u16())
    }

    #[test]
    fn without_a_token_only_this_machine_is_served() {
        let guard = Guard::new(None);
        for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "192.0.2.1"] {
            assert_eq!(
                verdict(&guard, "/metrics", &[(header::HOST, host)]),
                None,
                "{host}"
            );
        }
        assert_eq!(
            verdict(&guard, "/metrics", &[(header::HOST, "evil.example:8080")]),
            Some(403)
        );
        assert_eq!(verdict(&guard, "/metrics", &[]), Some(403));
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        let guard = Guard::new(None);
        let host = (header::HOST, "127.0.0.1:8080");
        let other = (header::ORIGIN, "http://evil.example");
        let own = (header::ORIGIN, "http://127.0.0.1:8080");
        assert_eq!(
            verdict(&guard, "/api/v1/drain", &[host.clone(), other]),
            Some(403)
        );
        assert_eq!(verdict(&guard, "/api/v1/drain", &[host, own]), None);
    }

    #[test]
    fn with_a_token_it_must_be_shown() {
        let guard = Guard::new(Some(Token::new("0123456789abcdef".to_owned())));
        let host = (header::HOST, "edge.example");
        let bearer = |value| [host.clone(), (header::AUTHORIZATION, value)];
        assert_eq!(
            verdict(&guard, "/api/v1/calls", std::slice::from_ref(&host)),
            Some(401)
        );
        assert_eq!(
            verdict(&guard, "/api/v1/calls", &bearer("Bearer 0123456789abcdeX")),
            Some(401)
        );
        assert_eq!(
            verdict(&guard, "/api/v1/calls", &bearer("Basic 0123456789abcdef")),
            Some(401)
        );
        assert_eq!(
            verdict(&guard, "/api/v1/calls", &bearer("Bearer 0123456789abcdef")),
            None
        );
        assert_eq!(verdict(&guard, "/healthz", &[host]), None);
    }
}
