//! The API's paths: a request line becomes a question, or an error that says what exists.

use std::str::FromStr;

use hyper::{Method, StatusCode, Uri};

use super::Question;

/// Flows that are listed when nobody says how many.
pub const FLOWS_LIMIT: usize = 50;
/// The most flows of one answer: listing them keeps the engine from packets.
pub const FLOWS_MOST: usize = 100_000;
/// What there is, for error messages.
const PATHS: &str = "GET /v1/status, /v1/rules, /v1/backends, /v1/flows?limit=N, /v1/snat, \
                     /v1/counters, /v1/health, /v1/nat, /v1/events?after=N&follow=true, \
                     /v1/explain?packet=P&from=F, /metrics; POST /v1/apply?name=N";

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A question that the request line holds.
    Ask(Question),
    /// Events, one JSON document a line, and those to come if wanted.
    Events {
        /// Only events after this one.
        after: u64,
        /// Whether to wait for more.
        follow: bool,
    },
    /// A configuration follows as the body; diagnostics call it by this name.
    Apply(String),
}

/// A request that asks for nothing there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misrouted {
    /// HTTP status.
    pub status: StatusCode,
    /// What is wrong and what exists.
    pub error: String,
}

impl Misrouted {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        let error = error.into();
        Self { status, error }
    }
}

/// What the request line asks for.
///
/// # Errors
/// 404 for another path, 405 for another method, 400 for a wrong query.
pub fn route(method: &Method, uri: &Uri) -> Result<Route, Misrouted> {
    let query = Query(uri.query().unwrap_or_default());
    let (allowed, route) = match uri.path() {
        "/v1/status" => (Method::GET, Ok(Route::Ask(Question::Status))),
        "/v1/rules" => (Method::GET, Ok(Route::Ask(Question::Rules))),
        "/v1/backends" => (Method::GET, Ok(Route::Ask(Question::Backends))),
        "/v1/flows" => (Method::GET, query.flows()),
        "/v1/snat" => (Method::GET, Ok(Route::Ask(Question::Snat))),
        "/v1/counters" => (Method::GET, Ok(Route::Ask(Question::Counters))),
        "/v1/health" => (Method::GET, Ok(Route::Ask(Question::Health))),
        "/v1/nat" => (Method::GET, Ok(Route::Ask(Question::Nat))),
        "/v1/events" => (Method::GET, query.events()),
        "/metrics" => (Method::GET, Ok(Route::Ask(Question::Metrics))),
        "/v1/explain" => (Method::GET, query.explain()),
        "/v1/apply" => {
            let name = query.get("name").unwrap_or_else(|| "<request>".into());
            (Method::POST, Ok(Route::Apply(name)))
        }
        other => {
            let error = format!("there is no {other}; there is {PATHS}");
            return Err(Misrouted::new(StatusCode::NOT_FOUND, error));
        }
    };
    if *method == allowed {
        return route;
    }
    let error = format!(
        "{} takes {allowed}, not {method}; there is {PATHS}",
        uri.path()
    );
    Err(Misrouted::new(StatusCode::METHOD_NOT_ALLOWED, error))
}

/// The part of a request line behind the `?`.
struct Query<'a>(&'a str);

impl Query<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.0.as_bytes());
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    fn parsed<T: FromStr>(&self, name: &str, wanted: &str) -> Result<Option<T>, Misrouted> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            let error = format!("{name}={text}: {wanted}");
            Misrouted::new(StatusCode::BAD_REQUEST, error)
        })
    }

    fn flows(&self) -> Result<Route, Misrouted> {
        let limit = self.parsed("limit", "a whole number is wanted, like limit=100")?;
        let limit = limit.unwrap_or(FLOWS_LIMIT).min(FLOWS_MOST);
        Ok(Route::Ask(Question::Flows { limit }))
    }

    fn events(&self) -> Result<Route, Misrouted> {
        let after = self.parsed("after", "the number of an event is wanted, like after=12")?;
        let follow = self.parsed("follow", "true or false is wanted")?;
        Ok(Route::Events {
            after: after.unwrap_or(0),
            follow: follow.unwrap_or(false),
        })
    }

    fn explain(&self) -> Result<Route, Misrouted> {
        let packet = self.get("packet").ok_or_else(|| {
            let error = "packet= is missing: the packet to explain, like \
                         packet=tcp+198.51.100.7:40000+>+203.0.113.10:80+flags+S";
            Misrouted::new(StatusCode::BAD_REQUEST, error)
        })?;
        let from = self.get("from").unwrap_or_else(|| "uplink".into());
        Ok(Route::Ask(Question::Explain { packet, from }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(uri: &str) -> Result<Route, Misrouted> {
        route(&Method::GET, &uri.parse().expect("a URI"))
    }

    #[test]
    fn every_question_has_a_path() {
        let ask = |question| Ok(Route::Ask(question));
        assert_eq!(get("/v1/status"), ask(Question::Status));
        assert_eq!(get("/v1/flows"), ask(Question::Flows { limit: 50 }));
        assert_eq!(get("/v1/flows?limit=7"), ask(Question::Flows { limit: 7 }));
        assert_eq!(
            get("/v1/flows?limit=9999999"),
            ask(Question::Flows { limit: FLOWS_MOST })
        );
        assert_eq!(
            get("/v1/explain?from=web-1&packet=tcp%2010.0.0.4:1+%3E%20192.0.2.1:80"),
            ask(Question::Explain {
                packet: "tcp 10.0.0.4:1 > 192.0.2.1:80".into(),
                from: "web-1".into()
            })
        );
        assert_eq!(get("/metrics"), ask(Question::Metrics));
        let events = |after, follow| Ok(Route::Events { after, follow });
        assert_eq!(get("/v1/events"), events(0, false));
        assert_eq!(get("/v1/events?follow=true&after=7"), events(7, true));
        let apply = route(
            &Method::POST,
            &"/v1/apply?name=a%2Fb.yaml".parse().expect("a URI"),
        );
        assert_eq!(apply, Ok(Route::Apply("a/b.yaml".into())));
    }

    #[test]
    fn errors_say_what_exists() {
        for (uri, status) in [
            ("/", StatusCode::NOT_FOUND),
            ("/v1/rules/", StatusCode::NOT_FOUND),
            ("/v1/apply", StatusCode::METHOD_NOT_ALLOWED),
        ] {
            let misrouted = get(uri).expect_err(uri);
            assert_eq!(misrouted.status, status, "{uri}");
            assert!(
                misrouted.error.contains("GET /v1/status"),
                "{}",
                misrouted.error
            );
        }
        for uri in [
            "/v1/explain",
            "/v1/flows?limit=-1",
            "/v1/flows?limit=many",
            "/v1/events?follow=yes",
        ] {
            assert_eq!(
                get(uri).expect_err(uri).status,
                StatusCode::BAD_REQUEST,
                "{uri}"
            );
        }
    }
}
