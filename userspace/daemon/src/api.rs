//! The admin interface: JSON over HTTP for programs, metrics for Prometheus.

pub(crate) mod guard;
pub(crate) mod server;
pub(crate) mod view;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use trunkline_engine::command::CallRecord;

use crate::{
    api::{
        guard::Guard,
        view::{Call, CallInFull, Done, Draining, Fault, Status, TrunkState},
    },
    edge::{Edge, ReloadRefused},
    explain::{Unexplained, explain},
    ladder::Ladder,
    metrics::Metrics,
    pcap,
    wall_clock::WallClock,
};

/// What every route can reach.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) edge: Arc<Edge>,
    pub(crate) metrics: Arc<Metrics>,
}

/// The OpenAPI document. A test holds it equal to the list of routes and to the types of [`view`].
const OPENAPI: &str = include_str!("api/openapi.json");

/// The routes of the admin interface.
pub(crate) fn router(context: Context, guard: Guard) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .route("/api/v1/openapi.json", get(openapi))
        .route("/api/v1/status", get(status))
        .route("/api/v1/calls", get(calls))
        .route("/api/v1/calls/{id}", get(call).delete(hang_up))
        .route("/api/v1/calls/{id}/ladder", get(ladder))
        .route("/api/v1/calls/{id}/pcap", get(capture))
        .route("/api/v1/trunks", get(trunks))
        .route("/api/v1/routes/explain", get(explain_route))
        .route("/api/v1/reload", post(reload))
        .route("/api/v1/drain", post(drain))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(guard, guard::check))
        .with_state(context)
}

/// Runs what waits for workers, the disk or the resolver away from the thread that serves connections.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Response> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        fault(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the question could not be worked on".to_owned(),
            Vec::new(),
        )
    })
}

fn fault(status: StatusCode, error: String, details: Vec<String>) -> Response {
    (status, Json(Fault { error, details })).into_response()
}

async fn healthz(State(context): State<Context>) -> Response {
    let state = view::state(&context.edge.engine);
    let status = if state == "serving" {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(serde_json::json!({ "state": state }))).into_response()
}

async fn metrics(State(context): State<Context>) -> Result<Response, Response> {
    let text = aside(move || context.metrics.render(&context.edge)).await?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn status(State(context): State<Context>) -> Result<Json<Status>, Response> {
    aside(move || Status::of(&context.edge)).await.map(Json)
}

async fn calls(State(context): State<Context>) -> Result<Json<Vec<Call>>, Response> {
    aside(move || {
        let clock = WallClock::now();
        let mut summaries = context.edge.engine.calls();
        summaries.sort_by_key(|summary| summary.start);
        summaries
            .iter()
            .map(|summary| Call::of(summary, &clock))
            .collect()
    })
    .await
    .map(Json)
}

/// The record of a call, or 404.
async fn record(context: &Context, id: &str) -> Result<CallRecord, Response> {
    let (engine, wanted) = (Arc::clone(&context.edge.engine), id.to_owned());
    aside(move || engine.call(&wanted))
        .await?
        .ok_or_else(|| no_call(id))
}

fn no_call(id: &str) -> Response {
    fault(
        StatusCode::NOT_FOUND,
        format!("there is no call \"{id}\", and none was kept"),
        Vec::new(),
    )
}

async fn call(State(context): State<Context>, Path(id): Path<String>) -> Result<Json<CallInFull>, Response> {
    let record = record(&context, &id).await?;
    Ok(Json(CallInFull::of(
        &id,
        record.detail.as_ref(),
        record.messages.len(),
        &WallClock::now(),
    )))
}

async fn hang_up(State(context): State<Context>, Path(id): Path<String>) -> Result<Json<Done>, Response> {
    let (engine, wanted) = (Arc::clone(&context.edge.engine), id.clone());
    let done = aside(move || engine.hang_up(&wanted)).await?;
    if done {
        Ok(Json(Done { done }))
    } else {
        Err(no_call(&id))
    }
}

async fn ladder(State(context): State<Context>, Path(id): Path<String>) -> Result<Json<Ladder>, Response> {
    let record = record(&context, &id).await?;
    Ok(Json(Ladder::of(
        &id,
        &context.edge.node,
        &record.messages,
        &WallClock::now(),
    )))
}

async fn capture(State(context): State<Context>, Path(id): Path<String>) -> Result<Response, Response> {
    let record = record(&context, &id).await?;
    let file = pcap::capture(&record.messages, &WallClock::now());
    Ok(([(header::CONTENT_TYPE, "application/vnd.tcpdump.pcap")], file).into_response())
}

async fn trunks(State(context): State<Context>) -> Json<Vec<TrunkState>> {
    Json(TrunkState::all(&context.edge.engine.plan(), &WallClock::now()))
}

/// A question about a route.
#[derive(Debug, Deserialize)]
struct Question {
    from: Option<String>,
    number: Option<String>,
}

async fn explain_route(State(context): State<Context>, Query(question): Query<Question>) -> Response {
    let (Some(from), Some(number)) = (question.from, question.number) else {
        return fault(
            StatusCode::BAD_REQUEST,
            "`from` and `number` are wanted".to_owned(),
            Vec::new(),
        );
    };
    // A plus that was not escaped in the URL arrives as a blank.
    let number = number.trim_start().to_owned();
    let plan = context.edge.engine.plan();
    match explain(&plan, WallClock::now().monotonic(), &from, &number, true) {
        Ok(explanation) => Json(explanation).into_response(),
        Err(reason @ Unexplained::Trunk(_)) => fault(StatusCode::NOT_FOUND, reason.to_string(), Vec::new()),
        Err(reason @ Unexplained::Number(_)) => {
            fault(StatusCode::UNPROCESSABLE_ENTITY, reason.to_string(), Vec::new())
        }
    }
}

async fn reload(State(context): State<Context>) -> Response {
    let outcome = match aside(move || context.edge.reload()).await {
        Ok(outcome) => outcome,
        Err(response) => return response,
    };
    match outcome {
        Ok(reloaded) => Json(reloaded).into_response(),
        Err(refused) => {
            let status = match refused {
                ReloadRefused::Engine(_) => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            fault(
                status,
                "the configuration was not taken over".to_owned(),
                refused.lines(),
            )
        }
    }
}

async fn drain(State(context): State<Context>) -> Json<Draining> {
    context.edge.drain();
    Json(Draining {
        draining: true,
        calls_active: context.edge.engine.active(),
    })
}

async fn unknown() -> Response {
    fault(
        StatusCode::NOT_FOUND,
        "there is nothing here; see /api/v1/openapi.json".to_owned(),
        Vec::new(),
    )
}

async fn wrong_method() -> Response {
    fault(
        StatusCode::METHOD_NOT_ALLOWED,
        "not with this method; see /api/v1/openapi.json".to_owned(),
        Vec::new(),
    )
}

#[cfg(test)]
mod tests;
