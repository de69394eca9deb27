//! What an operator sees of a call: its ladder, with the messages of both sides, while it is up and after it ended.

use std::process::Output;
use std::time::Duration;

use trunkline_tests::conserve::{Expected, assert_conserved};
use trunkline_tests::edge::binary;
use trunkline_tests::topology::Host;

use crate::scene::{SOCKET, Scene, XDP, in_setups};

in_setups! { ladder:
    xdp_two_workers = XDP.two_workers();
    socket = SOCKET;
}

fn ladder(scene: &Scene) {
    let edge = scene.edge();
    let mut carrier = scene.carrier(Host::CarrierA, "uas_basic").start();
    let pbx = scene.caller("uac_basic").hold(Duration::from_millis(800)).start();
    carrier.wait_for_media(1);
    let id = ask(scene, &["calls", "--json"], |text| {
        let calls: serde_json::Value = serde_json::from_str(text).expect("--json prints JSON");
        calls[0]["id"].as_str().map(str::to_owned)
    });
    let show = ["calls", "show", &id, "--ladder"];
    ask(scene, &show, |text| holds(text, &["INVITE", "200"]).then_some(()));
    pbx.finish();
    carrier.finish();
    assert_conserved(
        &edge,
        &Expected {
            records: vec![200],
            ..Expected::default()
        },
    );
    // Each message stands once on each side: request and answers of the caller, and those of the callee.
    let ended = ask(scene, &show, |text| Some(text.to_owned()));
    for (message, times) in [("INVITE SDP", 4), ("180", 2), ("ACK", 2), ("BYE", 4)] {
        assert_eq!(ended.matches(message).count(), times, "{message} in\n{ended}");
    }
    edge.stop();
}

fn holds(text: &str, words: &[&str]) -> bool {
    words.iter().all(|word| text.contains(word))
}

/// What a verb prints, as soon as `read` finds in it what it looks for.
fn ask<T>(scene: &Scene, verb: &[&str], read: impl Fn(&str) -> Option<T>) -> T {
    let mut output = None;
    for _ in 0..20 {
        let output = output.insert(run(scene, verb));
        if let Some(found) = read(&String::from_utf8_lossy(&output.stdout)) {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{verb:?}: {output:?}");
}

fn run(scene: &Scene, verb: &[&str]) -> Output {
    let config = scene.topology.dir.path().join("trunkline.toml");
    let mut command = scene
        .topology
        .edge
        .command(binary().to_str().expect("the path is text"));
    command
        .arg("--config")
        .arg(config)
        .args(verb)
        .output()
        .expect("the binary runs")
}
