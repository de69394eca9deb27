//! `trunkline calls`: live calls, one call in full, and the end of one.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::{
    api::view::{Call, CallInFull, Done, Leg},
    cli::{
        Common, Failure,
        client::{Client, escaped},
        print_json,
        table::{Align, Table, age, pairs},
    },
    ladder::Ladder,
};

/// Options of the verb.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the live calls.
    List,
    /// Show one call in full, also shortly after it ended.
    Show {
        /// The call's id.
        id: String,
        /// Draw its SIP messages as a ladder.
        #[arg(long)]
        ladder: bool,
        /// Write its SIP messages to a capture file.
        #[arg(long, value_name = "FILE")]
        pcap: Option<PathBuf>,
    },
    /// End one call.
    Hangup {
        /// The call's id.
        id: String,
    },
}

pub(crate) fn run(common: &Common, options: &Options) -> Result<(), Failure> {
    let client = Client::new(common)?;
    match &options.action {
        None | Some(Action::List) => list(common, &client),
        Some(Action::Show { id, ladder, pcap }) => show(common, &client, id, *ladder, pcap.as_ref()),
        Some(Action::Hangup { id }) => {
            let done: Done = client.delete(&format!("/api/v1/calls/{}", escaped(id)))?;
            if common.json {
                return print_json(&done);
            }
            println!("call {id} is being ended");
            Ok(())
        }
    }
}

fn list(common: &Common, client: &Client) -> Result<(), Failure> {
    let calls: Vec<Call> = client.get("/api/v1/calls")?;
    if common.json {
        return print_json(&calls);
    }
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("PHASE", Align::Left),
        ("AGE", Align::Right),
        ("FROM", Align::Left),
        ("TO", Align::Left),
        ("CALLER", Align::Left),
        ("CALLED", Align::Left),
        ("TRY", Align::Right),
    ]);
    for call in &calls {
        table.row([
            call.id.clone(),
            phase(call),
            age(call.age_s),
            call.from_trunk.clone(),
            call.to_trunk.clone().unwrap_or_else(|| "-".to_owned()),
            call.caller.clone(),
            call.called.clone(),
            call.attempt.to_string(),
        ]);
    }
    print!("{}", table.render());
    Ok(())
}

fn phase(call: &Call) -> String {
    if call.held {
        format!("{} (held)", call.phase)
    } else {
        call.phase.clone()
    }
}

fn show(
    common: &Common,
    client: &Client,
    id: &str,
    ladder: bool,
    pcap: Option<&PathBuf>,
) -> Result<(), Failure> {
    let path = format!("/api/v1/calls/{}", escaped(id));
    if let Some(file) = pcap {
        let capture = client.download(&format!("{path}/pcap"))?;
        std::fs::write(file, &capture)
            .with_context(|| format!("cannot write {}", file.display()))
            .map_err(Failure::Failed)?;
        eprintln!("{}: {} bytes", file.display(), capture.len());
    }
    if ladder {
        let ladder: Ladder = client.get(&format!("{path}/ladder"))?;
        if common.json {
            return print_json(&ladder);
        }
        print!("{}", ladder.text);
        return Ok(());
    }
    let call: CallInFull = client.get(&path)?;
    if common.json {
        return print_json(&call);
    }
    print!("{}", describe(&call));
    Ok(())
}

fn describe(full: &CallInFull) -> String {
    let Some(call) = &full.call else {
        return format!(
            "call {} has ended; {} SIP messages of it are kept: see --ladder and --pcap\n",
            full.id, full.messages
        );
    };
    let mut text = pairs(&[
        ("id", full.id.clone()),
        ("phase", phase(call)),
        ("age", age(call.age_s)),
        ("from trunk", call.from_trunk.clone()),
        ("to trunk", call.to_trunk.clone().unwrap_or_default()),
        ("caller", call.caller.clone()),
        ("called", call.called.clone()),
        ("attempt", call.attempt.to_string()),
        ("start", call.start.clone()),
        ("answer", call.answer.clone().unwrap_or_default()),
        ("codec", full.codec.clone().unwrap_or_default()),
        ("config epoch", full.config_epoch.unwrap_or_default().to_string()),
        ("SIP messages", full.messages.to_string()),
    ]);
    for (name, leg) in [("A", &full.a_leg), ("B", &full.b_leg)] {
        if let Some(leg) = leg {
            text.push_str(&describe_leg(name, leg));
        }
    }
    let mut table = Table::new(&[
        ("MEDIA FROM", Align::Left),
        ("IN AT", Align::Left),
        ("OUT TO", Align::Left),
        ("PACKETS", Align::Right),
        ("BYTES", Align::Right),
        ("LOST", Align::Right),
        ("JITTER MS", Align::Right),
    ]);
    for flow in &full.flows {
        table.row([
            flow.from.clone(),
            flow.local.clone(),
            flow.towards.clone().unwrap_or_else(|| "-".to_owned()),
            flow.packets.to_string(),
            flow.bytes.to_string(),
            flow.lost.to_string(),
            format!("{:.1}", flow.jitter_ms),
        ]);
    }
    text.push('\n');
    text.push_str(&table.render());
    text
}

fn describe_leg(name: &str, leg: &Leg) -> String {
    let rows = pairs(&[
        ("  Call-ID", leg.call_id.clone()),
        ("  local", format!("{} tag {}", leg.local, leg.local_tag)),
        (
            "  remote",
            format!("{} tag {}", leg.remote, leg.remote_tag.as_deref().unwrap_or("-")),
        ),
    ]);
    format!("{name}-leg\n{rows}")
}
