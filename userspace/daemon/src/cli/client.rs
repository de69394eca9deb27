//! The admin interface of a running edge, as the verbs use it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use serde::de::DeserializeOwned;
use ureq::{
    Agent,
    http::{Response, Uri},
};

use crate::{
    api::view::Fault,
    cli::{Common, Failure, check},
};

/// How long an answer may take: the edge waits two seconds for its workers.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an answer; a list of many thousand calls fits.
const ANSWER_MAX: u64 = 256 * 1024 * 1024;

/// A running edge.
#[derive(Debug)]
pub(crate) struct Client {
    base: String,
    token: Option<String>,
    agent: Agent,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// Nothing answers at the address.
    Unreachable(anyhow::Error),
    /// The edge refuses: its status and what it says.
    Refused(u16, Fault),
}

impl From<NoAnswer> for Failure {
    fn from(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::Unreachable(error) => Failure::Failed(error),
            NoAnswer::Refused(_, fault) => {
                let lines = std::iter::once(fault.error).chain(fault.details);
                Failure::Failed(anyhow!(lines.collect::<Vec<String>>().join("\n    ")))
            }
        }
    }
}

impl Client {
    /// The edge at `--admin`, or at the address of the configuration.
    pub(crate) fn new(common: &Common) -> Result<Self, Failure> {
        let mut token = None;
        let base = match &common.admin {
            Some(url) => base_url(url).map_err(Failure::Usage)?,
            None => {
                let (config, _) = check::require(common, check::load(common)?)?;
                token = config.admin.token.map(|token| token.reveal().to_owned());
                format!("http://{}", reachable(config.admin.listen))
            }
        };
        if let Some(file) = &common.token_file {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))
                .map_err(Failure::Usage)?;
            token = Some(text.trim().to_owned());
        }
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Ok(Self {
            base,
            token,
            agent: Agent::new_with_config(config),
        })
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, NoAnswer> {
        self.answer(
            path,
            self.authorised(self.agent.get(format!("{}{path}", self.base)))
                .call(),
        )
    }

    pub(crate) fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, NoAnswer> {
        self.answer(
            path,
            self.authorised(self.agent.delete(format!("{}{path}", self.base)))
                .call(),
        )
    }

    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, NoAnswer> {
        self.answer(
            path,
            self.authorised(self.agent.post(format!("{}{path}", self.base)))
                .send_empty(),
        )
    }

    /// The bytes of an answer that is not JSON.
    pub(crate) fn download(&self, path: &str) -> Result<Vec<u8>, NoAnswer> {
        self.body(
            self.authorised(self.agent.get(format!("{}{path}", self.base)))
                .call(),
        )
    }

    fn answer<T: DeserializeOwned>(
        &self,
        path: &str,
        response: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<T, NoAnswer> {
        let body = self.body(response)?;
        serde_json::from_slice(&body)
            .with_context(|| {
                format!(
                    "{}{path} does not answer as an edge of this version does",
                    self.base
                )
            })
            .map_err(NoAnswer::Unreachable)
    }

    fn body(&self, response: Result<Response<ureq::Body>, ureq::Error>) -> Result<Vec<u8>, NoAnswer> {
        let unreachable = |error: ureq::Error| {
            NoAnswer::Unreachable(
                anyhow::Error::new(error).context(format!("no edge answers at {}", self.base)),
            )
        };
        let mut response = response.map_err(unreachable)?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(ANSWER_MAX)
            .read_to_vec()
            .map_err(unreachable)?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let fault = serde_json::from_slice(&body).unwrap_or_else(|_| Fault {
            error: format!("the edge answers with status {status}"),
            details: Vec::new(),
        });
        Err(NoAnswer::Refused(status, fault))
    }

    fn authorised<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }
}

/// Where a listener can be reached from this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    };
    SocketAddr::new(address, listen.port())
}

/// The URL that paths are put behind. The edge speaks plain HTTP only.
fn base_url(text: &str) -> anyhow::Result<String> {
    let url = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = url.trim_end_matches('/').to_owned();
    let has_host = |uri: &Uri| uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none();
    match url.parse::<Uri>() {
        Ok(uri) if uri.scheme_str() == Some("http") && has_host(&uri) => Ok(url),
        _ => bail!("\"{text}\" is not the address of an edge: http://HOST:PORT is wanted"),
    }
}

/// `text` as a part of a URL's path or query.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_put_together() {
        assert_eq!(base_url("127.0.0.1:8080/").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(base_url("[::1]:8080").unwrap(), "http://[::1]:8080");
        assert_eq!(base_url("http://edge.example/").unwrap(), "http://edge.example");
        for text in ["ftp://edge.example", "https://edge.example", "http://", "a b", ""] {
            assert!(base_url(text).is_err(), "{text}");
        }
        assert_eq!(escaped("+1 202/x"), "%2B1%20202%2Fx");
        assert_eq!(
            reachable("0.0.0.0:8080".parse().unwrap()).to_string(),
            "127.0.0.1:8080"
        );
    }
}
