//! Repeats one unit of work so that a simulator can count its instructions: `icount WORK TIMES`.
//!
//! `scripts/bench-icount` runs it twice and divides the difference, which leaves start-up out.

use std::hint::black_box;
use std::process::ExitCode;

use trunkline_benches::{INVITE, routing, trunk_message, write_invite};
use trunkline_sip::parse;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (work, times) = (words.next(), words.next().and_then(|times| times.parse().ok()));
    let (Some(work), Some(times)) = (work, times) else {
        eprintln!("usage: icount parse|fields|write TIMES");
        return ExitCode::from(2);
    };
    let bytes = trunk_message(INVITE);
    let message = parse(&bytes).expect("the corpus accepts it");
    let mut buffer = vec![0; 65_535];
    for _ in 0..times {
        match work.as_str() {
            "parse" => drop(black_box(parse(black_box(&bytes)).is_ok())),
            "fields" => {
                if let Ok(message) = &parse(black_box(&bytes)) {
                    black_box(routing(message));
                }
            }
            _ => {
                black_box(write_invite(black_box(&message), &mut buffer));
                // Else nobody reads what was written, and it is not written.
                black_box(&buffer);
            }
        }
    }
    let _: u64 = times;
    ExitCode::SUCCESS
}
